"""The sizes of images: those of a folder, known without decoding them, and what they are scaled to."""

import warnings
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import torch
from PIL import ExifTags, Image
from torch import Tensor

from stylenet.images import resize


def commonest(paths: Iterable[Path], size: int | None = None) -> tuple[int, int, int] | None:
    """Return how many images have the size that most of them have, its height and its width; None if there are none.

    Args:
        paths: Image files; broken ones do not count.
        size: Pixels that their longer side is scaled to, or None: as they are.
    """
    sizes: Counter[tuple[int, int]] = Counter()
    for found, count in Counter(map(_size, paths)).items():
        if found is not None:
            sizes[found if size is None else resized(found, size)] += count
    return most(sizes)


def most(sizes: Counter[tuple[int, int]]) -> tuple[int, int, int] | None:
    """Return how many have the size, height and width, that most of them have, and the size; None of none."""
    if not sizes:
        return None
    ((height, width), count) = sizes.most_common(1)[0]
    return count, height, width


def scaled(image: Tensor, size: int | None) -> Tensor:
    """Return an image, (1, 3, H, W), whose longer side has so many pixels; None: as it is."""
    return image if size is None else resize(image, size, side="long")


def _size(path: Path) -> tuple[int, int] | None:
    """Return height and width of an image, upright, from the head of its file; None if that cannot be read."""
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path) as picture:  # of large images
            width, height = picture.size
            turned = picture.getexif().get(ExifTags.Base.Orientation, 1) >= 5
    except Exception:  # decoders raise nearly anything on broken bytes; loading it will tell
        return None
    return (width, height) if turned else (height, width)


def resized(found: tuple[int, int], size: int) -> tuple[int, int]:
    """Return the height and width that `resize` would give.

    Args:
        found: Height and width as they are.
        size: Pixels that the longer side is scaled to.
    """
    height, width = resize(torch.empty(1, 3, *found, device="meta"), size, side="long").shape[-2:]
    return height, width
