#!/bin/sh
# Builds tests/bits/bits.c and the mathematics five ways and compares what the
# builds compute, to the bit: gcc with every CPU variant, gcc for the baseline
# CPU, gcc for AVX2 with FMA at hand, gcc without optimisation, clang.  Any
# difference is a defect of core/maths (a sum whose order the compiler may choose,
# a contraction, a product by 1 that may be left out, a function of libm).
# Run from the root: make check-bits
set -eu
cd "$(dirname "$0")/../.."

output=$(mktemp -d)
trap 'rm -rf "$output"' EXIT

build() { # name, then make's variables
    name=$1
    shift
    make -s -j2 BUILD="build/bits-$name" LIBRARY_SOURCES="$(echo core/base/*.c core/maths/*.c)" \
        "$@" "build/bits-$name/bits"
    "build/bits-$name/bits" > "$output/$name"
}

build gcc CC=gcc
build baseline CC=gcc ONE_VARIANT=1
if grep -qw avx2 /proc/cpuinfo && grep -qw fma /proc/cpuinfo; then
    CFLAGS='-O3 -g -mavx2 -mfma' build avx2 CC=gcc ONE_VARIANT=1
fi
CFLAGS='-O0 -g' build plain CC=gcc ONE_VARIANT=1
build clang CC=clang

failed=0
for other in "$output"/*; do
    if ! diff "$output/gcc" "$other" > "$output/difference"; then
        echo "gcc (<) and $(basename "$other") (>) differ:"
        cat "$output/difference"
        failed=1
    fi
    rm -f "$output/difference"
done
[ "$failed" = 0 ] || exit 1
printf 'bits: %s parts equal in the builds %s\n' "$(wc -l < "$output/gcc")" \
    "$(cd "$output" && echo *)"
grep '^100' "$output/gcc"
