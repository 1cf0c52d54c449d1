"""Films in `stylenet gatys`: painted frame by frame, kept beside the output until all are there, and joined."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from torch import Tensor

from stylenet.cli.exits import FAILED, INTERRUPTED, OK, one_line, stop_when_asked
from stylenet.cli.infer import clock
from stylenet.console import Bar
from stylenet.errors import InputError
from stylenet.film.flow import opencv
from stylenet.film.formats import pick_encoder
from stylenet.film.stylize import frames_of, open_film
from stylenet.film.timelapse import Film
from stylenet.gatys.film import FRAME_STEPS, TEMPORAL_WEIGHT, FramePainter, paint_film
from stylenet.gatys.kept_frames import KeptFrames, fingerprint, join_frames
from stylenet.gatys.run import Progress
from stylenet.inference.outputs import stays_film
from stylenet.locking import alone_in

FOR_FILMS = ("start", "end", "frame_steps", "temporal_weight")
OUTSIDE = ("source", "target", "output", "video", "device")
"""Options that frames do not depend on, or that stand among the others under another name."""


@dataclass(frozen=True)
class FilmJob:
    """A film to be painted.

    Args:
        source: The film.
        target: The new one.
        start: Seconds to leave out.
        end: Seconds from the film's start where to stop.
        frame_steps: See `FramePainter`.
        temporal_weight: See `FramePainter`.
    """

    source: Path
    target: Path
    start: Fraction | None = None
    end: Fraction | None = None
    frame_steps: int = FRAME_STEPS
    temporal_weight: float = TEMPORAL_WEIGHT

    def first_frame(self) -> tuple[Tensor, int]:
        """Return the first frame, (1, 3, H, W) in [0, 1], and how many there are, about.

        Raises:
            InputError: The film cannot be read.
        """
        with open_film(self.source, self.start, self.end) as reader:
            return next(frames_of(reader)), reader.metadata.frames or 1

    def keep(self, options: Mapping[str, Any]) -> KeptFrames:
        """Return where finished frames go.

        Args:
            options: All of the command, see `OUTSIDE` for those that frames do not depend on.

        Raises:
            InputError: There are frames of other options.
        """
        settings = {name: value for name, value in {**options, **vars(self)}.items() if name not in OUTSIDE}
        return KeptFrames(self.target, {name: fingerprint(value) for name, value in settings.items()})

    def describe(self, frames: int, kept: KeptFrames) -> dict[str, str]:
        """Return lines of the card."""
        done = kept.count()
        return {
            "frames": f"about {frames}, {done} of them done" if done else f"about {frames}",
            "next frames": f"{self.frame_steps} steps each, temporal weight {self.temporal_weight:g}",
        }

    def run(self, painter: FramePainter, kept: KeptFrames, size: int | None) -> int:
        """Paint, join, say so, and return the exit code.

        Args:
            painter: Paints the frames.
            kept: From `keep`.
            size: Pixels of the frames' longer side.
        """
        cut = self.start, self.end
        try:
            with alone_in(kept.folder), stop_when_asked() as asked, FilmBar(asked, self.frame_steps) as bar:
                paint_film(self.source, kept, painter, size, cut, bar.watch)
                written = join_frames(self.source, kept, self.target, cut, bar.console.print)
        except KeyboardInterrupt:
            said = f"{kept.count()} frames are done and kept in {kept.folder}: the same command goes on from there"
            print(f"interrupted; {said}", file=sys.stderr)
            return INTERRUPTED
        broken = f"{self.source}: {written.broken}; " if written.broken else ""
        line = f"{broken}wrote {self.target}: {written.frames} frames, {written.seconds:.1f} s"
        print(one_line(line), file=sys.stderr)
        return FAILED if written.broken else OK


def film_job(source: Path, target: Path, options: Mapping[str, Any]) -> FilmJob | None:
    """Return the film that is asked for, None of a photograph.

    Args:
        source: The photograph or film.
        target: What will be written.
        options: All of the command; None where not given.

    Raises:
        InputError: Options that are not for this, or a film that cannot be made here.
    """
    given = {name: options[name] for name in FOR_FILMS if options[name] is not None}
    if not stays_film(source, target):
        for name in given:
            raise InputError(f"--{name.replace('_', '-')} is for films, and {source} becomes none: leave it out")
        return None
    if options["video"] is not None:
        raise InputError(f"--video shows how one photograph is painted, and {source} is a film: leave it out")
    opencv()
    pick_encoder(target)
    cut = {name: clock(name, options[name]) for name in ("start", "end")}
    return FilmJob(source, target, **given | cut)


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
