"""How many processes may load images."""

import os

SLURM_CORES = "SLURM_CPUS_PER_TASK"

MOST_WORKERS = 8
"""Worker processes of one device, unless more are asked for."""


def free_cores() -> int:
    """Return how many CPU cores this process may use; under SLURM those of one task, which is one device."""
    if os.environ.get(SLURM_CORES):
        return int(os.environ[SLURM_CORES])
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def free_workers(devices: int) -> int:
    """Return how many worker processes each of this machine's `devices` may have; none where cores are scarce."""
    cores = free_cores() // (1 if os.environ.get(SLURM_CORES) else devices)
    return min(MOST_WORKERS, cores - 1) if cores > 2 else 0
