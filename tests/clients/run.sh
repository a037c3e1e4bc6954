#!/bin/sh
# Real clients against a live daemon: curl, Node's fetch, Python's urllib.request and
# http.client.
#
#   MLPD=build/mlpd tests/clients/run.sh [CLIENT …]
#
# Each client is one file here.  All do the same: create a model, train it (JSON, and
# safetensors written by hand, over one connection), wait, follow the loss, predict,
# and have their wrong calls refused.  A client finds the daemon by MLPD_ORIGIN, has a
# token of each scope in ADMIN_TOKEN, TRAIN_TOKEN and READ_TOKEN and a folder in
# SCRATCH; it prints what it finds wrong, "weights HASH" of the model it has trained,
# and ends with "N passed, N failed".  The same batches give the same weights, so all
# hashes must be equal: one more test.
#
# Starts the daemon on a free port and leaves nothing behind.  The last line is the sum.
set -eu
cd "$(dirname "$0")/../.."
program=$(realpath "${MLPD:-build/mlpd}")
cd tests/clients
[ $# -gt 0 ] || set -- curl.sh fetch.mjs urllib_request.py http_client.py

SCRATCH=$(mktemp -d)
daemon=
clean_up() {
    [ -z "$daemon" ] || kill "$daemon" 2> /dev/null || true
    [ -z "$daemon" ] || wait "$daemon" 2> /dev/null || true
    rm -rf "$SCRATCH"
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM

# ---- the daemon ----

ADMIN_TOKEN=admin-of-the-clients TRAIN_TOKEN=trainer-of-the-clients READ_TOKEN=reader-of-the-clients
umask 077
for scope in admin train read; do
    case "$scope" in
    admin) token=$ADMIN_TOKEN ;;
    train) token=$TRAIN_TOKEN ;;
    *) token=$READ_TOKEN ;;
    esac
    echo "$scope $(printf %s "$token" | "$program" --hash-token)"
done > "$SCRATCH/tokens"

"$program" --listen 127.0.0.1:0 --port-file "$SCRATCH/port" --token-file "$SCRATCH/tokens" \
    2> "$SCRATCH/log" &
daemon=$!
tries=0
until [ -s "$SCRATCH/port" ]; do
    tries=$((tries + 1))
    if [ "$tries" -gt 1000 ] || ! kill -0 "$daemon" 2> /dev/null; then
        cat "$SCRATCH/log"
        echo "$0: $program does not answer"
        exit 1
    fi
    sleep 0.02
done
MLPD_ORIGIN=http://127.0.0.1:$(cat "$SCRATCH/port")
export MLPD_ORIGIN ADMIN_TOKEN TRAIN_TOKEN READ_TOKEN SCRATCH

# ---- the clients ----

interpreter() { # file
    case "$1" in
    *.sh) echo sh ;;
    *.mjs) echo node ;;
    *.py) echo python3 ;;
    esac
}

passed=0
failed=0
hashes=
for client in "$@"; do
    status=0
    timeout 120 "$(interpreter "$client")" "$client" > "$SCRATCH/out" 2>&1 || status=$?
    counts=$(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$SCRATCH/out" | tail -n 1)
    [ -n "$counts" ] || counts='0 1'
    if [ "$status" -ne 0 ] && [ "${counts#* }" -eq 0 ]; then
        counts="${counts% *} 1"
    fi
    [ "${counts#* }" -eq 0 ] || cat "$SCRATCH/out"
    echo "$client: ${counts% *} passed, ${counts#* } failed"
    passed=$((passed + ${counts% *}))
    failed=$((failed + ${counts#* }))
    hashes="$hashes$(sed -n 's/^weights //p' "$SCRATCH/out")
"
done

if [ "$(printf %s "$hashes" | grep -cE '^[0-9a-f]{64}$')" -eq $# ] &&
    [ "$(printf %s "$hashes" | sort -u | wc -l)" -eq 1 ]; then
    passed=$((passed + 1))
else
    printf 'The weights of the clients differ, or are missing:\n%s' "$hashes"
    failed=$((failed + 1))
fi

# ---- the end ----

kill "$daemon"
status=0
wait "$daemon" || status=$?
daemon=
if [ "$status" -eq 0 ]; then
    passed=$((passed + 1))
else
    cat "$SCRATCH/log"
    echo "the daemon ended with $status at SIGTERM; wanted 0"
    failed=$((failed + 1))
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
