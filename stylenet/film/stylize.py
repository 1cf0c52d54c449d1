"""Stylize films: decoding, stylizing and encoding overlap, in memory that does not grow with the film."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from stylenet.errors import InputError
from stylenet.film.animation import AnimationReader
from stylenet.film.bounded_queue import BoundedQueue
from stylenet.film.formats import FORMATS
from stylenet.film.metadata import ANIMATIONS, Chunk, Picture, Reader, check_cut, seconds
from stylenet.film.pixels import to_frame, to_image
from stylenet.film.reader import FilmReader
from stylenet.film.writer import FilmWriter
from stylenet.images import written_beside

FULL_DISK = "the disk is full"
Stylize = Callable[[Tensor], Tensor]
"""Takes and gives (1, 3, H, W) in [0, 1]."""
Progress = Callable[[int, int | None], None]
"""Told how many frames are done and of how many, None if that is unknown; may raise KeyboardInterrupt to stop."""


@dataclass(frozen=True)
class Result:
    """What came of a film.

    Args:
        frames: How many were written.
        seconds: How long they last.
        interrupted: Whether it was stopped by Ctrl-C.
        broken: A line if the film ends before its time.
    """

    frames: int
    seconds: float
    interrupted: bool = False
    broken: str | None = None


def open_film(path: str | Path, start: float | Fraction | None = None, end: float | Fraction | None = None) -> Reader:
    """Return a film, ready to be read.

    Args:
        path: The file.
        start: Seconds to leave out.
        end: Seconds from the film's start where to stop.

    Raises:
        InputError: PyAV is not installed, or the file is missing, empty, no film, or has no pictures that can be read.
    """
    path = Path(path)
    cut = seconds(start), seconds(end)
    check_cut(*cut)
    try:
        empty = path.stat().st_size == 0
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    if empty:
        raise InputError(f"{path} is empty (0 bytes): fetch or copy it again")
    return (AnimationReader if path.suffix.lower() in ANIMATIONS else FilmReader)(path, *cut)


def frames_of(reader: Reader) -> Iterator[Tensor]:
    """Yield the frames of a film that is open, (1, 3, H, W) in [0, 1]."""
    return (to_image(picture.pixels) for _, picture in reader.chunks() if picture is not None)


def stylize_film(
    stylize: Stylize,
    source: str | Path,
    target: str | Path | None,
    *,
    start: float | Fraction | None = None,
    end: float | Fraction | None = None,
    frames: str | Path | None = None,
    progress: Progress | None = None,
    say: Callable[[str], None] | None = None,
) -> Result:
    """Stylize a film frame by frame, with its sound, times, shape and colors.

    After Ctrl-C, a broken end or a full disk, what was written until then is a film that can be played.

    Args:
        stylize: Called with each frame, upright.
        source: The film.
        target: The new one, whose suffix says the format; None: `frames` only.
        start: Seconds to leave out.
        end: Seconds from the film's start where to stop.
        frames: Folder for PNGs: `frame_000001.png` and so on.
        progress: Told about each frame.
        say: Told what will not be kept, a line for each; by default they are printed.

    Raises:
        InputError: The film cannot be read or written; nothing was written.
        KeyboardInterrupt: Before the first frame was done.
    """
    if target is None and frames is None:
        raise InputError("give a film to write, or a folder for frames")
    with ExitStack() as stack:
        reader = stack.enter_context(open_film(source, start, end))
        sinks: list[FilmWriter | FrameFolder] = []
        if target is not None:
            check_target(Path(source), Path(target))
            sinks.append(stack.enter_context(FilmWriter(Path(target), reader.metadata, reader.streams)))
        if frames is not None:
            sinks.append(FrameFolder(Path(frames), reader.metadata.time_base))
        for note in (*reader.metadata.notes, *sinks[0].notes):
            (say or print)(note)
        interrupted, broken = _run(stylize, reader, sinks, progress or (lambda done, total: None))
        if frames is not None and (older := _older_frames(Path(frames), sinks[-1].frames)):
            (say or print)(f"{frames} holds {older} frames of an earlier film too, with higher numbers: remove them")
    if sinks[0].unfinished:
        broken = FULL_DISK
    return Result(sinks[0].frames, sinks[0].seconds, interrupted, broken)


def check_target(source: Path, target: Path) -> None:
    """Raise unless a film can be written under this name.

    Raises:
        InputError: The suffix is unknown, or it is the source.
    """
    if target.suffix.lower() not in FORMATS:
        raise InputError(f"cannot write {target}: a film ends with one of {', '.join(sorted(FORMATS))}")
    if os.path.realpath(source) == os.path.realpath(target):
        raise InputError(f"{target} would overwrite the film: give another output")


FRAME = "frame_{:06}.png"
"""How the PNGs of a film are called."""


class FrameFolder:
    """Write a film's pictures as PNGs; see `FilmWriter` for what it shares with it."""

    full = unfinished = False

    def __init__(self, folder: Path, time_base: Fraction) -> None:
        self.folder, self._base = folder, time_base
        self.notes: list[str] = []
        self.frames, self.seconds = 0, 0.0

    def add(self, picture: Picture) -> None:
        """Write a picture.

        Raises:
            InputError: The place cannot be written.
        """
        with written_beside(self.folder / FRAME.format(self.frames + 1)) as temporary:
            Image.fromarray(picture.pixels).save(temporary, format="PNG")
        self.frames, self.seconds = self.frames + 1, float((picture.start + picture.duration) * self._base)

    def copy(self, packet: Any) -> None:
        """Leave out a packet of sound."""


def _older_frames(folder: Path, written: int) -> int:
    """Return how many frames a folder holds besides the first ones, which were written now."""
    now = {FRAME.format(number) for number in range(1, written + 1)}
    return sum(path.name not in now for path in folder.glob("frame_[0-9]*.png"))


def _run(
    stylize: Stylize, reader: Reader, sinks: Sequence[FilmWriter | FrameFolder], progress: Progress
) -> tuple[bool, str | None]:
    """Stylize, and return whether it was interrupted, and a line if the film ends before its time."""
    raw, ready = BoundedQueue[Chunk](), BoundedQueue[Chunk]()
    with ThreadPoolExecutor(2) as pool:
        try:
            reading, writing = pool.submit(_feed, reader, raw), pool.submit(_drain, ready, sinks)
            interrupted, broken = _stylize_all(stylize, raw, ready, lambda done: progress(done, reader.metadata.frames))
            raw.stop()
            ready.end()
            for stage in (writing, reading):
                try:
                    stage.result()
                except InputError as error:
                    if stage is writing and not sinks[-1].frames:  # an encoder holds its first frames
                        raise
                    broken = broken or str(error)
        except BaseException:
            raw.stop()
            ready.stop()
            raise
    if any(sink.full for sink in sinks):
        broken = FULL_DISK
        if not sinks[0].frames:
            raise InputError(f"{FULL_DISK}: make room")
    return interrupted, broken or (None if interrupted else reader.broken)


def _feed(reader: Reader, line: BoundedQueue[Chunk]) -> None:
    """Read a film until its end, or until nobody wants more."""
    try:
        for chunk in reader.chunks():
            if not line.put(chunk):
                return
    finally:
        line.end()


def _stylize_all(
    stylize: Stylize, raw: BoundedQueue[Chunk], ready: BoundedQueue[Chunk], progress: Callable[[int], None]
) -> tuple[bool, str | None]:
    """Stylize what comes, and return whether it was interrupted, and a line if a frame failed after the first."""
    done = 0
    try:
        for packets, picture in raw:
            if picture is not None:
                picture = replace(picture, pixels=_painted(stylize, picture.pixels))
            if not ready.put((packets, picture)):
                break
            if picture is not None:
                done += 1
                progress(done)
    except (KeyboardInterrupt, InputError) as error:
        if not done:
            raise
        return (True, None) if isinstance(error, KeyboardInterrupt) else (False, str(error))
    return False, None


def _drain(line: BoundedQueue[Chunk], sinks: Sequence[FilmWriter | FrameFolder]) -> None:
    """Write what comes, until the end or until the disk is full."""
    try:
        for packets, picture in line:
            for sink in sinks:
                if picture is not None:
                    sink.add(picture)
                for packet in packets:
                    sink.copy(packet)
            if any(sink.full for sink in sinks):
                return
    finally:
        line.stop()


def _painted(stylize: Stylize, pixels: np.ndarray) -> np.ndarray:
    """Return a frame stylized, uint8, (H, W, 3)."""
    return to_frame(stylize(to_image(pixels)))
