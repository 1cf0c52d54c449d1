"""From decoded frames to upright RGB: the film's own matrix, range and way up."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from stylenet.errors import InputError
from stylenet.film.metadata import BT601, BT709, FULL, HD, LIMITED, MATRICES, Colors
from stylenet.images import MAX_PIXELS, to_uint8


def to_image(pixels: np.ndarray) -> Tensor:
    """Return a frame, RGB, uint8, (H, W, 3), as an image, (1, 3, H, W) in [0, 1]."""
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].float().div_(255)


def to_frame(image: Tensor) -> np.ndarray:
    """Return an image, (1, 3, H, W) in [0, 1], as a frame, RGB, uint8, (H, W, 3)."""
    return np.ascontiguousarray(to_uint8(image)[0].permute(1, 2, 0).cpu().numpy())


def colors_of(context: Any) -> Colors:
    """Return how a film's numbers stand for colors.

    A matrix that the file does not tell is taken to be that of HD video from 720 rows on and that of SD video below, as
    players do; a range that it does not tell, that of 16 to 235. RGB is written as HD video.

    Args:
        context: PyAV's codec context.
    """
    if context.format is not None and context.format.is_rgb:
        return Colors()
    guess = BT709 if context.height >= HD else BT601
    matrix = context.colorspace if context.colorspace in MATRICES else guess
    full = context.color_range == FULL
    return Colors(matrix, FULL if full else LIMITED, context.color_primaries, context.color_trc)


class Pixels:
    """Turn a film's frames into RGB, all in the size of the first.

    Args:
        name: What to call the film in an error.
        colors: How its numbers stand for colors.
    """

    def __init__(self, name: str, colors: Colors) -> None:
        self.name, self.colors = name, colors
        self.turned = False
        """Whether the last frame was stored lying on its side."""
        self._size: dict[str, int] = {}
        self._rotation: int | None = None  # of the last frame, in degrees
        self._matrix: np.ndarray | None = None  # its display matrix, which also tells whether it is mirrored

    def __call__(self, frame: Any) -> np.ndarray:
        """Return a frame of PyAV upright, uint8, (H, W, 3).

        Raises:
            InputError: It is too large.
        """
        if not self._size:
            if frame.width * frame.height > MAX_PIXELS:
                raise InputError(f"{self.name} has too many pixels, over {MAX_PIXELS:,}: scale it down")
            self._size = {"width": frame.width, "height": frame.height}
        own = {"src_colorspace": self.colors.matrix, "src_color_range": self.colors.range}
        how = {} if frame.format.is_rgb else own
        pixels = frame.reformat(**self._size, format="rgb24", dst_color_range=FULL, **how).to_ndarray()
        if frame.rotation != self._rotation:  # side data hold their frame, and it them, until garbage is collected
            data = frame.side_data.get("DISPLAYMATRIX")
            self._matrix = None if data is None else np.frombuffer(data, np.int32).copy()
            self._rotation = frame.rotation
        if self._matrix is None:
            return pixels
        self.turned = is_turned(self._matrix)
        return upright(pixels, self._matrix)


def is_turned(matrix: np.ndarray) -> bool:
    """Tell whether a display matrix swaps width and height."""
    return abs(int(matrix[1])) > abs(int(matrix[0]))


def upright(pixels: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Return a picture as a display matrix says: turned by a multiple of 90 degrees, or mirrored, or both.

    Args:
        pixels: (H, W, 3).
        matrix: The 9 numbers a, b, u, c, d, v, x, y, w of a film: the point (x, y) is shown at (ax + cy, bx + dy).
    """
    a, b, c, d = (int(matrix[place]) for place in (0, 1, 3, 4))
    across, down = a, d
    if is_turned(matrix):
        pixels, across, down = pixels.swapaxes(0, 1), c, b
    return np.ascontiguousarray(pixels[:: -1 if down < 0 else 1, :: -1 if across < 0 else 1])
