#!/usr/bin/env bash
# Train with several processes of one machine, or of several (NNODES, NODE_RANK, MASTER_ADDR and PORT as for torchrun):
#   tools/dist_train.sh CONFIG NUMBER_OF_PROCESSES [arguments of tools/train.py]
set -euo pipefail
config=$1
processes=$2
exec python -m torch.distributed.run --nnodes "${NNODES:-1}" --node-rank "${NODE_RANK:-0}" \
  --master-addr "${MASTER_ADDR:-127.0.0.1}" --master-port "${PORT:-29500}" --nproc-per-node "$processes" \
  "$(dirname "$0")/train.py" "$config" --launcher pytorch "${@:3}"
