#!/bin/sh
# Runs tests and sums them up: make check, make sanitize, make tsan
#
#   BUILD=build tests/check.sh PART …
#
#   house      tests/house/house.sh
#   plain      unit and integration tests
#   openapi    tests/openapi/run.sh, on what the integration tests of `plain` have seen
#   clients    tests/clients/run.sh
#   sanitize   both under ASan, LeakSanitizer and UBSan
#   tsan       both under TSan, with plain loops in place of OpenBLAS, which TSan
#              cannot see into
#   bits       tests/bits/compare.sh
#   mutants    tests/mutants/run.sh
#   fault      kill -9 under load, the short form of make torture
#
# Tests of check count one each; a script counts what its last line says ("3
# passed, 0 failed"), or as one.  Shows what a part that failed has printed, and of
# the others what they have measured.  The last line is the sum; exits 1 when
# anything failed.  What make was told (WERROR=1) reaches each build through
# MAKEFLAGS.
set -u
cd "$(dirname "$0")/.." || exit 1
build=${BUILD:-build}
tests/dependencies.sh check || exit 1
PROMTOOL=$(tests/promtool.sh "$build") || exit 1
export PROMTOOL

log=$(mktemp)
trap 'rm -f "$log"' EXIT
trap 'exit 1' INT TERM
passed=0
failed=0

# Sum up what a part printed into $log.
count() { # name, its exit status, seconds
    counts=$(awk '
        /^[0-9]+%: Checks: / { gsub(",", ""); ran += $3; bad += $5 + $7; counted = 1 }
        /^[0-9]+ passed, [0-9]+ failed$/ { ran += $1 + $3; bad += $3; counted = 1 }
        END { if (!counted) { ran = 1; bad = 0 } print ran - bad, bad }' "$log")
    part_passed=${counts% *}
    part_failed=${counts#* }
    if [ "$2" -ne 0 ] && [ "$part_failed" -eq 0 ]; then
        part_failed=1
        [ "$part_passed" -ne 1 ] || part_passed=0
    fi
    if [ "$part_failed" -ne 0 ]; then
        cat "$log"
    else
        grep -E '^[a-z ]+: .*[0-9]|^[0-9]+ of ' "$log"
    fi
    echo "$1: $part_passed passed, $part_failed failed ($3 s)"
    passed=$((passed + part_passed))
    failed=$((failed + part_failed))
}

run() { # name, command …
    name=$1
    shift
    start=$(date +%s)
    timeout --foreground --kill-after=10 900 "$@" > "$log" 2>&1
    status=$?
    [ "$status" -ne 124 ] || echo "$name: not finished after 900 s" >> "$log"
    count "$name" "$status" "$(($(date +%s) - start))"
}

# Reports of the sanitizers go to files, as a daemon's standard error may be
# nobody's.  One report fails the part, whatever the tests say.
run_instrumented() { # name, folder, command …
    name=$1
    reports=$PWD/$2/report
    shift 2
    rm -f "$reports".*
    start=$(date +%s)
    options="log_path=$reports:halt_on_error=1"
    # A small quarantine: tests look at how much memory the daemon keeps.
    ASAN_OPTIONS=$options:quarantine_size_mb=32:detect_stack_use_after_return=1 \
        UBSAN_OPTIONS=$options:print_stacktrace=1 TSAN_OPTIONS=$options \
        timeout --foreground --kill-after=10 900 "$@" > "$log" 2>&1
    status=$?
    if ls "$reports".* > /dev/null 2>&1; then
        cat "$reports".* >> "$log"
        [ "$status" -ne 0 ] || status=1
    fi
    count "$name" "$status" "$(($(date +%s) - start))"
}

# A build says nothing when it succeeds; one that fails counts as a failed test.
compile() { # folder, make's variables …
    folder=$1
    shift
    jobs=-j$(nproc)
    case "${MAKEFLAGS:-}" in *-j*) jobs= ;; esac
    echo "building $folder"
    # shellcheck disable=SC2086 # may be no word at all
    if ! make -s $jobs BUILD="$folder" "$@" "$folder/mlpd" "$folder/unit" "$folder/integration" \
        > "$log" 2>&1; then
        cat "$log"
        echo "$folder: cannot be built"
        failed=$((failed + 1))
        return 1
    fi
    cat "$log" # warnings
}

for part in "$@"; do
    case "$part" in
    house) run house tests/house/house.sh ;;
    bits) run bits tests/bits/compare.sh ;;
    # An error may leave a variable unused, and is to be found by a test.
    mutants) run mutants env MAKEFLAGS= WERROR= tests/mutants/run.sh ;;
    plain)
        if compile "$build"; then
            run unit "$build/unit"
            rm -f "$build/exchanges"
            MLPD_EXCHANGES=$build/exchanges MLPD=$build/mlpd run integration "$build/integration"
        fi
        ;;
    clients)
        if compile "$build"; then
            MLPD=$build/mlpd run clients tests/clients/run.sh
        fi
        ;;
    fault)
        if compile "$build" "$build/crash"; then
            run fault "$build/crash" "$build/mlpd" 50
        fi
        ;;
    openapi) run openapi tests/openapi/run.sh "$build" ;;
    sanitize)
        folder=$build/sanitize
        if compile "$folder" SANITIZE=address,undefined CFLAGS='-O1 -g'; then
            run_instrumented 'unit, ASan and UBSan' "$folder" "$folder/unit"
            # With a store, which the plain tests are without.
            MLPD_TEST_STORE=1 MLPD=$folder/mlpd run_instrumented 'integration, ASan and UBSan' \
                "$folder" "$folder/integration"
        fi
        ;;
    tsan)
        folder=$build/tsan
        if compile "$folder" SANITIZE=thread PLAIN_PRODUCT=1 CFLAGS='-O1 -g'; then
            run_instrumented 'unit, TSan' "$folder" "$folder/unit"
            # What threads meet in; the rest is read and written by one.
            for suite in models batches changes idempotency predictions evaluations loss streams \
                concurrency many checkpoints promotions store stored_checkpoints exports imports \
                process slow metrics acceptor; do
                MLPD_TEST_STORE=1 MLPD=$folder/mlpd run_instrumented "integration $suite, TSan" \
                    "$folder" "$folder/integration" "$suite"
            done
        fi
        ;;
    *)
        echo "$0: there is no part $part" >&2
        exit 2
        ;;
    esac
done

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
