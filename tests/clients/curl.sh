#!/bin/sh
# curl, as one would type it; see run.sh.
set -u
models=$MLPD_ORIGIN/v1/models
admin="Authorization: Bearer $ADMIN_TOKEN"
passed=0
failed=0

# ---- one call ----

# Leaves the status in $status, headers in $head, the body in $body.
head=$SCRATCH/curl.head
body=$SCRATCH/curl.body
call() { # curl's arguments
    : > "$body"
    status=$(curl -sS -D "$head" -o "$body" -w '%{http_code}' "$@") || true
}
as_admin() {
    call -H "$admin" "$@"
}

field() { # name: of the body, its first value of that name that is no object
    grep -oE "\"$1\":(\"[^\"]*\"|[^],}]*)" "$body" | head -n 1 | sed "s/^\"$1\"://; s/\"//g"
}
header() { # name
    sed -n "s/^$1: //Ip" "$head" | tr -d '\r'
}

want() { # what, found, wanted
    if [ "$2" = "$3" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "curl: $1: found '$2'; wanted '$3'"
        [ ! -s "$body" ] || head -c 600 "$body"
    fi
}
want_in() { # what, found, pattern of grep
    if printf '%s\n' "$2" | grep -q -- "$3"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "curl: $1: found '$2'; wanted something like '$3'"
    fi
}
want_problem() { # what, status [, pointer]
    want "$1: status" "$status" "$2"
    want "$1: type" "$(header Content-Type)" application/problem+json
    want "$1: status in the document" "$(field status)" "$2"
    [ $# -lt 3 ] || want "$1: pointer" "$(field pointer)" "$3"
}

await_line() { # pattern, file
    tries=0
    until grep -q "$1" "$2" || [ "$tries" -eq 3000 ]; do
        tries=$((tries + 1))
        sleep 0.02
    done
}

# ---- create ----

new='{"name": "curl", "inputs": 2, "layers": [8, 2], "optimizer": {"name": "adam", "learning_rate": 0.05}}'
call "$models" --json "$new"
want_problem 'no token' 401
want 'no token: what to send' "$(header WWW-Authenticate)" 'Bearer realm="mlpd"'
call -H "Authorization: Bearer $READ_TOKEN" "$models" --json "$new"
want_problem 'a reader creates' 403
as_admin "$models" --json "$new"
want 'create' "$status" 201
want 'create: Location' "$(header Location)" /v1/models/curl
want 'create: type' "$(header Content-Type)" application/json
etag=$(header ETag)
as_admin "$models" --json "$new"
want_problem 'create again' 409
model=$models/curl

# ---- train ----

table='0,0,0
0,1,1
1,0,1
1,1,0'
batch='{"inputs": [[0,0],[0,1],[1,0],[1,1]], "labels": [0,1,1,0]}'
for i in 1 2 3 4 5 6 7 8 9 10; do
    as_admin "$model/batches" -H 'Prefer: wait=30' --json "$batch"
    want "batch $i" "$status $(field batch) $(field state) $(field step)" "200 $i trained $i"
done
want 'the preference' "$(header Preference-Applied)" wait=30
as_admin "$model/batches" --json "$batch"
want 'a batch not waited for' "$status $(field batch)" '202 11'
want 'its address' "$(header Location)" /v1/models/curl/batches/11
as_admin "$model?wait_step=11"
want 'waiting for its step' "$status $(field step)" '200 11'

# Two transfers of one curl share a connection.
connections=$(curl -sS -o "$body" -w '%{num_connects} ' -H "$admin" "$model/batches" --json "$batch" \
    --next -sS -o "$body" -w '%{num_connects}' -H "$admin" "$model/batches" --json "$batch")
want 'connections of two calls' "$connections" '1 0'

# safetensors by hand: eight bytes of length, the header, float32 and bytes.
tensors='{"inputs":{"dtype":"F32","shape":[4,2],"data_offsets":[0,32]},"labels":{"dtype":"U8","shape":[4],"data_offsets":[32,36]}}'
zero='\000\000\000\000' one='\000\000\200\077'
{
    # shellcheck disable=SC2059 # the format is the bytes
    printf "\\$(printf %03o ${#tensors})\0\0\0\0\0\0\0"
    printf %s "$tensors"
    # shellcheck disable=SC2059
    printf "$zero$zero$zero$one$one$zero$one$one\000\001\001\000"
} > "$SCRATCH/curl.safetensors"
as_admin "$model/batches" -H 'Prefer: wait=30' -H 'Content-Type: application/vnd.safetensors' \
    --data-binary "@$SCRATCH/curl.safetensors"
want 'a batch of bytes' "$status $(field batch) $(field state)" '200 14 trained'
as_admin "$model/batches" -H 'Transfer-Encoding: chunked' -H 'Prefer: wait=30' \
    -H 'Content-Type: application/vnd.safetensors' --data-binary "@$SCRATCH/curl.safetensors"
want 'a batch in chunks' "$status $(field batch) $(field state)" '200 15 trained'

# ---- watch ----

as_admin "$model/loss?after=13"
want 'the loss' "$status $(field batch) $(field next)" '200 14 15'
curl -sS -o "$SCRATCH/curl.poll" -H "$admin" "$model/loss?after=15&wait=30" &
poll=$!
as_admin "$model/batches" --json "$batch"
wait "$poll"
want_in 'a long poll' "$(cat "$SCRATCH/curl.poll")" '"batch":16,.*"next":16'

# Events: all that is kept, then what comes; and again, behind the one that was seen last.
curl -sSN -H "$admin" -H 'Accept: text/event-stream' -D "$head" "$model/loss" > "$SCRATCH/curl.events" &
events=$!
as_admin "$model/batches" -H 'Content-Type: text/csv' -H 'Idempotency-Key: "curl-17"' -H 'Prefer: wait=30' \
    --data-binary "$table"
want 'a table' "$status $(field batch) $(field state)" '200 17 trained'
await_line '^id: *17' "$SCRATCH/curl.events"
kill "$events"
wait "$events" 2> /dev/null
want 'events' "$(grep -c '^data:' "$SCRATCH/curl.events")" 17
want_in 'the last event' "$(grep '^data:' "$SCRATCH/curl.events" | tail -n 1)" '"batch":17,'
curl -sSN -H "$admin" -H 'Accept: text/event-stream' -H 'Last-Event-ID: 15' "$model/loss" \
    > "$SCRATCH/curl.events" &
events=$!
await_line '^id: *17' "$SCRATCH/curl.events"
kill "$events"
wait "$events" 2> /dev/null
want 'events after the 15th' "$(sed -n 's/^id: *//p' "$SCRATCH/curl.events" | tr '\n' ' ')" '16 17 '

# Sent again, because the answer was lost, say: trained once.
as_admin "$model/batches" -H 'Content-Type: text/csv' -H 'Idempotency-Key: "curl-17"' -H 'Prefer: wait=30' \
    --data-binary "$table"
want 'the same table again' "$status $(field batch) $(field state)" '200 17 trained'
as_admin "$model/batches" -H 'Content-Type: text/csv' -H 'Idempotency-Key: "curl-17"' --data-binary '0,0,0'
want_problem 'another table under its key' 422

# ---- predict ----

call -H "Authorization: Bearer $READ_TOKEN" "$model/predictions" --json '{"inputs": [[0,1]], "min_step": 17}'
want 'a prediction' "$status $(field model) $(field step)" '200 curl 17'
want_in 'its probabilities' "$(cat "$body")" '"probabilities":\[[0-9.e-]*,[0-9.e-]*\]'
as_admin "$model/evaluations" --json "$batch"
want 'an evaluation' "$status $(field examples)" '200 4'

# ---- refused ----

as_admin "$model/batches" -d "$batch"
want_problem 'curl -d' 415
want_in 'curl -d: advice' "$(field detail)" --json
as_admin "$model/batches" --json '{"inputs": [[0,0]], "labels": [0'
want_problem 'broken JSON' 400
as_admin "$model/batches" --json '{"inputs": [[0,0]], "labels": [7]}'
want_problem 'a label out of range' 422 /labels/0
as_admin "$model/batches" --json '{"inputs": [[0,0,0]], "labels": [1]}'
want_problem 'a row too wide' 422 /inputs/0
as_admin "$models/nobody"
want_problem 'no such model' 404
as_admin "$models/"
want_problem 'a trailing slash' 404
as_admin -X PUT "$model" --json '{}'
want_problem 'PUT' 405
want_in 'PUT: Allow' "$(header Allow)" 'GET, HEAD, PATCH, DELETE'
as_admin -X BREW "$model"
want_problem 'a method nobody knows' 405
call -I -H "$admin" "$model"
want 'HEAD' "$status" 200
call -X OPTIONS "$model"
want 'OPTIONS without a token' "$status" 204

# 64 MiB and a byte: the answer comes before the body has left, whether curl asks
# for it (Expect: 100-continue, its habit with large bodies) or not.
head -c 67108865 /dev/zero > "$SCRATCH/curl.large"
for expect in 'Expect: 100-continue' 'Expect:'; do
    as_admin "$model/batches" -H "$expect" -H 'Content-Type: application/json' \
        --data-binary "@$SCRATCH/curl.large"
    want_problem "a large body, '$expect'" 413
done
call -H "$admin" "$model/batches" -H 'Content-Type: application/json' --expect100-timeout 60 \
    -w '%{http_code} %{size_upload}' \
    --data-binary "@$SCRATCH/curl.large"
want 'a large body: bytes sent' "$status" '413 0'
rm "$SCRATCH/curl.large"

# ---- the end ----

as_admin "$model?weights_sha256=true"
want 'after all that' "$status $(field step)" '200 17'
want 'the settings are as they were' "$(header ETag)" "$etag"
echo "weights $(field weights_sha256)"
as_admin -X DELETE "$model"
want 'delete' "$status" 204
as_admin "$model"
want_problem 'the deleted model' 404

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
