"""A camera, or a film that plays one: who asks gets the newest frame, and what comes while nobody asks is lost.

`Recorder` writes pictures into a film as they come, each with the time at which it came.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from threading import Condition, Thread
from types import TracebackType
from typing import Self

import numpy as np
from torch import Tensor

from stylenet.errors import InputError
from stylenet.film.flow import opencv
from stylenet.film.metadata import Metadata, Picture
from stylenet.film.pixels import to_image
from stylenet.film.stylize import open_film
from stylenet.film.writer import FilmWriter

MILLISECOND = Fraction(1, 1000)
RATE = Fraction(25)
"""Frames a second that the film of a `Recorder` tells of; their own times count."""


class Camera:
    """Yield frames as they are when they are asked for; a context manager, in which a thread reads on.

    Args:
        source: The number of a camera, from 0, or a film, which is played at its own speed.

    Raises:
        InputError: There is no such camera, the film cannot be read, or OpenCV is not installed.
    """

    def __init__(self, source: str) -> None:
        self._frames = _device(int(source)) if source.isdigit() else _played(Path(source))
        self._changed = Condition()
        self._newest: np.ndarray | None = None
        self._ended = False
        self._thread = Thread(target=self._read, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True
        self._thread.join()

    def __iter__(self) -> Iterator[Tensor]:
        """Yield the newest frame, (1, 3, H, W) in [0, 1], each one once, until the camera ends."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._newest is not None or self._ended)
                pixels, self._newest = self._newest, None
            if pixels is None:
                return
            yield to_image(pixels.copy())

    def _read(self) -> None:
        """Keep the newest frame until the camera ends, or nobody wants more."""
        try:
            for pixels in self._frames:
                with self._changed:
                    self._newest = pixels
                    self._changed.notify()
                if self._ended:
                    return
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify()


def _device(number: int) -> Iterator[np.ndarray]:
    """Return the frames of a camera, RGB, uint8, (H, W, 3)."""
    capture = opencv().VideoCapture(number)
    if not capture.isOpened():
        raise InputError(f"camera {number} cannot be opened: plug it in, or give another number or a film")

    def frames() -> Iterator[np.ndarray]:
        try:
            while True:
                there, pixels = capture.read()  # waits for the next one
                if not there:
                    return
                yield pixels[..., ::-1]
        finally:
            capture.release()

    return frames()


def _played(film: Path) -> Iterator[np.ndarray]:
    """Return the frames of a film, each when its time has come."""
    reader = open_film(film)

    def frames() -> Iterator[np.ndarray]:
        began = time.monotonic()
        with reader:
            for _, picture in reader.chunks():
                if picture is not None:
                    due = began + float(picture.start * reader.metadata.time_base)
                    time.sleep(max(0.0, due - time.monotonic()))
                    yield picture.pixels

    return frames()


class Recorder:
    """`with Recorder(path) as film: film.add(pixels)`; the file is moved into place when the block ends.

    Args:
        path: The film; its suffix, one of `FORMATS`, says the format.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stack = ExitStack()
        self._writer: FilmWriter | None = None
        self._last: Picture | None = None
        self._began = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        if kind is None and self._writer is not None and self._last is not None:
            self._writer.add(self._lasting(self._last))
        return self._stack.__exit__(kind, error, trace)

    @property
    def full(self) -> bool:
        """Whether the disk is full: what was written until then is a film."""
        return self._writer is not None and self._writer.full

    def add(self, pixels: np.ndarray) -> None:
        """Append what is to be seen from now on, RGB, uint8, (H, W, 3), always in one size.

        Raises:
            InputError: The place cannot be written.
        """
        if self._writer is None:
            height, width = pixels.shape[:2]
            metadata = Metadata(width, height, MILLISECOND, RATE, None)
            self._writer = self._stack.enter_context(FilmWriter(self.path, metadata, []))
            self._began = time.monotonic()
        if self._last is not None:
            self._writer.add(self._lasting(self._last))
        self._last = Picture(pixels, self._now(), 1)

    def _now(self) -> int:
        return round(1000 * (time.monotonic() - self._began))

    def _lasting(self, picture: Picture) -> Picture:
        """Return a picture that is to be seen until now."""
        return replace(picture, duration=max(1, self._now() - picture.start))
