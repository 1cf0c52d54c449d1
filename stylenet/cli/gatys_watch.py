"""What `stylenet gatys` shows while it optimizes: a progress bar, and a film of the image."""

from collections.abc import Sequence

from stylenet.cli.bar import Bar
from stylenet.gatys.optimize import Result
from stylenet.gatys.run import Progress
from stylenet.inference.video import Film


class Watch(Bar):
    """A bar that is a callback of `optimize`; ends it at its next step once `asked` holds something.

    Args:
        asked: Filled by Ctrl-C, see `stylenet.cli.exits.stop_when_asked`.
        film: Takes the image every few steps.
    """

    def __init__(self, asked: Sequence[int], film: Film | None = None) -> None:
        super().__init__("step")
        self.asked, self.film = asked, film

    def __call__(self, progress: Progress) -> bool:
        """Show where the run stands, film it, and return whether it shall end."""
        step, steps = progress.record.step, progress.steps
        text = " ".join(f"{group} {value.mean():.3g}" for group, value in progress.record.weighted.items())
        self.move(step, steps, text, line=step in (1, steps))
        if self.film:
            self.film.follow(step, steps, progress.image)
        return bool(self.asked)

    def finish(self, result: Result) -> None:
        """Hold the last frame of the film."""
        if self.film:
            self.film.hold(result.image)
