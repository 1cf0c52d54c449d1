"""What commands show on standard error: a card of what goes in, and how far long work is."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from stylenet.errors import one_line

LINE_VARIABLE = "STYLENET_LINE_SECONDS"
LINE_SECONDS = float(os.environ.get(LINE_VARIABLE, 30))
"""Between two lines where there is no bar; what starts a command and reads its lines may want them sooner."""
Move = Callable[..., None]
"""Takes how much is done, of how much (None: it is not known), and what else there is to say, if anything."""


class Bar:
    """A progress bar on a terminal, else a line now and then, on standard error; a context manager.

    Args:
        unit: What is counted, for the lines.
        shown: Whether a terminal gets a bar: of several processes one does.
        first: Units that were done before.
    """

    def __init__(self, unit: str, shown: bool = True, first: int = 0) -> None:
        self.unit, self.first = unit, first
        self.console = Console(stderr=True, markup=False, highlight=False, emoji=False, soft_wrap=True)
        columns = BarColumn(20), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn()
        text, hidden = TextColumn("{task.description}", markup=False), not (shown and self.console.is_terminal)
        self._progress = Progress(*columns, text, console=self.console, disable=hidden)
        self._task = self._progress.add_task("", total=None, completed=first)
        self._began = self._told = time.perf_counter()

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def move(self, done: int, total: int | None, text: str = "", line: bool = False) -> None:
        """Show how much is done.

        Args:
            done: Units.
            total: Of the whole work, None if it has no end.
            text: What else there is to say.
            line: Where there is no bar, print a line now.
        """
        self._progress.update(self._task, completed=done, total=total, description=text)
        now = time.perf_counter()
        if self._progress.disable and (line or now - self._told >= LINE_SECONDS):
            self._told = now
            left = ((total or done) - done) * (now - self._began) / max(1, done - self.first)
            clock = f"{left:.0f} s" if left < 120 else f"{left / 60:.0f} min"
            end, clock = (f"/{total}", f"{clock} left") if total else ("", "")
            self.console.print(one_line(f"{self.unit} {done}{end} {text} {clock}"))

    def say(self, line: str) -> None:
        """Print a line."""
        self.console.print(one_line(line))

    def below(self, unit: str) -> Move:
        """Add a bar for each part of the work in turn, shown on a terminal alone, and return what moves it."""
        task = self._progress.add_task(unit, total=None)

        def move(done: int, total: int | None, text: str = "") -> None:
            if done == 1:  # of the next part
                self._progress.reset(task)
            self._progress.update(task, completed=done, total=total, description=f"{unit} {text}")

        return move


class Watch(Bar):
    """A bar whose `tick` also tells whether Ctrl-C was pressed.

    Args:
        steps: Of the whole work.
        asked: Filled by Ctrl-C, see `stylenet.cli.exits.stop_when_asked`.
        unit: What is counted.
    """

    def __init__(self, steps: int, asked: Sequence[int], unit: str = "step") -> None:
        super().__init__(unit)
        self.steps, self.asked, self.done, self.doing = steps, asked, 0, ""

    def begin(self, doing: str) -> None:
        """Say what is done from now on."""
        self.doing = doing
        self.move(self.done, self.steps, doing)

    def tick(self) -> bool:
        """Count a step, and return whether the work shall end."""
        self.done += 1
        self.move(self.done, self.steps, self.doing)
        return bool(self.asked)


def print_card(lines: Mapping[str, str]) -> None:
    """Print names and what they stand for, in two columns, on standard error."""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for name, value in lines.items():
        table.add_row(Text(name, style="bold"), Text(value))  # a path in brackets is no markup
    Console(stderr=True).print(table)
