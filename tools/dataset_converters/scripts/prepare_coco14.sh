#!/usr/bin/env bash
# What `mim download mmwsss --dataset coco14` does with the archives that odl has fetched: unpack, write labels and masks.
#   prepare_coco14.sh DOWNLOAD_ROOT DATA_ROOT
set -euo pipefail
raw=$(find "$1" -name 'annotations_trainval2014.zip' -print -quit)
[ -n "$raw" ] || { echo "error: Expected annotations_trainval2014.zip below $1, but there is none." >&2; exit 2; }
images=$(dirname "$(find "$1" -name 'train2014.zip' -print -quit)")
mkdir -p "$2/img_dir"
unzip -qo "$raw" -d "$2"
for split in train2014 val2014; do
    unzip -qo "$images/$split.zip" -d "$2/img_dir"
    ln -sfn "img_dir/$split" "$2/$split"  # where the converter looks for pictures
done
${PYTHON:-python} "$(dirname "$0")/../coco.py" "$2" "$2"
