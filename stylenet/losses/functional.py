"""Pure functions that the losses are made of."""

import torch
from torch import Tensor


def at_least_float32(values: Tensor) -> Tensor:
    """Return `values` in float32 if they are in 16 bits, where sums lose digits or overflow; else as they are."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def gram(features: Tensor) -> Tensor:
    """Return the Gram matrices of feature maps, divided by C*H*W.

    `G[b, i, j] = sum_hw F[b, i, h, w] F[b, j, h, w] / (C H W)`, as in Johnson et al. 2016, eq. 3. Gatys et al. leave
    the sum undivided; `stylenet.losses.style` accounts for that. Computed in float32 or more, also under autocast,
    where the sum would overflow.

    Args:
        features: (B, C, H, W).

    Returns:
        (B, C, C), symmetric and positive semi-definite.
    """
    b, c, h, w = features.shape
    with torch.autocast(features.device.type, enabled=False):
        flat = at_least_float32(features.flatten(2))  # (B, C, H*W)
        return flat @ flat.transpose(1, 2) / (c * h * w)


def squared_error(values: Tensor, target: Tensor) -> Tensor:
    """Return the sum of squared differences of each item, (B,), in float32 or more.

    Args:
        values: (B, ...).
        target: (B, ...) or (1, ...).
    """
    return (at_least_float32(values) - at_least_float32(target)).flatten(1).square().sum(1)


def relative_error(values: Tensor, target: Tensor) -> Tensor:
    """Return `|values - target|^2 / |target|^2` of each item, (B,): 0 is the target, 1 as far off as nothing at all.

    Args:
        values: (B, ...).
        target: (B, ...) or (1, ...).
    """
    energy = at_least_float32(target).flatten(1).square().sum(1)  # (B,) or (1,)
    return squared_error(values, target) / energy.clamp_min(1e-12)  # a black image has no energy


def total_variation(images: Tensor) -> Tensor:
    """Return the mean squared difference of neighbouring pixels, down plus across, of each image.

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
