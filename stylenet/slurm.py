"""The SLURM batch job that a process belongs to, and how it is queued again.

Nothing heavy is imported: a signal may come before PyTorch is.
"""

import os
import re
import signal
import subprocess
import sys

INTERACTIVE = ("bash", "interactive")
"""Names of jobs that a person sits in front of: they are not queued again."""


def slurm_job() -> int | None:
    """Return the number of the SLURM batch job that this process belongs to, None outside of one."""
    job, name = os.environ.get("SLURM_JOB_ID"), os.environ.get("SLURM_JOB_NAME")
    in_batch = job is not None and "SLURM_NTASKS" in os.environ and name not in INTERACTIVE
    return int(job) if job and in_batch else None


def to_be_requeued(number: int) -> bool:
    """Return whether a signal means that this job is to be queued again.

    SIGUSR1 says that its time is nearly up. SIGTERM comes when it is cancelled, and when it is preempted by a more
    urgent job: SLURM gives it a grace time then, and queues it again only if it is still there at the end of it.
    """
    if slurm_job() is None:
        return False
    return number == signal.SIGUSR1 or (number == signal.SIGTERM and _preempted())


def _preempted() -> bool:
    try:
        told = subprocess.run(["scontrol", "show", "job", str(slurm_job())], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return re.search(r"\bPreemptTime=\d", told.stdout) is not None


def requeue() -> None:
    """Have SLURM start the job again; the first process of a job asks for all."""
    if os.environ.get("SLURM_PROCID", "0") != "0":
        return
    try:
        subprocess.run(["scontrol", "requeue", str(slurm_job())], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"error: the job could not be queued again: {error}", file=sys.stderr)
