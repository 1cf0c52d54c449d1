"""What `stylenet pseudo-label` shows while it works."""

import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from stylenet.cli.exits import one_line
from stylenet.errors import InputError

LINE_SECONDS = 30.0
"""Between two lines of progress where there is no bar."""


class Report:
    """Says how far a process is: the first one by a bar on a terminal, all by a line now and then elsewhere.

    Args:
        total: Pairs to be made.
        rank: Of the process.
    """

    def __init__(self, total: int, rank: int) -> None:
        self.total, self.done, self.failed = total, 0, 0
        self.name = f"rank {rank}: " if rank else ""
        self.console = Console(stderr=True, markup=False, highlight=False, emoji=False, soft_wrap=True)
        columns = ("labelling", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self.bar = Progress(*columns, console=self.console, disable=not self.console.is_terminal or rank > 0)
        self.began = self.shown = time.perf_counter()

    def __enter__(self) -> "Report":
        self.bar.add_task("", total=self.total)
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def say(self, line: str) -> None:
        """Print a line."""
        self.console.print(one_line(f"{self.name}{line}"))

    def fail(self, error: InputError, pairs: int = 1) -> None:
        """Name what failed, and count its pairs."""
        self.say(f"failed: {error}")
        self.failed += pairs
        self.bar.update(self.bar.task_ids[0], completed=self.done + self.failed)

    def advance(self) -> None:
        """Count a pair that was made."""
        self.done += 1
        self.bar.update(self.bar.task_ids[0], completed=self.done + self.failed)
        now = time.perf_counter()
        if self.bar.disable and now - self.shown >= LINE_SECONDS:
            self.shown = now
            left = (now - self.began) / self.done * (self.total - self.done - self.failed)
            self.say(f"{self.done}/{self.total} pairs, {left / 60:.0f} min left")

    def summary(self) -> str:
        """Return what was made and what failed."""
        return f"{self.done} pairs made" + (f", {self.failed} failed" if self.failed else "")
