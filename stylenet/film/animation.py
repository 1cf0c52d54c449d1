"""Read animated GIF and WebP frame by frame, through Pillow."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

import numpy as np
from PIL import Image

from stylenet.errors import InputError
from stylenet.film.metadata import Chunk, Metadata, Picture
from stylenet.images import MAX_PIXELS

MILLISECOND = Fraction(1, 1000)
USUAL = 100
"""Milliseconds of a frame that does not tell its time, as in browsers."""


class AnimationReader:
    """An animated GIF or WebP, see `Reader`; what is transparent is laid over white.

    Args:
        path: The file.
        start: Seconds to leave out.
        end: Seconds from its start where to stop.

    Raises:
        InputError: It is broken, or has no picture after the start.
    """

    def __init__(self, path: Path, start: Fraction | None, end: Fraction | None) -> None:
        self.path = path
        self.broken: str | None = None
        self.streams: list[Any] = []
        self._start, self._end = start or Fraction(0), end
        try:
            picture: Any = Image.open(path)
            self._picture, frames = picture, picture.n_frames
        except Exception as error:  # decoders raise nearly anything on broken bytes
            raise InputError(f"{path} is not an image that can be read ({error}): fetch or copy it again") from None
        if self._picture.width * self._picture.height > MAX_PIXELS:
            raise InputError(f"{path} has too many pixels, over {MAX_PIXELS:,}: scale it down")
        self._rest = self._read(frames)
        head = next(self._rest, None)
        if head is None:
            mend = "give another start" if start else "fetch or copy it again"
            raise InputError(f"{path} has no picture that can be read: {mend}")
        self._head = head
        self.metadata = self._metadata(head, frames)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._picture.close()

    def chunks(self) -> Iterator[Chunk]:
        """Yield its pictures from start to end, once."""
        yield [], self._head
        for picture in self._rest:
            yield [], picture

    def _metadata(self, first: Picture, frames: int) -> Metadata:
        rate = 1 / (first.duration * MILLISECOND)
        left = frames
        if self._start or self._end:
            left = round((min(self._end or frames / rate, frames / rate) - self._start) * rate)
        width, height = self._picture.size
        return Metadata(width, height, MILLISECOND, rate, max(1, left))

    def _read(self, frames: int) -> Iterator[Picture]:
        """Yield the pictures; their times count from the first that is left."""
        now, origin = 0, None
        for index in range(frames):
            try:
                self._picture.seek(index)
                pixels = _over_white(self._picture)
            except Exception as error:  # as above
                self.broken = f"it breaks off after {index} of {frames} frames ({error or type(error).__name__})"
                return
            duration = round(self._picture.info.get("duration") or USUAL)
            if self._end is not None and now * MILLISECOND >= self._end:
                return
            if now * MILLISECOND >= self._start:
                origin = now if origin is None else origin
                yield Picture(pixels, now - origin, duration)
            now += duration


def _over_white(picture: Image.Image) -> np.ndarray:
    """Return the frame that is shown as RGB, (H, W, 3)."""
    if picture.has_transparency_data:
        own = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", own.size, "white"), own)
    return np.array(picture.convert("RGB"))
