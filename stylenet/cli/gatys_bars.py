"""Progress bars of `stylenet gatys`, which also end it after Ctrl-C."""

from collections.abc import Sequence

from stylenet.console import Bar
from stylenet.film.timelapse import Film
from stylenet.gatys.run import Progress


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
        self.move(step, steps, _groups(progress), line=step in (1, steps))
        if self.film:
            self.film.follow(step, steps, progress.image)
        return bool(self.asked)


class FilmBar(Bar):
    """A bar of all steps that are left; raises KeyboardInterrupt at the next step once `asked` holds something.

    Args:
        asked: Filled by Ctrl-C, see `stylenet.cli.exits.stop_when_asked`.
        frame_steps: Of each frame that is to come.
    """

    def __init__(self, asked: Sequence[int], frame_steps: int) -> None:
        super().__init__("step")
        self.asked, self.frame_steps, self.done = asked, frame_steps, 0

    def watch(self, number: int, frames: int, progress: Progress) -> None:
        """Show where a frame stands; see `stylenet.gatys.film.Watch`."""
        self.done += 1
        step, steps = progress.record.step, progress.steps
        left = steps - step + (frames - number) * self.frame_steps
        self.move(self.done, self.done + left, f"frame {number} of {frames} {_groups(progress)}", line=step == steps)
        if self.asked:
            raise KeyboardInterrupt


def _groups(progress: Progress) -> str:
    """Return the weighted groups of terms, in words."""
    return " ".join(f"{group} {value.mean():.3g}" for group, value in progress.record.weighted.items())
