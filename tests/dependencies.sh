#!/bin/sh
# Makes sure that the Debian 12 packages for a purpose are there:
#
#   tests/dependencies.sh build|demo|check|proxies|container|coverage|lint|export|peers|parsers
#
# Nothing missing: silent.  Else root gets them installed through apt, and anyone
# else is told the one command to run (exit 1).  This file is the list: the
# Makefile and CI have no other.  (libc6-dev is only recommended by gcc.)
set -eu

build='gcc libc6-dev make pkg-config libmicrohttpd-dev libjansson-dev libopenblas-pthread-dev nettle-dev libgnutls28-dev libsqlite3-dev libxxhash-dev zlib1g-dev'
demo="$build libcurl4-openssl-dev dataset-fashion-mnist curl"
check="$demo check clang libclang-rt-14-dev"
# What may come from elsewhere than Debian.
command -v node >/dev/null 2>&1 || check="$check nodejs"
command -v npm >/dev/null 2>&1 || check="$check npm"
command -v python3 >/dev/null 2>&1 || check="$check python3"
parsers="$build g++ libsimdjson-dev"
proxies="$check haproxy nginx-light openssl"
coverage="$check llvm"
# debootstrap makes the base of the image, the others build and enter it.
container='buildah ca-certificates debootstrap iproute2 procps util-linux'
command -v python3 >/dev/null 2>&1 || container="$container python3"
lint="$check clang-format clang-tidy cppcheck shellcheck systemd python3-yaml"
# What reads exported models.  Debian's python3, whatever else there is, here and below.
export="$demo python3 python3-numpy python3-torch"
command -v node >/dev/null 2>&1 || export="$export nodejs"
command -v npm >/dev/null 2>&1 || export="$export npm"
# What make bench-peers sets beside mlpd.
peers="$check python3 python3-fastapi python3-flask python3-httptools python3-numpy
    python3-rapidjson python3-sklearn python3-torch python3-uvloop python3-waitress uvicorn"

case "${1:-}" in
build) wanted=$build ;;
demo) wanted=$demo ;;
check) wanted=$check ;;
parsers) wanted=$parsers ;;
proxies) wanted=$proxies ;;
container) wanted=$container ;;
coverage) wanted=$coverage ;;
lint) wanted=$lint ;;
export) wanted=$export ;;
peers) wanted=$peers ;;
*)
    echo "usage: $0 build|demo|check|proxies|container|coverage|lint|export|peers|parsers" >&2
    exit 2
    ;;
esac

if ! command -v dpkg-query >/dev/null 2>&1; then
    echo "$0: no dpkg here, so nothing is checked; what Debian calls these is needed: $wanted" >&2
    exit 0
fi

missing=
for package in $wanted; do
    status=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null || true)
    # A package of several architectures says "installed" once for each.
    case "$status" in
    installed*) ;;
    *) missing="$missing $package" ;;
    esac
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
    echo "Packages are missing.  Install them, then try again:" >&2
    echo "  sudo apt-get install -y --no-install-recommends$missing" >&2
    exit 1
fi
echo "Installing through apt:$missing"
export DEBIAN_FRONTEND=noninteractive
# Of a package with a service only the program is wanted: nothing is started.
if [ ! -e /usr/sbin/policy-rc.d ]; then
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
    chmod 755 /usr/sbin/policy-rc.d
fi
apt-get -qq update
# shellcheck disable=SC2086 # one word a package
apt-get -qq install -y --no-install-recommends $missing >/dev/null
