"""What a film is, apart from its pictures: sizes, times, colors; and what its files may be called."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
from PIL import Image

from stylenet.errors import InputError

ANIMATIONS = frozenset({".gif", ".webp"})
"""Suffixes of pictures that may move."""
FILMS = frozenset({".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi"})
"""Suffixes of films that are read."""
BT709, BT601 = 1, 6
"""FFmpeg's numbers of the matrices of HD and of SD video; the first is also that of its primaries and transfer."""
MATRICES = frozenset({1, 4, 5, 6, 7, 9})
"""FFmpeg's numbers of the matrices between YUV and RGB that it can compute with."""
LIMITED, FULL = 1, 2
"""FFmpeg's numbers of the ranges of 16 to 235 and of 0 to 255."""
HD = 720
"""Rows from which on a film that does not tell its matrix is taken to have that of HD video, as players do."""
HDR = {16: "PQ", 18: "HLG"}
"""FFmpeg's numbers of the transfer functions of HDR video."""


@dataclass(frozen=True)
class Colors:
    """How a film's numbers stand for colors, in FFmpeg's numbers."""

    matrix: int = BT709
    range: int = LIMITED
    primaries: int = BT709
    transfer: int = BT709


@dataclass(frozen=True)
class Metadata:
    """What is known of a film before it is decoded.

    Args:
        width: Of the upright pictures, in pixels.
        height: Of them.
        time_base: Seconds that time stamps count in.
        rate: Pictures a second, on average.
        frames: How many are to come, if that is known; about.
        aspect: Width of a pixel by its height, if that is told.
        colors: How numbers stand for colors.
        tags: Title and the like.
        notes: What will not be kept, a line for each.
    """

    width: int
    height: int
    time_base: Fraction
    rate: Fraction
    frames: int | None
    aspect: Fraction | None = None
    colors: Colors = field(default_factory=Colors)
    tags: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Picture:
    """One frame of a film.

    Args:
        pixels: RGB, uint8, (H, W, 3), upright.
        start: When it appears, in the film's time base.
        duration: How long it stays.
    """

    pixels: np.ndarray
    start: int
    duration: int


Chunk = tuple[list[Any], Picture | None]
"""Packets of sound and the like, and the picture before them."""


class Reader(Protocol):
    """A film that is being read; a context manager.

    Attributes:
        metadata: What is known beforehand.
        streams: Those of sound and the like, whose packets come in the chunks.
        broken: A line that says what is wrong with the file, once that has shown.
    """

    metadata: Metadata
    streams: list[Any]
    broken: str | None

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def chunks(self) -> Iterator[Chunk]:
        """Yield the film from its start to its end, once."""
        ...


def is_film(path: str | Path) -> bool:
    """Tell whether a file is a film: by its suffix, and of a GIF or WebP, whether it has more than one picture."""
    path = Path(path)
    if path.suffix.lower() not in ANIMATIONS:
        return path.suffix.lower() in FILMS
    try:
        with Image.open(path) as picture:
            return bool(getattr(picture, "is_animated", False))
    except Exception:  # decoders raise nearly anything on broken bytes; reading it will tell
        return False


def seconds(time: float | Fraction | None) -> Fraction | None:
    """Return a time in seconds as a fraction: the float 1.04 as 26/25."""
    return None if time is None else Fraction(time).limit_denominator(1_000_000)


def check_cut(start: Fraction | None, end: Fraction | None) -> None:
    """Raise unless a film can be cut so.

    Raises:
        InputError: The end is not after the start, or the start is negative.
    """
    if start is not None and start < 0:
        raise InputError(f"start {float(start):g}: give seconds from 0 on")
    if end is not None and end <= (start or 0):
        raise InputError(f"end {float(end):g} s is not after start {float(start or 0):g} s")


def pyav() -> Any:
    """Return PyAV.

    Raises:
        InputError: It is not installed.
    """
    try:
        import av
    except ImportError:
        raise InputError("films need PyAV, which is not installed: run pip install 'stylenet[video]'") from None
    return av
