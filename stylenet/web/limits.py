"""What a visitor of the page may ask for, and the files that visitors send."""

import re
import sys
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from stylenet.errors import InputError
from stylenet.images import decode
from stylenet.inference.sizes import scaled

PREVIEW = 512
"""Pixels of the longer side of a picture that follows the sliders."""
TOLD = 20
"""The least pixels of a photograph's sides: below, there is nothing to paint."""


@dataclass(frozen=True)
class Limits:
    """How much of everything one visitor may have.

    Args:
        megabytes: Of a file.
        pixels: Of a photograph or a painting.
        film_seconds: That a film lasts.
        jobs: Long works at a time, of all visitors together; others wait.
    """

    megabytes: int = 100
    pixels: int = 50_000_000
    film_seconds: int = 120
    jobs: int = 1


def read_picture(path: str | None, limits: Limits, what: str = "a photograph") -> Tensor:
    """Return a picture that a visitor sent, (1, 3, H, W) in [0, 1].

    Args:
        path: Its file; None if there is none yet.
        limits: Of its pixels.
        what: What to ask for.

    Raises:
        InputError: There is none, it is gone, broken or too large.
    """
    if path is None:
        raise InputError(f"drop {what} first")
    try:
        raw = Path(path).read_bytes()
    except OSError:
        raise InputError(f"{Path(path).name} is no longer here: drop it again") from None
    image = decode(raw, Path(path).name, limits.pixels)
    height, width = image.shape[-2:]
    if min(height, width) < TOLD:
        raise InputError(f"{Path(path).name} has {width}x{height} pixels: take one of at least {TOLD} on each side")
    return image


def small(image: Tensor) -> Tensor:
    """Return a picture, (1, 3, H, W), at preview size, unless it is smaller."""
    return scaled(image, PREVIEW) if max(image.shape[-2:]) > PREVIEW else image


def told(error: InputError, folder: Path) -> str:
    """Return what a visitor reads of an error, and print it, as the one line that the log gets.

    Args:
        error: The error.
        folder: Where visitors' files lie; their names alone are told.
    """
    text = re.sub(rf"{re.escape(str(folder))}\S*/", "", " ".join(str(error).split()))
    print(f"refused: {text}", file=sys.stderr, flush=True)
    return text[:1].upper() + text[1:]
