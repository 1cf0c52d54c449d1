"""What a method costs: seconds and peak memory, each measured in a process of its own."""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from stylenet.acceleration.allocator import keep_memory
from stylenet.data.styles import load_style
from stylenet.devices import pick_device
from stylenet.errors import InputError
from stylenet.studies.methods import find_methods

SIDES = (256, 1024)
"""Pixels of the squares that are painted: those of a survey's table."""
MOST_STEPS = 25
"""A larger optimization than the smallest of `SIDES` is timed over so many steps, in which L-BFGS fills its memory."""
REPEATS = 3


@dataclass(frozen=True)
class Task:
    """One measurement.

    Args:
        method: As `stylenet.studies.methods.find_methods` takes it.
        style: File.
        style_size: Pixels of its shorter side.
        steps: Of an optimization.
        side: Pixels of the square of noise that is painted.
        device: Where.
    """

    method: str
    style: str
    style_size: int
    steps: int
    side: int
    device: str


@dataclass(frozen=True)
class Cost:
    """What one picture costs.

    Args:
        seconds: Wall clock, with a warm-up before: the median of three for a network, one run for an optimization.
        memory_mb: Peak in MB: the resident memory of the process on a CPU, the allocator's on CUDA.
        estimated: Whether the seconds are those of a few steps, times the number of steps.
    """

    seconds: float
    memory_mb: float
    estimated: bool


def measure(task: Task) -> Cost:
    """Return the cost of a task, from a fresh process.

    A Ctrl-C does not reach that process: who asks decides what it means.

    Raises:
        InputError: It failed, for want of memory, say; with the last line of what it said.
    """
    command = [sys.executable, "-m", "stylenet.studies.runtime", json.dumps(asdict(task))]
    done = subprocess.run(command, capture_output=True, text=True, start_new_session=True)
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"the process ended with {done.returncode}"]
        raise InputError(said[-1])
    return Cost(**json.loads(done.stdout.splitlines()[-1]))


def perform(task: Task) -> Cost:
    """Return the cost of a task, in this process."""
    device = pick_device(task.device)
    photograph = torch.rand(1, 3, task.side, task.side, generator=torch.Generator().manual_seed(0))
    painting = load_style(task.style, task.style_size)
    style = Path(task.style).stem
    method = find_methods([task.method], [style], task.steps, device)[-1]
    painter, full = method.painter(style, painting), method.steps
    steps = full if task.side <= min(SIDES) else min(full, MOST_STEPS)
    method.steps = 1
    painter(photograph, _go_on)
    method.steps = steps
    times = [_timed(lambda: painter(photograph, _go_on)) for _ in range(REPEATS if full == 1 else 1)]
    return Cost(statistics.median(times) * full / steps, peak_mb(device), steps < full)


def _go_on() -> bool:
    return False


def _timed(paint: Callable[[], Tensor]) -> float:
    """Return the seconds of a painting, whose image comes to the CPU at the end."""
    began = time.perf_counter()
    paint()
    return time.perf_counter() - began


def peak_mb(device: torch.device) -> float:
    """Return the peak memory of this process, in MB of 10^6 bytes: resident on a CPU, allocated on CUDA.

    Linux keeps the peak of a process's own memory in its status; what `getrusage` says there includes that of the
    process which started it.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6
    import resource  # Windows has none

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


if __name__ == "__main__":
    keep_memory()
    print(json.dumps(asdict(perform(Task(**json.loads(sys.argv[1]))))))
