#!/bin/bash
# mlpd behind HAProxy and nginx, configured by docker/haproxy.cfg and docker/nginx.conf:
#
#   make check-proxies
#   MLPD=build/mlpd INTEGRATION=build/integration tests/proxies/run.sh [PROXY …]
#
# For each proxy: every integration test through it (those that cannot be are listed with
# their reason), the attacks of tests/integration/test_smuggling.c among them; then, with
# TLS and over unix sockets as the file has it, a client of HTTP/2 that trains, and what
# the proxy answers by itself.  Nobody's ports are used, no root is needed, and the
# system's own proxies are left alone.  QUICK=1 leaves out the integration tests.  The last
# line counts.
set -euo pipefail
cd "$(dirname "$0")/../.."
mlpd=$(realpath "${MLPD:-build/mlpd}")
integration=$(realpath "${INTEGRATION:-build/integration}")
PATH=$PATH:/usr/sbin
[ $# -gt 0 ] || set -- haproxy nginx

scratch=$(mktemp -d)
daemon=
proxy=
events=
end() { # process
    [ -z "$1" ] || kill "$1" 2> /dev/null || true
    [ -z "$1" ] || wait "$1" 2> /dev/null || true
}
clean_up() {
    end "$events"
    end "$proxy"
    end "$daemon"
    rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM

passed=0
failed=0
want() { # what, found, wanted
    if [ "$2" = "$3" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "$name: $1: found '$2'; wanted '$3'"
    fi
}
await() { # what, file
    local tries
    for tries in $(seq 1000); do
        [ ! -e "$2" ] || return 0
        sleep 0.02
    done
    echo "$name: $1 does not answer after $tries tries"
    cat "$scratch"/*log 2> /dev/null || true
    return 1
}

await_line() { # line of the events
    local tries
    for tries in $(seq 1000); do
        ! grep -qx "$1" "$scratch/events" 2> /dev/null || return 0
        sleep 0.02
    done
    echo "$name: no event '$1' after $tries tries"
}

# ---- every test through a proxy ----

through() { # proxy
    name=$1
    local counts skipped start=$SECONDS
    MLPD=$mlpd MLPD_PROXY=$PWD/tests/proxies/$1.sh "$integration" > "$scratch/out" 2>&1 || true
    counts=$(sed -n 's/^integration: \([0-9]*\) of \([0-9]*\) tests passed, \([0-9]*\) .*/\1 \2 \3/p' "$scratch/out")
    [ -n "$counts" ] || counts='0 1 0'
    read -r good all bad_ends <<< "$counts"
    skipped=$(grep -c 'skipped behind the proxy: ' "$scratch/out" || true)
    passed=$((passed + good - skipped))
    failed=$((failed + all - good + bad_ends))
    [ "$((all - good + bad_ends))" -eq 0 ] || cat "$scratch/out"
    grep 'skipped behind the proxy: ' "$scratch/out" | sort | uniq -c |
        sed "s/^ *\([0-9]*\) integration: skipped behind the proxy: \(.*\)_fn: /$name: skipped \1 times: \2: /" || true
    echo "$name: $((good - skipped)) of $all integration tests passed, $skipped skipped ($((SECONDS - start)) s)"
}

# ---- the file as it is, but for the names of sockets and certificates ----

start_haproxy() {
    cat "$scratch/crt" "$scratch/key" > "$scratch/pem"
    sed -e "s|bind :443|bind unix@$scratch/front|" -e "s|/etc/haproxy/mlpd.pem|$scratch/pem|" \
        -e "s|/run/mlpd/mlpd.sock|$scratch/socket|" docker/haproxy.cfg > "$scratch/haproxy.cfg"
    haproxy -q -db -f "$scratch/haproxy.cfg" > "$scratch/haproxy.log" 2>&1 &
    proxy=$!
}

start_nginx() {
    mkdir -p "$scratch/nginx"
    sed -e "s|listen 443|listen unix:$scratch/front|" -e "s|/etc/nginx/mlpd|$scratch/mlpd|" \
        -e "s|/run/mlpd/mlpd.sock|$scratch/socket|" docker/nginx.conf > "$scratch/nginx/mlpd.conf"
    cp "$scratch/crt" "$scratch/mlpd.crt"
    cp "$scratch/key" "$scratch/mlpd.key"
    tests/proxies/nginx_around.sh "$scratch/nginx" > "$scratch/nginx/nginx.conf"
    nginx -p "$scratch/nginx" -e "$scratch/nginx.log" -c "$scratch/nginx/nginx.conf" &
    proxy=$!
}

call() { # path, curl's arguments …: the status, then a blank, then the body in one line
    local path=$1
    shift
    curl -sS --max-time 60 --unix-socket "$scratch/front" --cacert "$scratch/crt" \
        -D "$scratch/head" -o "$scratch/body" -w '%{http_code} ' "https://localhost$path" "$@" || true
    tr -d '\n' < "$scratch/body"
}

field() { # header
    sed -n "s/^$1: *//Ip" "$scratch/head" | tr -d '\r'
}

as_the_file_has_it() { # proxy
    name=$1
    rm -f "$scratch/front" "$scratch/socket"
    "$mlpd" --listen "unix:$scratch/socket" --port-file "$scratch/port" 2> "$scratch/mlpd.log" &
    daemon=$!
    await mlpd "$scratch/port"
    "start_$1"
    await "$1" "$scratch/front"

    local found
    found=$(call /v1/models --http2 --json '{"name": "m", "inputs": 2, "layers": [2]}')
    want 'create' "${found%% *}" 201
    want 'HTTP/2' "$(head -n 1 "$scratch/head" | cut -c 1-6)" HTTP/2
    found=$(call /v1/models/m/batches -H 'Prefer: wait=30' --json '{"inputs": [[1,2]], "labels": [0]}')
    want 'train' "${found%%,\"loss*}" '200 {"batch":1,"state":"trained","step":1'
    want 'a request gets a name' "$(field X-Request-Id | grep -cE '^[0-9a-f-]{32,36}$')" 1
    found=$(call /v1/models/m -H 'X-Request-Id: mine-1')
    want 'a request keeps its name' "${found%% *} $(field X-Request-Id)" '200 mine-1'
    found=$(call /v1/models/m/predictions --http1.1 --json '{"inputs": [[1,2]]}')
    want 'predict' "${found%%,\"predictions*}" '200 {"model":"m","step":1'
    # Events come one by one: the second batch is trained while the stream is open.
    curl -sSN --unix-socket "$scratch/front" --cacert "$scratch/crt" -H 'Accept: text/event-stream' \
        https://localhost/v1/models/m/loss > "$scratch/events" &
    events=$!
    await_line 'id: 1'
    found=$(call /v1/models/m/batches --json '{"inputs": [[1,2]], "labels": [0]}')
    await_line 'id: 2'
    want 'events as they happen' "$(grep -c '^id: [12]$' "$scratch/events")" 2
    end "$events"
    events=

    # Over HTTP/2 curl may see its stream reset before it reads the answer.
    found=$(call /v1/models/m/batches --http1.1 -H 'Content-Type: application/json' --data-binary "@$scratch/large")
    want '64 MiB and a byte' "${found%% *}" 413
    want '64 MiB and a byte: type' "$(field Content-Type)" application/problem+json

    end "$daemon"
    daemon=
    found=$(call /v1/models/m)
    want 'mlpd has ended' "$(case "${found%% *}" in 502 | 503) echo 5xx ;; *) echo "$found" ;; esac)" 5xx
    want 'mlpd has ended: type' "$(field Content-Type)" application/problem+json
    end "$proxy"
    proxy=
    rm -f "$scratch/port"
}

openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost -keyout "$scratch/key" -out "$scratch/crt" 2> /dev/null
truncate -s 67108865 "$scratch/large"

for proxy_name in "$@"; do
    as_the_file_has_it "$proxy_name"
    [ -n "${QUICK:-}" ] || through "$proxy_name"
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
