#!/bin/sh
# Prints where promtool is, Prometheus's own checker of what /metrics writes:
#
#   tests/promtool.sh FOLDER
#
# The one in the PATH; else FOLDER/promtool, which is taken out of Debian's package
# prometheus (19 MB) when it is not there yet.  The package itself is not installed: it
# brings twenty others, and a service that starts with the machine.  Where there is no
# apt nothing is printed, and the test that needs it does not run.
set -eu

if command -v promtool; then
    exit 0
fi
folder=$1
if [ ! -x "$folder/promtool" ]; then
    if ! command -v apt-get > /dev/null; then
        echo "$0: no apt-get here: install promtool, or its test does not run" >&2
        exit 0
    fi
    unpacked=$(mktemp -d)
    trap 'rm -rf "$unpacked"' EXIT
    # Root's apt works as another user, who has to write here.
    chmod 755 "$unpacked"
    [ "$(id -u)" -ne 0 ] || chown _apt "$unpacked"
    download() { (cd "$unpacked" && apt-get -qq download prometheus > log 2>&1); }
    if ! download && ! { apt-get -qq update > /dev/null 2>&1 && download; }; then
        cat "$unpacked/log" >&2
        echo "$0: Debian's package prometheus cannot be had" >&2
        exit 1
    fi
    dpkg-deb --fsys-tarfile "$unpacked"/prometheus_*.deb | tar -xC "$unpacked" ./usr/bin/promtool
    mkdir -p "$folder"
    mv "$unpacked/usr/bin/promtool" "$folder/promtool"
fi
echo "$folder/promtool"
