#!/bin/sh
# What Debian's nginx.conf would be around FOLDER/mlpd.conf, with all its files in the
# folder, one worker, and as whoever runs this:
#
#   tests/proxies/nginx_around.sh FOLDER > FOLDER/nginx.conf
set -eu
user=
[ "$(id -u)" -ne 0 ] || user='user root;'
cat << END
daemon off;
worker_processes 1;
$user
pid $1/pid;
events { worker_connections 4096; }
http {
    access_log off;
    client_body_temp_path $1/body;
    proxy_temp_path $1/proxy;
    fastcgi_temp_path $1/fastcgi;
    uwsgi_temp_path $1/uwsgi;
    scgi_temp_path $1/scgi;
    include $1/mlpd.conf;
}
END
