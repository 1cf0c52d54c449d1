"""Smoothness: no more noise than the painting has, and the photograph's own edges."""

from collections.abc import Sequence

import torch
from torch import Tensor

from stylenet.functional import SMALLEST, laplacian, normalized_error, total_variation


def total_variation_loss(images: Tensor, reference: Tensor | None = None) -> Tensor:
    """Return the total variation of each image, in units of the painting's own where one is given.

    Args:
        images: (B, 3, H, W) in [0, 1].
        reference: The painting's total variation, a scalar: the unit of the `relative` normalization.

    Returns:
        (B,).
    """
    value = total_variation(images)
    return value if reference is None else value / reference.clamp_min(SMALLEST)  # one flat color has no variation


def laplacian_loss(
    images: Tensor, photographs: Tensor, pools: Sequence[int] = (4, 16), normalization: str = "relative"
) -> Tensor:
    """Return how far the Laplacian of each image is from its photograph's (Li et al. 2017, Lapstyle).

    It keeps the photograph's lines, at every pool; the mean over pools is taken. With D the Laplacians, `relative` is
    `|D - Dc|^2 / |Dc|^2`, ours: 0 has the photograph's edges, 1 is as far off as no edge at all. `johnson` and `gatys`
    are the mean of `(D - Dc)^2` over all channels and pixels; the paper sums them, and weights each pool.

    Args:
        images: (B, 3, H, W) in [0, 1].
        photographs: (B, 3, H, W) or (1, 3, H, W) in [0, 1].
        pools: Sides of the pooled squares in pixels; images must have three of them.
        normalization: One of `stylenet.losses.content.NORMALIZATIONS`.

    Returns:
        (B,).

    Raises:
        InputError: The images are smaller than three squares.
    """
    errors = [normalized_error(laplacian(images, p), laplacian(photographs, p), normalization) for p in pools]
    return torch.stack(errors).mean(0)
