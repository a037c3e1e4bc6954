#!/bin/sh
# Do the unit tests notice an error in the mathematics?
#
# Every line of list.tsv is one small error: a file, a text that occurs in it
# exactly once, what takes its place, and what that means.  Each error is planted
# alone in a copy of core/base, core/maths and those unit tests that need nothing
# else; what changed is compiled again at -O1, and the tests run: first the suite
# named after the file, then all.  They must fail.  Two copies work side by side,
# in a temporary folder; the sources themselves are only read.
#
# Prints each error that no test noticed and `N of N mutants caught`; exits 1 when
# one was not caught, no longer applies or does not compile.  A mutant that runs
# for more than two minutes or crashes is caught.
#
# Run from the root: make mutants
set -eu
cd "$(dirname "$0")/../.."

work=$(mktemp -d)
workers=
trap 'rm -rf "$work"' EXIT
trap '[ -z "$workers" ] || kill $workers 2> /dev/null; exit 1' INT TERM

# --- the copies ----------------------------------------------------------------

copy=$work/1
mkdir -p "$copy/tests/unit"
cp -r --parents core/base core/maths tests/reference tests/data "$copy"
cp Makefile "$copy"
cp tests/unit/*.h tests/unit/main.c tests/unit/failure.c "$copy/tests/unit"
suites=
for test in tests/unit/test_*.c; do
    if ! ${CC:-gcc} -MM -I. -D_GNU_SOURCE "$test" |
        grep -qE '(^| )(api|server|core/engine|core/store)/'; then
        cp "$test" "$copy/tests/unit"
        name=$(basename "$test" .c)
        suites="$suites SUITE(${name#test_})"
    fi
done
SUITES=$suites perl -0777 -pi -e \
    's/#define SUITES\(SUITE\)(?:[^\n]*\\\n)*[^\n]*\n/#define SUITES(SUITE)$ENV{SUITES}\n/' \
    "$copy/tests/unit/suites.h"

compile() { # in a copy: build the unit tests
    CFLAGS=-O1 make -s BUILD=build ONE_VARIANT=1 build/unit > build.log 2>&1
}

if ! (cd "$copy" && MAKEFLAGS=-j2 compile && ./build/unit > unit.log 2>&1); then
    echo "the unit tests fail without any mutant:"
    tail -n 20 "$copy/build.log" "$copy/unit.log"
    exit 1
fi
cp -a "$copy" "$work/2"

# --- the mutants -----------------------------------------------------------------

tests_fail() { # with this suite, or with all
    suite=$(basename "$1")
    suite=${suite%.*}
    if [ -f "tests/unit/test_$suite.c" ]; then
        CK_RUN_SUITE=$suite timeout 120 ./build/unit > unit.log 2>&1 || return 0
    fi
    ! timeout 120 ./build/unit > unit.log 2>&1
}

# Every second mutant, in this copy.  A line of results a mutant.
run_mutants() {
    cd "$work/$1"
    tab=$(printf '\t')
    grep -v '^#' ../list | awk -v mine="$1" 'NR % 2 == mine % 2' |
        while IFS=$tab read -r file old new what; do
            cp -p "$file" original
            if ! OLD=$old NEW=$new perl -0777 -pi -e \
                '$found = s/\Q$ENV{OLD}\E/$ENV{NEW}/g; exit 1 if $found != 1' "$file" ||
                cmp -s "$file" original; then
                echo "does not apply: $file: $what: $old"
            elif ! compile; then
                echo "does not compile: $file: $what: $(grep -m1 error build.log)"
            elif tests_fail "$file"; then
                echo "caught: $file: $what"
            else
                echo "NOT CAUGHT: $file: $what"
            fi
            cp original "$file" # with a new date, so that it is compiled again
        done > "../results.$1"
    # What failed must have failed for the mutants' sake.
    if ! compile || ! timeout 120 ./build/unit > unit.log 2>&1; then
        echo "the unit tests fail in copy $1 after the last mutant was taken out" >> "../results.$1"
    fi
}

cp tests/mutants/list.tsv "$work/list"
run_mutants 1 &
workers=$!
run_mutants 2 &
workers="$workers $!"
wait

cat "$work"/results.* > "$work/results"
grep -v '^caught' "$work/results" || true
[ -z "${VERBOSE:-}" ] || grep '^caught' "$work/results"
caught=$(grep -c '^caught' "$work/results" || true)
all=$(grep -vc '^#' "$work/list")
echo "$caught of $all mutants caught"
[ "$caught" = "$all" ] && [ "$(wc -l < "$work/results")" = "$all" ]
