#!/bin/sh
# docker/haproxy.cfg before a daemon on a port, as tests/integration/proxy.h wants it:
#
#   tests/proxies/haproxy.sh DAEMON_PORT PORT FOLDER     with descriptor 3 listening
#
# Changed are the addresses and the log, and no TLS is spoken; nothing else.
set -eu
here=$(dirname "$0")
sed -e 's|^    bind .*|    bind fd@3|' \
    -e "s|unix@[^ ]*|127.0.0.1:$1|" \
    -e '/^ *log /d' \
    "$here/../../docker/haproxy.cfg" > "$3/haproxy.cfg"
PATH=$PATH:/usr/sbin
exec haproxy -q -db -f "$3/haproxy.cfg" > "$3/log" 2>&1
