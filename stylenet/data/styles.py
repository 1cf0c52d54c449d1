"""Style images: found by name or path, loaded at a size."""

from pathlib import Path

from torch import Tensor

from stylenet.errors import InputError, unknown
from stylenet.images import load_image, resize
from stylenet.resources import DATA, image_folders

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
"""What a style image that is found by its name may be called, in this order."""

SMALLEST = 16
"""Pixels that a side needs at least: below, the deeper VGG layers see nothing."""


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
    path = Path(name_or_path).expanduser()
    if path.is_file():
        return path
    styles = known_styles()
    name = str(name_or_path)
    if name in styles:
        return styles[name]
    if path.name != name:
        raise InputError(f"no style image at {path}: give the path of an image, or a name")
    if not styles:
        folders = ", ".join(str(folder) for folder in style_folders())
        raise InputError(
            f"unknown style {name!r}: no style images in {folders}; give a path, or name a folder in STYLENET_IMAGES"
        )
    raise unknown("style", name, styles)


def load_style(path: str | Path, size: int) -> Tensor:
    """Return a style image, (1, 3, H, W) in [0, 1], scaled so that its short side has `size` pixels.

    Raises:
        InputError: The file cannot be read, or a side has fewer than 16 pixels.
    """
    image = load_image(path)
    height, width = image.shape[-2:]
    if min(height, width) < SMALLEST:
        raise InputError(
            f"style image {path} has {width}x{height} pixels: take one of at least {SMALLEST} pixels on each side"
        )
    return resize(image, size)
