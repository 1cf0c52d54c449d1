"""What `stylenet gatys` shows while it optimises: a progress bar, and a film of the image."""

import sys
import time
from collections.abc import Sequence
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from stylenet.gatys.optimize import Result
from stylenet.gatys.run import Progress
from stylenet.inference.video import Film

FILM_SECONDS, HOLD_SECONDS = 10, 2
"""How long a film of the optimisation lasts, and how long its last frame stays after that."""


class Watch:
    """A callback of `optimize`, and a context manager around it.

    On a terminal a bar, else a line now and then. Ends the optimisation at its next step once `asked` holds something.

    Args:
        asked: Filled by Ctrl-C, see `stylenet.cli.exits.stop_when_asked`.
        film: Takes the image every few steps.
        line_seconds: Between two lines where there is no terminal.
    """

    def __init__(self, asked: Sequence[int], film: Film | None = None, line_seconds: float = 30.0) -> None:
        self.asked, self.film, self.line_seconds = asked, film, line_seconds
        self.began = self.shown = time.perf_counter()
        console = Console(stderr=True)
        columns = BarColumn(20), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn()
        self.bar = Bar(*columns, TextColumn("{task.description}"), console=console, disable=not console.is_terminal)

    def __enter__(self) -> "Watch":
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def __call__(self, progress: Progress) -> bool:
        """Show where the run stands, film it, and return whether it shall end."""
        self._show(progress)
        if self.film:
            frames = FILM_SECONDS * self.film.fps
            if progress.record.step % max(1, round(progress.steps / frames)) == 0:
                self.film.add(progress.image(), times=max(1, frames // progress.steps))
        return bool(self.asked)

    def _show(self, progress: Progress) -> None:
        step, steps = progress.record.step, progress.steps
        text = " ".join(f"{group} {value.mean():.3g}" for group, value in progress.record.weighted.items())
        if not self.bar.disable:
            if not self.bar.task_ids:
                self.bar.add_task("", total=steps)
            self.bar.update(self.bar.task_ids[0], completed=step, description=text)
            return
        now = time.perf_counter()
        if now - self.shown >= self.line_seconds or step in (1, steps):
            self.shown = now
            left = (steps - step) * (now - self.began) / step
            print(f"step {step}/{steps} {text} {left:.0f} s left", file=sys.stderr, flush=True)

    def finish(self, result: Result) -> None:
        """Hold the last frame of the film."""
        if self.film:
            self.film.add(result.image, times=HOLD_SECONDS * self.film.fps)
