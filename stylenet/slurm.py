"""The SLURM batch job that a process belongs to, and how it is queued again.

Nothing heavy is imported: a signal may come before PyTorch is.
"""

import os
import subprocess
import sys

INTERACTIVE = ("bash", "interactive")
"""Names of jobs that a person sits in front of: they are not queued again."""


def slurm_job() -> int | None:
    """Return the number of the SLURM batch job that this process belongs to, None outside of one."""
    job, name = os.environ.get("SLURM_JOB_ID"), os.environ.get("SLURM_JOB_NAME")
    in_batch = job is not None and "SLURM_NTASKS" in os.environ and name not in INTERACTIVE
    return int(job) if job and in_batch else None


def requeue() -> None:
    """Have SLURM start the job again; the first process of a job asks for all."""
    if os.environ.get("SLURM_PROCID", "0") != "0":
        return
    try:
        subprocess.run(["scontrol", "requeue", str(slurm_job())], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"error: the job could not be queued again: {error}", file=sys.stderr)
