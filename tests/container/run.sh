#!/bin/bash
# Builds docker/Dockerfile and lives with the image as its users do: make check-container
#
# With docker, where its daemon answers; else, as root, with Debian's buildah and a base
# image by debootstrap, and the container's processes by chroot, with a network of their
# own, as the image's user, on a read-only root.  Either way what is started is what the
# image says: its entry point and arguments, its HEALTHCHECK, its user, its signal.  Needs
# the network; about two minutes.  Takes no names and no ports of the machine, and leaves
# nothing behind.  The last line counts.
set -euo pipefail
cd "$(dirname "$0")/../.."
PATH=$PATH:/usr/sbin:/sbin

passed=0
failed=0
want() { # what, found, wanted
    if [ "$2" = "$3" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "container: $1: found '$2'; wanted '$3'"
    fi
}
await() { # seconds, command …
    local until=$((SECONDS + $1))
    shift
    until "$@" > /dev/null 2>&1; do
        [ "$SECONDS" -lt "$until" ] || return 1
        sleep 0.1
    done
}

scratch=$(mktemp -d)
token=a-token-of-the-container-test

# ---- docker ----

docker_build() {
    image=mlpd-test-$$
    docker build --quiet -f docker/Dockerfile -t "$image" . > /dev/null
}
docker_config() { # field of the image's configuration, as JSON
    docker image inspect --format "{{json .Config.$1}}" "$image"
}
docker_hash() {
    printf %s "$token" | docker run --rm -i "$image" --hash-token
}
docker_start() {
    container=$(docker run -d --read-only --tmpfs /tmp --cap-drop ALL --memory 512m \
        --security-opt no-new-privileges -v "$scratch/tokens:/run/secrets/mlpd_tokens:ro" "$image")
}
docker_run() { # command … inside the running container
    docker exec "$container" "$@"
}
docker_user() {
    docker exec "$container" id -u
}
docker_stop() { # sets $ended, the exit status
    docker stop -t 45 "$container" > /dev/null
    ended=$(docker inspect --format '{{.State.ExitCode}}' "$container")
}
docker_log() {
    docker logs "$container" 2>&1
}
docker_clean_up() {
    [ -z "${container:-}" ] || docker rm -f -v "$container" > /dev/null 2>&1 || true
    [ -z "${image:-}" ] || docker rmi -f "$image" > /dev/null 2>&1 || true
}

# ---- buildah ----

build_ah() {
    BUILDAH_ISOLATION=chroot buildah --storage-driver vfs --root "$scratch/storage" \
        --runroot "$scratch/run" "$@"
}
buildah_build() {
    local mirror base
    mirror=$(sed -n 's/^URIs: *\([^ ]*\).*/\1/p; s/^deb \(\[[^]]*\] \)\?\(http[^ ]*\) .*/\2/p' \
        /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2> /dev/null | head -n 1 || true)
    debootstrap --variant=minbase bookworm "$scratch/base" "${mirror:-http://deb.debian.org/debian}" \
        > "$scratch/debootstrap.log" || { tail -n 20 "$scratch/debootstrap.log"; return 1; }
    # What this machine knows of mirrors and updates.
    cp /etc/apt/sources.list.d/debian.sources "$scratch/base/etc/apt/sources.list.d/" 2> /dev/null || true
    cp -r /etc/apt/apt.conf.d/. "$scratch/base/etc/apt/apt.conf.d/"
    base=$(build_ah from scratch)
    build_ah add -q "$base" "$scratch/base" / > /dev/null
    build_ah commit -q "$base" docker.io/library/debian:bookworm-slim > /dev/null
    build_ah rm "$base" > /dev/null
    rm -rf "$scratch/base"
    image=mlpd-test
    build_ah bud --quiet --format docker --pull-never --layers=false --ignorefile \
        docker/Dockerfile.dockerignore -f docker/Dockerfile -t "$image" . > "$scratch/build.log" 2>&1 ||
        { tail -n 40 "$scratch/build.log"; return 1; }
    container=$(build_ah from --pull-never "localhost/$image")
    tree=$(build_ah mount "$container")
    root=$scratch/root
    mkdir "$root"
}
buildah_config() {
    build_ah inspect --type image "localhost/$image" |
        python3 -c 'import json, sys
value = json.load(sys.stdin)["Docker"]["config"]
for name in sys.argv[1].split("."):
    value = value[name]
print(json.dumps(value, separators=(",", ":")))' "$1"
}
# A process that holds open what the container is to see: its tree, of which nothing but
# /tmp, /run and its volume can be written, and a network of its own.
hold() {
    # shellcheck disable=SC2016 # for the inner shell
    unshare --mount --net --pid --fork --kill-child sh -c '
        mount --bind "$1" "$2"
        mount -o remount,bind,ro "$2"
        mount -t tmpfs -o mode=1777,size=16m tmpfs "$2/tmp"
        mount -t tmpfs -o uid=10001,gid=10001,mode=700 tmpfs "$2/var/lib/mlpd"
        mount -t tmpfs tmpfs "$2/run"
        mkdir -p "$2/run/secrets"
        cp "$3" "$2/run/secrets/mlpd_tokens"
        chown 10001 "$2/run/secrets/mlpd_tokens"
        mount -t proc proc "$2/proc"
        mount --bind -o ro /dev "$2/dev"
        ip link set lo up
        touch "$4"
        exec sleep infinity' sh "$tree" "$root" "$scratch/tokens" "$scratch/held" &
    holding=$!
    await 20 test -e "$scratch/held"
    # In the container's tree as its user, with its network.
    enter=(nsenter --target "$(pgrep -P "$holding")" --mount --net --
        chroot --userspec=10001:10001 "$root" /usr/bin/env -i PATH=/usr/local/bin:/usr/bin:/bin)
}
buildah_hash() {
    printf %s "$token" | chroot --userspec=10001:10001 "$tree" /usr/local/bin/mlpd --hash-token
}
buildah_start() {
    hold
    local arguments
    mapfile -t arguments < <(words "$(config Entrypoint)" "$(config Cmd)")
    # Not by way of a function, whose shell would be the process.
    "${enter[@]}" "${arguments[@]}" > "$scratch/daemon.log" 2>&1 &
    daemon=$!
}
buildah_run() {
    "${enter[@]}" "$@"
}
buildah_user() {
    awk '/^Uid:/ { print $2 }' "/proc/$daemon/status"
}
buildah_stop() {
    kill -s "$(words "$(config StopSignal)" | sed s/^SIG//)" "$daemon"
    ended=0
    wait "$daemon" || ended=$?
    daemon=
}
buildah_log() {
    cat "$scratch/daemon.log"
}
buildah_clean_up() {
    [ -z "${daemon:-}" ] || kill -KILL "$daemon" 2> /dev/null || true
    [ -z "${holding:-}" ] || kill -KILL "$holding" 2> /dev/null || true
    wait 2> /dev/null || true
    if [ -n "${container:-}" ]; then
        build_ah umount "$container" > /dev/null 2>&1 || true
    fi
}

# ---- the choice ----

if docker info > /dev/null 2>&1; then
    tool=docker
elif [ "$(id -u)" -eq 0 ]; then
    tests/dependencies.sh container
    tool=buildah
else
    echo "container: skipped: no docker daemon answers, and buildah needs root here"
    rm -rf "$scratch"
    echo '0 passed, 0 failed'
    exit 0
fi
clean_up() {
    "${tool}_clean_up"
    rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM
config() { "${tool}_config" "$@"; }
words() { # JSON lists or strings: a line each
    printf '%s\n' "$@" | sed 's/^\[//; s/\]$//; s/","/"\n"/g' | sed 's/^"//; s/"$//' | grep -v '^null$'
}

# ---- the life of a container ----

"${tool}_build"
echo "container: built with $tool ($SECONDS s)"

user=$(words "$(config User)")
want 'its user is not root' "$user" mlpd
want 'its volume' "$(config Volumes)" '{"/var/lib/mlpd":{}}'
want 'its signal' "$(words "$(config StopSignal)")" SIGTERM
mapfile -t health < <(words "$(config 'Healthcheck.Test')")
want 'its HEALTHCHECK has no shell' "${health[0]}" CMD
want 'its HEALTHCHECK is the program' "${health[1]}" /usr/local/bin/mlpd

echo "admin $("${tool}_hash")" > "$scratch/tokens"
chown 10001 "$scratch/tokens" 2> /dev/null || true
chmod 444 "$scratch/tokens"
"${tool}_start"
inside() { "${tool}_run" "$@"; }
healthy() { inside "${health[@]:1}"; }
want 'it becomes healthy' "$(if await 60 healthy; then echo yes; else "${tool}_log"; fi)" yes
want 'its processes are not root' "$("${tool}_user")" 10001

# The image has no curl: bash speaks HTTP/1.0.
http() { # method, path, body: the answer's last line
    # shellcheck disable=SC2016 # for the inner shell
    inside bash -c 'exec 3<> /dev/tcp/127.0.0.1/8080
        printf "%s %s HTTP/1.0\r\nAuthorization: Bearer %s\r\nPrefer: wait=30\r\nContent-Length: %d\r\n\r\n%s" \
            "$1" "$2" "$4" "${#3}" "$3" >&3
        tail -n 1 <&3' bash "$1" "$2" "${3:-}" "$token"
}
found=$(http POST /v1/models '{"name":"m","inputs":2,"layers":[4,2]}')
want 'it creates' "${found%%,\"id*}" '{"name":"m"'
found=$(http POST /v1/models/m/batches '{"inputs":[[0,1],[1,0]],"labels":[0,1]}')
want 'it trains' "${found%%,\"loss*}" '{"batch":1,"state":"trained","step":1'
found=$(http POST /v1/models/m/predictions '{"inputs":[[0,1]]}')
want 'it predicts' "${found%%,\"predictions*}" '{"model":"m","step":1'
found=$(token=wrong && http GET /v1/models)
want 'it asks for tokens' "${found##*\"status\":401*}" ''
want 'its root is read-only' "$(inside bash -c 'echo > /x' 2>&1 | grep -o 'Read-only file system')" \
    'Read-only file system'

"${tool}_stop"
want 'it ends at its signal' "$ended" 0
want 'it said so' "$("${tool}_log" | grep -c 'all that was acknowledged is trained')" 1
if [ "$tool" = buildah ]; then # a docker container's command can only be run while it runs
    want 'its HEALTHCHECK fails without it' "$(healthy > /dev/null 2>&1 && echo passes || echo fails)" fails
fi

echo "container: all in $SECONDS s"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
