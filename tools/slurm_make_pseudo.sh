#!/usr/bin/env bash
# Make masks on a Slurm cluster (GPUS, GPUS_PER_NODE, CPUS_PER_TASK and SRUN_ARGS from the environment); a job that was
# cut off goes on when it is started again:
#   tools/slurm_make_pseudo.sh PARTITION JOB_NAME CONFIG CHECKPOINT --out FOLDER [arguments of tools/make_pseudo.py]
set -euo pipefail
partition=$1
job=$2
config=$3
checkpoint=$4
gpus=${GPUS:-8}
per_node=${GPUS_PER_NODE:-8}
# shellcheck disable=SC2086
exec srun -p "$partition" --job-name "$job" --gres "gpu:$per_node" --ntasks "$gpus" --ntasks-per-node "$per_node" \
  --cpus-per-task "${CPUS_PER_TASK:-5}" --kill-on-bad-exit=1 ${SRUN_ARGS:-} \
  python -u "$(dirname "$0")/make_pseudo.py" "$config" "$checkpoint" --launcher slurm "${@:5}"
