#!/bin/sh
# Holds exported models against the daemon's own predictions, by readers that others wrote:
#
#   MLPD=build/mlpd tests/export/run.sh FOLDER
#
# compare.py trains networks on Fashion-MNIST through a live daemon, exports them, and lets
# PyTorch (Debian's python3-torch) predict the 10,000 test images from the safetensors file
# and onnxruntime-node from the ONNX file; what PyTorch writes is taken in again.  It prints
# the largest differences and ends with "N passed, N failed".
#
# onnxruntime-node comes through npm into FOLDER, in the version of package-lock.json; where
# npm cannot install it, a line says so, and PyTorch compares alone.
set -eu
here=$(dirname "$0")
program=$(realpath "${MLPD:-build/mlpd}")
folder=$1

mkdir -p "$folder"
runtime=$folder/node_modules/onnxruntime-node
if ! cmp -s "$here/package-lock.json" "$folder/package-lock.json" || [ ! -d "$runtime" ]; then
    cp "$here/package.json" "$here/package-lock.json" "$folder/"
    if ! timeout 300 npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund --silent; then
        rm -rf "$folder/package-lock.json" "$folder/node_modules"
        echo "export: skipped: npm cannot install onnxruntime-node here, so no ONNX file is run"
    fi
fi
cp "$here/predict.mjs" "$folder/"

SCRATCH=$(mktemp -d)
daemon=
clean_up() {
    [ -z "$daemon" ] || kill "$daemon" 2> /dev/null || true
    [ -z "$daemon" ] || wait "$daemon" 2> /dev/null || true
    rm -rf "$SCRATCH"
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM

"$program" --listen 127.0.0.1:0 --port-file "$SCRATCH/port" 2> "$SCRATCH/log" &
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
[ -d "$runtime" ] && predict=$folder/predict.mjs || predict=
timeout 600 /usr/bin/python3 "$here/compare.py" "$(cat "$SCRATCH/port")" "$SCRATCH" "$predict"
