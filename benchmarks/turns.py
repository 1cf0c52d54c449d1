"""Two processes that work in turn, each beside nothing but the waiting other one: seconds, losses and memory."""

import argparse
import contextlib
import math
import multiprocessing
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from torch import Tensor

Side = Callable[[argparse.Namespace, Connection], None]


@dataclass(frozen=True)
class Turn:
    """What a side tells of a turn.

    Args:
        seconds: It took.
        cpu_seconds: It worked, over all threads: says more on a machine that does other things too.
        losses: Of its steps.
        memory: By how many MB the process grew at most since its first turn began; NaN but on Linux.
    """

    seconds: float
    cpu_seconds: float
    losses: list[float]
    memory: float


class Turns:
    """A side's end of the alternation: it works when told to, and answers with seconds, losses and memory.

    Args:
        given: How many steps are a turn, and how many pairs of turns follow the first, which warms up.
        pipe: To the main process.
    """

    def __init__(self, given: argparse.Namespace, pipe: Connection) -> None:
        self.pipe, self.steps, self.left = pipe, given.steps, given.pairs + 1
        self.before = measure_from_here()
        self.wait()

    def wait(self) -> None:
        """Wait for the next turn."""
        self.pipe.recv()
        self.losses, self.start, self.cpu_start = list[float](), time.perf_counter(), time.process_time()

    def stepped(self, loss: Tensor) -> bool:
        """Count a step; return whether there is more to do."""
        self.losses.append(loss.item())
        if len(self.losses) == self.steps:
            seconds, cpu_seconds = time.perf_counter() - self.start, time.process_time() - self.cpu_start
            self.pipe.send(Turn(seconds, cpu_seconds, self.losses, status("VmHWM") - self.before))
            self.left -= 1
            if self.left:
                self.wait()
        return self.left > 0


def take_turns(sides: Mapping[str, Side], given: argparse.Namespace) -> dict[str, list[Turn]]:
    """Return the turns of each side; the first one warms up, and who begins changes from pair to pair.

    Args:
        sides: Functions that make a `Turns` once they are ready, and tell it of each step.
        given: What they are called with; see `Turns`.
    """
    context = multiprocessing.get_context("spawn")
    pipes, found = dict[str, Connection](), {name: list[Turn]() for name in sides}
    for name, side in sides.items():
        pipes[name], end = context.Pipe()
        context.Process(target=side, args=(given, end), daemon=True).start()
        end.close()  # so that a side that dies is noticed
    for pair in range(given.pairs + 1):
        for name in list(sides)[:: -1 if pair % 2 else 1]:
            pipes[name].send("go")
            found[name].append(pipes[name].recv())
    return found


def measure_from_here() -> float:
    """Have the peak of this process's memory begin anew, and return what it holds now in MB; NaN but on Linux."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return status("VmRSS")


def status(field: str) -> float:
    """Return a field of this process in MB, NaN where the system does not tell."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return math.nan
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024
