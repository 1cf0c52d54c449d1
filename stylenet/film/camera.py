"""A camera, or a film that plays one: who asks gets the newest frame, and what comes while nobody asks is lost."""

import time
from collections.abc import Iterator
from pathlib import Path
from threading import Condition, Thread
from typing import Self

import numpy as np
from torch import Tensor

from stylenet.errors import InputError
from stylenet.film.flow import opencv
from stylenet.film.pixels import to_image
from stylenet.film.stylize import open_film


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
                    due = began + float(picture.start * reader.facts.time_base)
                    time.sleep(max(0.0, due - time.monotonic()))
                    yield picture.pixels

    return frames()
