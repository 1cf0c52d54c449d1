"""Devices, CPU cores and memory: what this machine has, and which of several processes this is."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor

from stylenet.errors import InputError, unknown

DEVICES = ("auto", "cpu", "cuda", "mps")
SLURM_CORES = "SLURM_CPUS_PER_TASK"

MOST_WORKERS = 8
"""Worker processes of one device, unless more are asked for."""


def pick_device(name: str = "auto") -> torch.device:
    """Return the device of that name.

    Args:
        name: `cpu`, `cuda`, `cuda:N`, `mps`, or `auto`: CUDA if there is one, else MPS if there is one, else the CPU.

    Raises:
        InputError: Unknown, or not on this machine.
    """
    kind, _, index = name.partition(":")
    if kind not in DEVICES or (":" in name and not (kind == "cuda" and index.isdecimal())):
        raise unknown("device", name, (*DEVICES, "cuda:0"))
    cuda, mps = torch.cuda.device_count(), torch.backends.mps.is_available()
    if kind == "auto":
        kind = "cuda" if cuda else "mps" if mps else "cpu"
    if kind == "cuda" and int(index or 0) >= cuda:
        raise InputError(f"no device {name} here ({cuda} CUDA devices): use --device=cpu")
    if kind == "mps" and not mps:
        raise InputError("no device mps here: use --device=cpu")
    return torch.device(kind, int(index or 0)) if kind == "cuda" else torch.device(kind)


def rank_and_world() -> tuple[int, int]:
    """Return which of how many processes this is, as torchrun says it in RANK and WORLD_SIZE.

    Raises:
        InputError: The variables make no sense.
    """
    rank, world = os.environ.get("RANK", "0"), os.environ.get("WORLD_SIZE", "1")
    if not (rank.isdecimal() and world.isdecimal() and int(rank) < int(world)):
        raise InputError(f"RANK={rank} and WORLD_SIZE={world} make no sense: unset them, or start with torchrun")
    return int(rank), int(world)


def pick_rank_device(name: str) -> torch.device:
    """Return the device of that name; under torchrun `auto` and `cuda` give each process a GPU of its own.

    Raises:
        InputError: Unknown, or not on this machine.
    """
    local, count = os.environ.get("LOCAL_RANK", ""), torch.cuda.device_count()
    return pick_device(
        f"cuda:{int(local) % count}" if local.isdecimal() and count and name in ("auto", "cuda") else name
    )


def free_cores() -> int:
    """Return how many CPU cores this process may use; under SLURM those of one task, which is one device."""
    if os.environ.get(SLURM_CORES):
        return int(os.environ[SLURM_CORES])
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def free_workers(devices: int) -> int:
    """Return how many worker processes each of this machine's `devices` may have; none where cores are scarce."""
    cores = free_cores() // (1 if os.environ.get(SLURM_CORES) else devices)
    return min(MOST_WORKERS, cores - 1) if cores > 2 else 0


def most_memory(root: str | Path = "/") -> int | None:
    """Return how many bytes this process can hold in all; None where the system does not say, as outside Linux.

    That is what it holds and what there is beside: the least of what the machine has to give away and of what control
    groups leave, which are the limits of containers and of SLURM's jobs.

    Args:
        root: Where the system's files begin.
    """
    try:
        machine = _field(Path(root, "proc/meminfo"), "MemAvailable:")
        own = _field(Path(root, "proc/self/status"), "VmRSS:")
        return own * 1024 + min([machine * 1024, *_left_by_groups(Path(root))])
    except (OSError, ValueError, StopIteration):
        return None


def _left_by_groups(root: Path) -> Iterator[int]:
    """Yield what each control group that this process is in leaves of its limit, of version 2 or 1."""
    for line in Path(root, "proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers not in ("", "memory"):
            continue
        limit, taken = ("memory.max", "anon") if not controllers else ("memory.limit_in_bytes", "total_rss")
        top = Path(root, "sys/fs/cgroup", controllers)
        inner = top / path.strip("/")
        for group in (inner, *inner.parents):
            if group.is_relative_to(top) and (group / limit).is_file():
                most = (group / limit).read_text().strip()  # "max": none
                if most.isdecimal():
                    yield max(0, int(most) - _field(group / "memory.stat", taken))


def _field(path: Path, name: str) -> int:
    """Return the number behind a name in a file of such lines."""
    return next(int(line.split()[1]) for line in path.read_text().splitlines() if line.split()[:1] == [name])


def fitted(compute: Callable[[], Tensor], device: torch.device, what: str, mend: str) -> Tensor:
    """Return what `compute` returns.

    Args:
        compute: Something that may need more memory than there is.
        device: Where.
        what: Subject and verb of the error: `9x7 pixels do`.
        mend: What helps.

    Raises:
        InputError: Memory ran out.
    """
    try:
        return compute()
    except (RuntimeError, MemoryError) as error:
        if not _is_out_of_memory(error):
            raise
    if device.type == "cuda":
        torch.cuda.empty_cache()
    raise InputError(f"{what} not fit into the memory of {device}: {mend}")


def _is_out_of_memory(error: Exception) -> bool:
    """Tell whether an error means that memory ran out; only CUDA has a class for it."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    message = str(error).lower()
    return any(sign in message for sign in ("out of memory", "not enough memory", "can't allocate memory"))
