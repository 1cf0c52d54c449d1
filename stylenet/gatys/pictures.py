"""The pictures of an optimization: read, scaled and checked."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from stylenet.color import luminance
from stylenet.data.styles import find_style, load_style
from stylenet.errors import InputError, unknown
from stylenet.gatys.optimize import INITS
from stylenet.images import load_image, resize
from stylenet.losses.terms import Style

SIZE = 512
"""Longest side of a photograph unless told otherwise: larger ones take long, and much memory."""


@dataclass(frozen=True)
class Pictures:
    """Everything that is read from files, on one device.

    Args:
        content: (1, 3, H, W) in [0, 1].
        styles: The paintings.
        paths: Their files.
        init: What the optimization starts from: a name, or (1, 3, h, w) in [0, 1].
        only: Stylize only here, (1, 1, H, W) in [0, 1]; everywhere by default.
        masks: Where each of N styles belongs, (1, N, H, W) in [0, 1]; everywhere by default.
    """

    content: Tensor
    styles: list[Style]
    paths: list[Path]
    init: str | Tensor
    only: Tensor | None
    masks: Tensor | None

    def describe(self) -> dict[str, str]:
        """Return the lines of the card."""
        lines = {"size": f"{self.content.shape[-1]}x{self.content.shape[-2]} pixels"}
        for number, (path, style) in enumerate(zip(self.paths, self.styles, strict=True), start=1):
            name = "style" if len(self.styles) == 1 else f"style {number}, weight {style.weight:g}"
            lines[name] = f"{path.stem} at {style.image.shape[-1]}x{style.image.shape[-2]} pixels ({path})"
        return lines


def at_size(photograph: Tensor, size: int | None) -> Tensor:
    """Return a photograph, (1, 3, H, W) in [0, 1], whose longer side has so many pixels; None: `SIZE` at most."""
    return resize(photograph, size or min(SIZE, max(photograph.shape[-2:])), side="long")


def load_pictures(
    content: str | Tensor,
    styles: Sequence[str],
    *,
    size: int | None = None,
    style_size: int | None = None,
    style_weights: Sequence[float] | None = None,
    masks: Sequence[str] = (),
    style_masks: Sequence[str] = (),
    init: str = "content",
    device: torch.device | str = "cpu",
) -> Pictures:
    """Return the pictures that files hold, on a device.

    Args:
        content: The photograph: its file, or (1, 3, H, W) in [0, 1].
        styles: Names or paths of paintings.
        size: Pixels of the photograph's longer side; by default `SIZE` at most.
        style_size: Pixels of the paintings' shorter side; by default the photograph's.
        style_weights: Shares of the styles; by default equal.
        masks: Where to stylize; with several styles one for each.
        style_masks: Where to look at the paintings, one for each.
        init: A name of `INITS`, or an image.
        device: Where the pictures are to be.

    Raises:
        InputError: A file that cannot be used, or a number of masks or weights that does not fit the styles.
    """
    device = torch.device(device)
    whole = load_image(content) if isinstance(content, str) else content
    photograph = at_size(whole, size).to(device)
    paths = [find_style(style) for style in styles]
    images = [load_style(path, style_size or min(photograph.shape[-2:])).to(device) for path in paths]
    weights = _weights(style_weights, len(images))
    shown = _style_masks(style_masks, images)
    found = [_load_mask(path, photograph, whole.shape) for path in masks]
    if found and len(found) != len(images):
        raise InputError(f"{len(found)} masks for {len(images)} styles: give one --mask for each --style")
    return Pictures(
        content=photograph,
        styles=[Style(*given) for given in zip(images, weights, shown, strict=True)],
        paths=paths,
        init=_load_init(init, device),
        only=found[0] if len(found) == 1 else None,
        masks=torch.cat(found, 1) if len(found) > 1 else None,
    )


def _weights(weights: Sequence[float] | None, styles: int) -> list[float]:
    """Return the weights of the styles, checked."""
    if weights is None:
        return [1.0] * styles
    for weight in weights:
        if not 0 < weight < float("inf"):
            raise InputError(f"style weight {weight:g}: give more than 0, or leave the style out")
    if len(weights) != styles:
        raise InputError(f"{len(weights)} style weights for {styles} styles: give one for each style")
    return list(weights)


def _style_masks(paths: Sequence[str], images: list[Tensor]) -> list[Tensor | None]:
    """Return the mask of each painting: where to look at it."""
    if not paths:
        return [None] * len(images)
    if len(paths) != len(images):
        raise InputError(f"{len(paths)} style masks for {len(images)} styles: give one --style-mask for each --style")
    return [_load_mask(path, image, image.shape) for path, image in zip(paths, images, strict=True)]


def _load_mask(path: str, image: Tensor, shape: torch.Size) -> Tensor:
    """Return a mask, (1, 1, H, W) in [0, 1], at the size of the `image`, whose file has this shape: 1 where white."""
    mask = luminance(load_image(path))
    height, width = mask.shape[-2:]
    if abs(width * shape[-2] - height * shape[-1]) > max(height, width, *shape[-2:]):
        raise InputError(
            f"mask {path} has {width}x{height} pixels, its picture {shape[-1]}x{shape[-2]}: give both one shape"
        )
    if not mask.max() > 0:
        raise InputError(f"mask {path} is black everywhere: paint white what it is for")
    return F.interpolate(mask, image.shape[-2:], mode="bilinear", antialias=True).to(image.device).clamp(0, 1)


def _load_init(name: str, device: torch.device) -> str | Tensor:
    """Return a name of `INITS`, or the image of that path."""
    if name in INITS:
        return name
    if not Path(name).suffix and not Path(name).exists():
        raise InputError(f"{unknown('init', name, INITS)}, or the path of an image")
    return load_image(name).to(device)
