"""Smoothness: no more noise than the painting has, and the photograph's own edges."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from stylenet.errors import InputError
from stylenet.functional import SMALLEST, at_least_float32, normalized_error


def total_variation(images: Tensor) -> Tensor:
    """Return the mean squared difference of neighboring pixels, down plus across, of each image.

    The squared, anisotropic total variation of Mahendran and Vedaldi 2015 (beta = 2), as FNS has it; we take means
    where FNS sums, so that the value does not depend on the image's size.

    Args:
        images: (B, C, H, W) in [0, 1], at least 2x2.

    Returns:
        (B,), in [0, 2].
    """
    images = at_least_float32(images)
    down = images[..., 1:, :] - images[..., :-1, :]
    across = images[..., :, 1:] - images[..., :, :-1]
    return down.square().flatten(1).mean(1) + across.square().flatten(1).mean(1)


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


def laplacian(images: Tensor, pool: int) -> Tensor:
    """Return the Laplacian of images scaled down: how each pixel differs from its four neighbors.

    Mean pooling, then the kernel `0 -1 0, -1 4 -1, 0 -1 0` without padding, as in Li et al. 2017. Their code adds up
    the three channels; we keep them apart, so that edges between colors of one brightness count too.

    Args:
        images: (B, 3, H, W) in [0, 1].
        pool: Side of the pooled squares in pixels; what is left over at the right and below is dropped.

    Returns:
        (B, 3, H // pool - 2, W // pool - 2), in [-4, 4], in float32 or more.

    Raises:
        InputError: The images are smaller than three squares.
    """
    height, width = images.shape[-2:]
    if min(height, width) < 3 * pool:
        raise InputError(
            f"an image of {width}x{height} pixels is too small for laplacian_weight: give sides of {3 * pool} or more"
        )
    pooled = F.avg_pool2d(at_least_float32(images), pool)
    vertical = pooled[..., :-2, 1:-1] + pooled[..., 2:, 1:-1]
    horizontal = pooled[..., 1:-1, :-2] + pooled[..., 1:-1, 2:]
    return 4 * pooled[..., 1:-1, 1:-1] - vertical - horizontal


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
