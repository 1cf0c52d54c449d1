"""Style images: found by name or path, loaded at a size."""

import warnings
from pathlib import Path

from torch import Tensor

from stylenet.errors import InputError, unknown
from stylenet.images import READABLE, load_image, resize
from stylenet.resources import DATA, home_path, image_folders

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
"""What a style image that is found by its name may be called, in this order."""

SMALLEST = 16
"""Pixels that a side needs at least: below, the deeper VGG layers see nothing."""
PLAIN = 0.02
"""Most standard deviation of a row's colors, in [0, 1], that is a plain row: five steps of 8 bits."""


def style_folders() -> list[Path]:
    """Return the folders in which style names are looked up, first to last."""
    given = [folder for root in image_folders() for folder in (root, root / "style")]
    return [*given, DATA / "styles", Path("data") / "styles"]


def known_styles() -> dict[str, Path]:
    """Return every style that has a name, sorted; where two folders hold one name, the first folder wins."""
    found: dict[str, Path] = {}
    for folder in style_folders():
        for suffix in SUFFIXES:
            for path in sorted(folder.glob(f"*{suffix}")):
                found.setdefault(path.stem, path)
    return dict(sorted(found.items()))


def find_style(name_or_path: str | Path) -> Path:
    """Return the file of a style image.

    Args:
        name_or_path: A path to an image, or a name such as `starry_night`, looked up in `style_folders`.

    Raises:
        InputError: There is no such file and no such name; says the nearest name.
    """
    path = home_path(name_or_path)
    if path.is_file():
        return path
    styles = known_styles()
    name = str(name_or_path)
    if name in styles:
        return styles[name]
    if path.is_dir():
        raise InputError(f"{path} is a folder: give one of its images")
    if path.name != name or path.suffix.lower() in READABLE:
        raise InputError(f"no style image at {path}: give the path of an image, or a name")
    if not styles:
        folders = ", ".join(str(folder) for folder in style_folders())
        raise InputError(
            f"unknown style {name!r}: no style images in {folders}; give a path, or name a folder in STYLENET_IMAGES"
        )
    raise InputError(f"{unknown('style', name, styles)}, or the path of an image")


def load_style(path: str | Path, size: int) -> Tensor:
    """Return a style image, (1, 3, H, W) in [0, 1], scaled so that its short side has `size` pixels.

    Warns of a plain border, as scans and photographs of frames have: it is a part of the style as much as the strokes.

    Raises:
        InputError: The file cannot be read, or a side has fewer than 16 pixels.
    """
    image = load_image(path)
    height, width = image.shape[-2:]
    if min(height, width) < SMALLEST:
        raise InputError(
            f"style image {path} has {width}x{height} pixels: take one of at least {SMALLEST} pixels on each side"
        )
    if sum(0.01 <= share < 1 for share in plain_border(image)) >= 2:
        warnings.warn(f"style image {path} has a plain border, which is learnt with it: crop it first", stacklevel=2)
    return resize(image, size)


def plain_border(image: Tensor) -> tuple[float, ...]:
    """Return how much of an image, (1, 3, H, W), is plain rows at its top and bottom, plain columns left and right."""
    spread = (image[0].std(2).amax(0), image[0].std(1).amax(0))  # (H,), (W,)
    edges = (spread[0], spread[0].flip(0), spread[1], spread[1].flip(0))
    return tuple((edge < PLAIN).long().cumprod(0).double().mean().item() for edge in edges)
