#!/bin/sh
# Lints the OpenAPI document and holds every answer that the integration tests have seen
# against it:
#
#   tests/openapi/run.sh FOLDER
#
# FOLDER is where the tests were built, with `exchanges` in it, which they wrote (check.sh,
# part plain).  Needs node 18 or later and npm; what check.js needs beside them is installed
# into the folder, in the versions of package-lock.json.
set -eu
folder=$1
here=$(dirname "$0")
[ -s "$folder/exchanges" ] || { echo "$0: run tests/check.sh plain first" >&2; exit 1; }

mkdir -p "$folder/openapi"
if ! cmp -s "$here/package-lock.json" "$folder/openapi/package-lock.json" ||
    [ ! -d "$folder/openapi/node_modules" ]; then
    cp "$here/package.json" "$here/package-lock.json" "$folder/openapi/"
    npm ci --prefix "$folder/openapi" --ignore-scripts --no-audit --no-fund --silent || {
        rm -f "$folder/openapi/package-lock.json"
        echo "$0: npm cannot install what check.js needs" >&2
        exit 1
    }
fi
cp "$here"/*.js "$folder/openapi/"
node "$folder/openapi/check.js" "$folder/exchanges"
