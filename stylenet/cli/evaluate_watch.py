"""What `stylenet evaluate` shows while it works: a progress bar that counts steps."""

import sys
import time
from collections.abc import Sequence
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


class Watch:
    """A bar on a terminal, else a line now and then; a context manager.

    Args:
        steps: Of the whole work.
        asked: Filled by Ctrl-C, see `stylenet.cli.exits.stop_when_asked`.
        line_seconds: Between two lines where there is no terminal.
    """

    def __init__(self, steps: int, asked: Sequence[int], line_seconds: float = 30.0) -> None:
        self.steps, self.asked, self.line_seconds = steps, asked, line_seconds
        self.done, self.doing = 0, ""
        self.began = self.shown = time.perf_counter()
        self.console = Console(stderr=True, markup=False, highlight=False, emoji=False, soft_wrap=True)
        columns = BarColumn(20), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn()
        task = TextColumn("{task.description}", markup=False)
        self.bar = Progress(*columns, task, console=self.console, disable=not self.console.is_terminal)
        self.bar.add_task("", total=steps)

    def __enter__(self) -> "Watch":
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def begin(self, doing: str) -> None:
        """Say what is done from now on."""
        self.doing = doing
        self.bar.update(self.bar.task_ids[0], description=doing)

    def tick(self) -> bool:
        """Count a step, and return whether the work shall end."""
        self.done += 1
        self.bar.update(self.bar.task_ids[0], completed=self.done)
        now = time.perf_counter()
        if not self.console.is_terminal and now - self.shown >= self.line_seconds:
            self.shown = now
            left = (self.steps - self.done) * (now - self.began) / self.done
            print(f"step {self.done}/{self.steps} {self.doing} {left / 60:.0f} min left", file=sys.stderr, flush=True)
        return bool(self.asked)
