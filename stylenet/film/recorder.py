"""Record pictures as a film as they are made, each lasting until the next one."""

import time
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from stylenet.film.facts import Facts, Picture
from stylenet.film.writer import FilmWriter

MILLISECOND = Fraction(1, 1000)
RATE = Fraction(25)
"""Frames a second that the file tells of; their own times count."""


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
            facts = Facts(width, height, MILLISECOND, RATE, None)
            self._writer = self._stack.enter_context(FilmWriter(self.path, facts, []))
            self._began = time.monotonic()
        if self._last is not None:
            self._writer.add(self._lasting(self._last))
        self._last = Picture(pixels, self._now(), 1)

    def _now(self) -> int:
        return round(1000 * (time.monotonic() - self._began))

    def _lasting(self, picture: Picture) -> Picture:
        """Return a picture that is to be seen until now."""
        return replace(picture, duration=max(1, self._now() - picture.start))
