"""Pictures that visitors send, read and checked, and pictures as the page shows them.

Imported where there is a picture, not with the page: torch takes seconds.
"""

import base64
import binascii
import io
from html import escape
from pathlib import Path
from typing import Any

from torch import Tensor

from stylenet.color import luminance
from stylenet.errors import InputError
from stylenet.images import decode, resize, to_pillow
from stylenet.web.limits import Limits

PREVIEW = 512
"""Pixels of the longer side of a picture that follows the sliders."""
SMALLEST = 20
"""The least pixels of a photograph's sides: below, there is nothing to paint."""
JPEG_QUALITY = 90
"""Of what is shown on the page; downloads are PNGs."""


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
    if min(height, width) < SMALLEST:
        raise InputError(f"{Path(path).name} has {width}x{height} pixels: take one of at least {SMALLEST} on each side")
    return image


def small(image: Tensor) -> Tensor:
    """Return a picture, (1, 3, H, W), at preview size, unless it is smaller."""
    return resize(image, PREVIEW, side="long") if max(image.shape[-2:]) > PREVIEW else image


def painted(mask: str | None) -> tuple[Tensor, ...]:
    """Return what a visitor painted with the brush, (1, 1, h, w) in [0, 1]; nothing if nothing is.

    Args:
        mask: A PNG as a data address.

    Raises:
        InputError: It is no picture.
    """
    if not mask:
        return ()
    try:
        raw = base64.b64decode(mask.partition(",")[2], validate=True)
    except binascii.Error:
        raise InputError("what was painted did not arrive whole: paint it again") from None
    image = luminance(decode(raw, "what was painted"))
    return (image,) if image.max() > 0 else ()


def address(image: Tensor) -> str:
    """Return a picture, (1, 3, H, W) in [0, 1], as a data address: no file that others could see."""
    file = io.BytesIO()
    to_pillow(image).save(file, "JPEG", quality=JPEG_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()


def compared(before: Tensor, after: Tensor, alt: str) -> dict[str, Any]:
    """Return what `stylenet.web.components.before_after` shows.

    Args:
        before: The photograph, (1, 3, h, w) in [0, 1].
        after: The result, of the same size.
        alt: What the result shows, in words.
    """
    height, width = before.shape[-2:]
    shown = {"before": address(before), "after": address(after)}
    return {**shown, "alt": escape(alt, quote=True), "width": width, "height": height}
