"""What `stylenet evaluate` shows while it works: a progress bar that counts steps."""

from collections.abc import Sequence

from stylenet.cli.bar import Bar


class Watch(Bar):
    """A bar whose `tick` also tells whether Ctrl-C was pressed.

    Args:
        steps: Of the whole work.
        asked: Filled by Ctrl-C, see `stylenet.cli.exits.stop_when_asked`.
    """

    def __init__(self, steps: int, asked: Sequence[int]) -> None:
        super().__init__("step")
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
