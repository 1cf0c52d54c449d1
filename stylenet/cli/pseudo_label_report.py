"""What `stylenet pseudo-label` shows while it works."""

from stylenet.cli.bar import Bar
from stylenet.cli.exits import one_line
from stylenet.errors import InputError


class Report(Bar):
    """A bar of the first process, and lines of all.

    Args:
        total: Pairs to be made.
        rank: Of the process.
    """

    def __init__(self, total: int, rank: int) -> None:
        self.name = f"rank {rank}: " if rank else ""
        super().__init__(f"{self.name}pair", shown=rank == 0)
        self.total, self.done, self.failed = total, 0, 0

    def say(self, line: str) -> None:
        """Print a line."""
        self.console.print(one_line(f"{self.name}{line}"))

    def fail(self, error: InputError, pairs: int = 1) -> None:
        """Name what failed, and count its pairs."""
        self.say(f"failed: {error}")
        self.failed += pairs
        self.move(self.done + self.failed, self.total)

    def advance(self) -> None:
        """Count a pair that was made."""
        self.done += 1
        self.move(self.done + self.failed, self.total)

    def summary(self) -> str:
        """Return what was made and what failed."""
        return f"{self.done} pairs made" + (f", {self.failed} failed" if self.failed else "")
