#!/usr/bin/env bash
# Make masks with several processes of one machine, or of several (NNODES, NODE_RANK, MASTER_ADDR, PORT as for torchrun;
# RESTARTS: how often torchrun starts them again after one died):
#   tools/dist_make_pseudo.sh CONFIG CHECKPOINT NUMBER_OF_PROCESSES --out FOLDER [arguments of tools/make_pseudo.py]
set -euo pipefail
config=$1
checkpoint=$2
processes=$3
exec python -m torch.distributed.run --nnodes "${NNODES:-1}" --node-rank "${NODE_RANK:-0}" \
  --master-addr "${MASTER_ADDR:-127.0.0.1}" --master-port "${PORT:-29500}" --nproc-per-node "$processes" \
  --max-restarts "${RESTARTS:-3}" \
  "$(dirname "$0")/make_pseudo.py" "$config" "$checkpoint" --launcher pytorch "${@:4}"
