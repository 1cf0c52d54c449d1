#!/usr/bin/env bash
# Train under SLURM; a job that runs out of time is requeued and goes on. From the project's folder:
#   sbatch docs/slurm.sh style=starry_night recipe=paper
#   sbatch --nodes=2 docs/slurm.sh style=starry_night recipe=paper
# Options of sbatch go before the script, those of train.py after it. Add your cluster's partition and account.
#SBATCH --job-name=stylenet
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=4
#SBATCH --gpus-per-node=4
#SBATCH --cpus-per-task=8
#SBATCH --mem=64G
#SBATCH --time=04:00:00
#SBATCH --signal=SIGUSR1@90
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=slurm-%x-%j.out
# One task drives one GPU. The signal comes 90 seconds before the time is up: enough to write a checkpoint.
set -euo pipefail
cd "$SLURM_SUBMIT_DIR"

# Compute nodes often have no network: fetch weights and photographs beforehand, see docs/hpc.md.
export STYLENET_WEIGHTS="${STYLENET_WEIGHTS:-$PWD/weights}"
export STYLENET_COCO="${STYLENET_COCO:-$PWD/data/coco}"

srun .venv/bin/python train.py \
    trainer.accelerator=gpu \
    trainer.devices="$SLURM_NTASKS_PER_NODE" \
    trainer.num_nodes="$SLURM_NNODES" \
    "$@"
