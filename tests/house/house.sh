#!/bin/sh
# The rules of the house: who may include whom, who knows which library.
#
# Prints each violation as file:line, then proves that each rule can fail, on a
# copy of the tree with one planted violation a time.  The last line counts rules
# and plants: make check
set -eu
cd "$(dirname "$0")/../.."

# The rooms that know what nobody else knows.
# The bare server is what the benchmarks set beside mlpd.
export HTTP_ROOM='(server/http(_loop|_headers|_answer)?[.]c|server/http_answer[.]h|tests/bench/swallow[.]c)'
export BLAS_ROOM='core/maths/product.c'
export MEMORY_ROOM='core/base/memory.c'

sources() {
    find core api server tests -name '*.[ch]' | sort
}

# Layers point one way, server → api → core; libraries stay in their layers.
includes_point_down() {
    # shellcheck disable=SC2046 # one word a file
    grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]*[<"]' $(sources) | awk -F: '
        function refuse(why) { print $1 ":" $2 ": " why ": " what }
        BEGIN {
            may["core"] = " core "; may["api"] = " api core "; may["server"] = " server api core "
            may["tests"] = " tests server api core "
        }
        {
            layer = $1; sub("/.*", "", layer)
            what = $3; system_header = what ~ /</
            gsub(/^[^<"]*[<"]|[>"].*$/, "", what)
            other = what; sub("/.*", "", other)
            if (other in may) {
                if (!index(may[layer], " " other " ")) refuse(layer " may not include " other)
            } else if (!system_header) {
                refuse("not named from the root")
            } else if (what ~ /microhttpd/ && $1 !~ "^" ENVIRON["HTTP_ROOM"]) {
                refuse("only " ENVIRON["HTTP_ROOM"] " knows libmicrohttpd")
            } else if (what ~ /jansson/ && layer == "core") {
                refuse("core knows no JSON")
            } else if (what ~ /curl/ && layer != "tests") {
                refuse("only tests know curl")
            }
        }'
}

# Of grep's lines, those that are no comment of their own.
without_comments() {
    grep -vE '^[^:]*:[0-9]+:[[:space:]]*(/?\*|//|#[^i])' || true
}

# Lines that match, outside one room.
only_in() { # room, pattern, what is wrong, folder …
    room=$1 pattern=$2 why=$3
    shift 3
    grep -rnE --include='*.[ch]' "$pattern" "$@" | grep -v "^$room:" |
        without_comments | sed "s,^\([^:]*:[0-9]*\):.*,\1: $why,"
}

only_the_product_calls_blas() {
    only_in "$BLAS_ROOM" '(^|[^A-Za-z0-9_])(cblas_|openblas_|cblas\.h|[sd](gemm|gemv|axpy)_)' \
        "only $BLAS_ROOM calls BLAS" core api server tests
}

only_memory_allocates() {
    only_in "$MEMORY_ROOM" \
        '(^|[^A-Za-z0-9_])(malloc|calloc|realloc|reallocarray|free|strn?dup|aligned_alloc|posix_memalign|v?asprintf)[[:space:]]*\(' \
        "only $MEMORY_ROOM allocates" core api server
}

# What stays of the headers' graph once what includes nothing left, and what
# nothing left includes, is taken away again and again.
no_headers_include_each_other() {
    grep -rnE --include='*.h' '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' core api server tests |
        awk -F'[:"]' '
        { from[NR] = $1; line[NR] = $2; to[NR] = $4 }
        END {
            do {
                split("", includes); split("", included); taken = 0
                for (i in from) { includes[from[i]] = 1; included[to[i]] = 1 }
                for (i in from) {
                    if (!(to[i] in includes) || !(from[i] in included)) { delete from[i]; taken = 1 }
                }
            } while (taken)
            for (i in from) print from[i] ":" line[i] ": is in a circle of includes: " to[i]
        }'
}

top_level_is_known() {
    for name in *; do
        case "$name" in
        server | core | api | tests | docker | build | Makefile | README.md | LICENSE) ;;
        *) echo "$name:1: does not belong at the top level" ;;
        esac
    done
}

# One binary runs everywhere.
no_build_for_one_cpu() {
    grep -rnIE -e '-m(arch|cpu|tune)=nativ[e]' Makefile core api server tests docker .ci |
        without_comments | sed 's/\(:[0-9]*\):.*/\1: builds for one CPU/'
}

RULES='includes_point_down only_the_product_calls_blas only_memory_allocates
    no_headers_include_each_other top_level_is_known no_build_for_one_cpu'

passed=0
failed=0

for rule in $RULES; do
    violations=$($rule)
    if [ -z "$violations" ]; then
        passed=$((passed + 1))
    else
        echo "$violations"
        failed=$((failed + 1))
    fi
done

# --- each rule can fail --------------------------------------------------------

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -r Makefile core api server tests docker .ci "$copy"
cd "$copy"

plant() { # rule, file, line of source
    saved=
    [ ! -e "$2" ] || saved=$(mktemp "$copy/.saved.XXXXXX")
    [ -z "$saved" ] || cp "$2" "$saved"
    printf '%s\n' "$3" >> "$2"
    if $1 | grep -q "^$2:$(wc -l < "$2"): "; then
        passed=$((passed + 1))
    else
        echo "$0: $1 does not notice \"$3\" in $2"
        failed=$((failed + 1))
    fi
    if [ -n "$saved" ]; then mv "$saved" "$2"; else rm "$2"; fi
}

plant includes_point_down core/base/error.c '#include "api/call.h"'
plant includes_point_down core/base/error.h '#include "server/log.h"'
plant includes_point_down api/call.c '#include "server/http.h"'
plant includes_point_down api/call.c '#  include <server/http.h>'
plant includes_point_down server/main.c '#include "tests/unit/expect.h"'
plant includes_point_down server/main.c '#include "http.h"'
plant includes_point_down api/call.c '#include "../core/base/error.h"'
plant includes_point_down core/maths/loss.c '#include <jansson.h>'
plant includes_point_down core/engine/engine.c '#include <curl/curl.h>'
plant includes_point_down api/call.h '#include <microhttpd.h>'
plant includes_point_down server/exchange.c '#include <microhttpd.h>'
plant only_the_product_calls_blas core/maths/pass.c '#include <cblas.h>'
plant only_the_product_calls_blas core/maths/pass.c '    cblas_sgemm(CblasRowMajor);'
plant only_the_product_calls_blas server/main.c '    openblas_set_num_threads(1);'
plant only_memory_allocates core/engine/model.c '    float *w = malloc(4);'
plant only_memory_allocates api/call.c '    free(call);'
plant only_memory_allocates server/http.c '    char *name = strdup (target);'
printf '#include "core/base/error.h"\n' >> core/base/new.h
plant no_headers_include_each_other core/base/error.h '#include "core/base/new.h"'
rm core/base/new.h
plant top_level_is_known notes.txt 'anything'
plant no_build_for_one_cpu Makefile 'CFLAGS += -march=nati''ve'

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
