"""Exchange the moments of maps for a painting's: of features (Huang and Belongie 2017), and of colors.

Colors are turned to lightness, red against blue, and green against both (an orthonormal basis, so that light stays
light). What is known of an image's colors are mean and deviation of these three and of their sums by pairs: of sums,
since their variances hold the covariances. So colors are one more layer of moments, which can be gathered from tiles
and mixed as those of features are.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from stylenet.color import SMALLEST_VARIANCE
from stylenet.functional import ADDED_VARIANCE, moments, resize_mask

AXES = ((1, 1, 1), (1, 0, -1), (1, -2, 1))
"""Lightness, red against blue, green against both; not of length 1 yet."""
COLORS = 6
"""Maps of `color_maps`."""


def mixed(known: Tensor, mixture: Tensor | None, size: Sequence[int]) -> Tensor:
    """Return the moments of a mixture of paintings, (B or 1, 2, C, h, w).

    Args:
        known: Moments of N paintings, (B or 1, N, 2, C).
        mixture: How much of each painting, (B or 1, N), or where, (B or 1, N, H, W); equal shares by default.
        size: Height and width of the maps that get them: h and w where the mixture is a map, which are 1 otherwise.
    """
    if mixture is None:
        return known.mean(1)[..., None, None]
    if mixture.dim() == 2:
        return torch.einsum("bn,bnkc->bkc", mixture, known)[..., None, None]
    return torch.einsum("bnhw,bnkc->bkchw", resize_mask(mixture, size), known)


def exchange_moments(features: Tensor, old: Tensor, new: Tensor) -> Tensor:
    """Return features, (B, C, h, w), with other means and deviations (eq. 8).

    Args:
        features: Of photographs.
        old: Their means and deviations, (B, 2, C).
        new: Those to have, from `mixed`.
    """
    mean, deviation = old[..., None, None].unbind(1)  # (B, C, 1, 1)
    new_mean, new_deviation = new.unbind(1)
    factor = new_deviation / deviation
    return torch.addcmul((new_mean - mean * factor).to(features), features, factor.to(features))


def color_maps(images: Tensor) -> Tensor:
    """Return the maps whose moments `exchange_colors` takes, (B, 6, H, W), of images, (B, 3, H, W)."""
    first, second, third = _turned(images, _axes(images)).unbind(1)
    return torch.stack([first, second, third, first + second, first + third, second + third], 1)


def color_moments(images: Tensor, mixture: Tensor | None = None) -> Tensor:
    """Return the moments of images' `color_maps`, (B, 1, 2, 6), or (B, N, 2, 6): under each of N maps of shares.

    Args:
        images: (B, 3, H, W).
        mixture: See `mixed`; maps are as large as the images.
    """
    maps = color_maps(images)
    if mixture is None or mixture.dim() == 2:
        return moments(maps).unsqueeze(1)
    return torch.stack([moments(maps, share) for share in mixture.split(1, 1)], 1)


def exchange_colors(images: Tensor, old: Tensor, new: Tensor) -> Tensor:
    """Return images with other means and covariances of colors.

    `x -> k L' L^-1 (x - mean) + mean'`, with L and L' the Cholesky factors of the old and the new covariance: lightness
    depends on lightness alone, the second axis on the first two. k is 1, or less where lightness would gain contrast:
    a photograph has edges all over, and of a painting of few things on a blank ground it would get harsh ones. All is
    in closed form, so that it can be exported. Variances that a factor leaves are at least `SMALLEST_VARIANCE`.

    Args:
        images: (B, 3, H, W).
        old: Moments of their `color_maps`, (B, 2, 6).
        new: Those to have, (B or 1, 2, 6).

    Returns:
        (B, 3, H, W), not clamped.
    """
    axes = _axes(images)
    old, new = old[..., None, None], new[..., None, None]
    centered = _turned(images, axes) - old[:, 0, :3]
    contrast, b, c, d, e, f = _factor(old)
    first = centered[:, 0] / contrast
    second = (centered[:, 1] - b * first) / c
    third = (centered[:, 2] - d * first - e * second) / f
    a, b, c, d, e, f = _factor(new)
    colored = torch.stack([a * first, b * first + c * second, d * first + e * second + f * third], 1)
    scale = (contrast / a).clamp_max(1).unsqueeze(1)
    return _turned(scale * colored + new[:, 0, :3], axes.T)


def _factor(known: Tensor) -> tuple[Tensor, ...]:
    """Return the Cholesky factor of a covariance of colors, row by row: six entries, (B or 1, h, w) each."""
    variance = known[:, 1].square() - ADDED_VARIANCE
    first, second, third, *sums = variance.unbind(1)
    both = [(sums[0] - first - second) / 2, (sums[1] - first - third) / 2, (sums[2] - second - third) / 2]
    a = first.clamp_min(SMALLEST_VARIANCE).sqrt()
    b, d = both[0] / a, both[1] / a
    c = (second - b * b).clamp_min(SMALLEST_VARIANCE).sqrt()
    e = (both[2] - b * d) / c
    f = (third - d * d - e * e).clamp_min(SMALLEST_VARIANCE).sqrt()
    return a, b, c, d, e, f


def _axes(images: Tensor) -> Tensor:
    """Return the axes of colors, an orthonormal (3, 3)."""
    axes = images.new_tensor(AXES)
    return axes / axes.square().sum(1, keepdim=True).sqrt()


def _turned(images: Tensor, axes: Tensor) -> Tensor:
    """Return colors along other axes, (B, 3, H, W), as precise as they are: under autocast, too."""
    with torch.autocast(images.device.type, enabled=False):
        return torch.einsum("ij,bjhw->bihw", axes, images)
