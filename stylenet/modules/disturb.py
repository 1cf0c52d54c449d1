"""Images that are neither photographs nor paintings: what a loss network meets while others optimise or train by it."""

import torch
from torch import Tensor
from torch.nn import functional as F


def random_crop(painting: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """Return a square part of a painting, (1, 3, h, w), scaled to (1, 3, size, size); clamped to [0, 1]."""
    height, width = painting.shape[-2:]
    short = min(height, width)
    side = round(min(short, size) + _uniform(generator) * max(0, short - size))
    top, left = (round(_uniform(generator) * (whole - side)) for whole in (height, width))
    part = painting[..., top : top + side, left : left + side]
    if side == size:
        return part
    return F.interpolate(part, (size, size), mode="bicubic", antialias=True).clamp(0, 1)


def disturb(photograph: Tensor, painting: Tensor, generator: torch.Generator) -> Tensor:
    """Return an image made of a photograph and a painting, in one of eight ways at random.

    Among them are values out of [0, 1], as an optimiser's images have them.

    Args:
        photograph: (1, 3, H, W) in [0, 1].
        painting: (1, 3, H, W) in [0, 1].
        generator: On the CPU; decides all.

    Returns:
        (1, 3, H, W), nearly always in [-0.5, 1.5].
    """
    kind = int(_uniform(generator) * 8)
    strength = _uniform(generator)
    if kind == 0:
        return photograph
    if kind == 1:
        return painting
    if kind == 2:
        return torch.lerp(photograph, painting, strength)
    if kind == 3:  # the photograph's colours, the painting's strokes
        return _blur(photograph, 4) + painting - _blur(painting, 4)
    if kind == 4:  # more contrast, less or none, out of range
        return 0.5 + (photograph - 0.5) * 1.7 * strength + 0.3 * (_uniform(generator) - 0.5)
    if kind == 5:
        return _blur(photograph if strength < 0.5 else painting, 2 + round(6 * _uniform(generator)))
    base = photograph if _uniform(generator) < 0.6 else torch.lerp(photograph, painting, _uniform(generator))
    grain = 2 ** int(3 * _uniform(generator))  # pixels
    noise = _noise(base, grain, generator)
    if kind == 6:
        return base + 0.02 * 25**strength * noise  # deviations of 0.02 to 0.5, evenly over their logarithm
    return torch.lerp(base, (0.5 + 0.29 * noise).clamp(0, 1), strength)  # to pure noise


def _uniform(generator: torch.Generator) -> float:
    """Return a number in [0, 1)."""
    return torch.rand((), generator=generator).item()


def _noise(images: Tensor, grain: int, generator: torch.Generator) -> Tensor:
    """Return normal noise of the shape of `images`, in squares of `grain` pixels, smoothed half of the time."""
    height, width = images.shape[-2:]
    coarse = torch.randn(1, 3, -(-height // grain), -(-width // grain), generator=generator).to(images)
    mode = "nearest" if _uniform(generator) < 0.5 else "bicubic"
    return F.interpolate(coarse, (height, width), mode=mode)


def _blur(images: Tensor, factor: int) -> Tensor:
    """Return images scaled down by `factor` and up again."""
    height, width = images.shape[-2:]
    small = F.interpolate(images, (max(2, height // factor), max(2, width // factor)), mode="bilinear", antialias=True)
    return F.interpolate(small, (height, width), mode="bilinear")
