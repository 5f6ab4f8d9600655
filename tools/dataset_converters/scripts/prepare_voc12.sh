#!/usr/bin/env bash
# What `mim download mmwsss --dataset voc12` does with the archives that odl has fetched: unpack, move, write the labels.
#   prepare_voc12.sh DOWNLOAD_ROOT DATA_ROOT
set -euo pipefail
raw=$(dirname "$(find "$1" -name 'VOCtrainval_11-May-2012.tar' -print -quit)")
mkdir -p "$2"
for archive in "$raw"/*.tar; do
    tar -xf "$archive" -C "$raw"
done
cp -r "$raw"/VOCdevkit/VOC2012/. "$2"
rm -r "$raw"/VOCdevkit
${PYTHON:-python} "$(dirname "$0")/../voc.py" "$2"
