"""Grids of pictures with a caption over each column."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torch.nn import functional

from stylenet.images import grid

GAP = 4
LINE = 16
"""Pixels of a caption's height."""


def captioned(rows: Sequence[Sequence[Tensor]], columns: Sequence[str]) -> Tensor:
    """Return one image, (1, 3, H, W): rows of images under the names of their columns.

    Args:
        rows: Rows of (1, 3, h, w) images in [0, 1]; see `stylenet.images.grid`.
        columns: A caption for each column; columns are as wide as the widest picture or caption.
    """
    widest = max(_width(text) for text in columns)
    padded = [[_at_least(image, widest) for image in row] for row in rows]
    sheet = grid(padded, GAP)
    width = max(image.shape[-1] for row in padded for image in row) + GAP
    strip = torch.ones(1, 3, GAP + LINE, sheet.shape[-1])
    for number, text in enumerate(columns):
        left = GAP + number * width
        strip[..., GAP:, left : left + width - GAP] = _written(text, width - GAP)
    return torch.cat([strip, sheet], 2)


def _written(text: str, width: int) -> Tensor:
    """Return black text on white, (1, 3, LINE, width)."""
    picture = Image.new("L", (width, LINE), 255)
    ImageDraw.Draw(picture).text((0, 1), text, fill=0, font=_font())
    return torch.from_numpy(np.array(picture)).div(255).expand(1, 3, -1, -1)


def _width(text: str) -> int:
    """Return the pixels of a caption and of the gap that tells it from the next one."""
    return math.ceil(_font().getlength(text)) + GAP


def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(12)


def _at_least(image: Tensor, width: int) -> Tensor:
    """Return an image, (1, 3, h, w), with white at its sides where it is narrower."""
    missing = max(0, width - image.shape[-1])
    return functional.pad(image, (missing // 2, missing - missing // 2), value=1.0)
