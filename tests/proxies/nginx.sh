#!/bin/sh
# docker/nginx.conf before a daemon on a port, as tests/integration/proxy.h wants it:
#
#   tests/proxies/nginx.sh DAEMON_PORT PORT FOLDER     with descriptor 3 listening
#
# Changed are the addresses and the name, and no TLS is spoken; nothing else.
set -eu
here=$(dirname "$0")
sed -e "s|^\( *listen\) .*|\1 127.0.0.1:$2;|" \
    -e "s|unix:[^ ;]*|127.0.0.1:$1|" \
    -e 's|^\( *server_name\) .*|\1 localhost;|' \
    -e '/^ *ssl_/d' \
    "$here/../../docker/nginx.conf" > "$3/mlpd.conf"
"$here/nginx_around.sh" "$3" > "$3/nginx.conf"
PATH=$PATH:/usr/sbin
# nginx takes over listening sockets by this variable.
NGINX='3;' exec nginx -p "$3" -e "$3/log" -c "$3/nginx.conf" 2> "$3/errors"
