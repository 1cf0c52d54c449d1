"""Sliced Wasserstein: the whole distribution of features like the painting's (Heitz et al. 2021)."""

import torch
from torch import Tensor
from torch.nn import functional as F

from stylenet.functional import SMALLEST, at_least_float32, inside

MAX_QUANTILES = 65_536
"""Quantiles kept of the painting in each direction: every place of a map up to 256x256."""


def directions(channels: int) -> Tensor:
    """Return as many random unit vectors as channels, (C, C), always the same ones.

    The paper draws C new ones at each step; ours are fixed, so that the painting is projected once and the loss is one
    function, which L-BFGS needs.
    """
    generator = torch.Generator().manual_seed(0)
    return F.normalize(torch.randn(channels, channels, generator=generator), dim=1)


def project(features: Tensor) -> Tensor:
    """Return features along every direction, (B, C, H*W), in float32 or more.

    Args:
        features: (B, C, H, W).
    """
    with torch.autocast(features.device.type, enabled=False):
        flat = at_least_float32(features.flatten(2))
        return directions(flat.shape[1]).to(flat) @ flat


def quantiles(features: Tensor, mask: Tensor | None = None) -> Tensor:
    """Return the sorted projections of the painting's features.

    Args:
        features: (1, C, H, W).
        mask: (1, 1, H, W) in [0, 1]: only places over one half are taken.

    Returns:
        (1, C, Q): the values at ranks 1/2Q, 3/2Q, ...; Q is the number of places, or 65,536 if they are more.

    Raises:
        InputError: The mask leaves no place.
    """
    values = inside(project(features), mask).sort(2).values
    return values if values.shape[2] <= MAX_QUANTILES else F.interpolate(values, MAX_QUANTILES, mode="linear")


def wasserstein_loss(
    features: Tensor, target: Tensor, normalization: str = "relative", mask: Tensor | None = None
) -> Tensor:
    """Return the sliced Wasserstein loss of one layer for each image.

    In each direction, the mean of `(x - t)^2` over the image's sorted projections x and the painting's t of the same
    ranks (Heitz et al. 2021, section 3), then the mean over directions. Where the numbers of places differ, t is
    interpolated linearly between ranks.

    - `relative`: in units of the painting's mean `t^2`, ours: 0 is the painting's own, about 1 as far off as nothing
      at all;
    - `johnson` and `gatys`, which have no such statistic: undivided.

    With a mask each place takes up as much of the ranks as it weighs, and its square counts as much. The paper tags
    regions by one more feature of large values instead, which leaves no room for soft edges. Memory for the gradient:
    about four times the image's features, half of it the order.

    Args:
        features: (B, C, H, W).
        target: The painting's quantiles, (1, C, Q).
        normalization: One of `stylenet.losses.content.NORMALIZATIONS`.
        mask: (B, 1, H, W) or (1, 1, H, W) in [0, 1]; without one, everywhere.

    Returns:
        (B,).
    """
    values, order = project(features).sort(2)  # (B, C, n)
    if mask is None:
        error = (values - F.interpolate(target, values.shape[2], mode="linear")).square().mean((1, 2))
    else:
        weights = mask.flatten(2).to(values.dtype).expand_as(values).gather(2, order)
        weights = weights / weights.sum(2, keepdim=True).clamp_min(SMALLEST)
        ranks = weights.cumsum(2) - weights / 2
        error = (weights * (values - at_ranks(target, ranks)).square()).sum(2).mean(1)
    return error / target.square().mean().clamp_min(SMALLEST) if normalization == "relative" else error


def at_ranks(target: Tensor, ranks: Tensor) -> Tensor:
    """Return quantiles at any ranks, linearly interpolated, and constant beyond the first and the last.

    Args:
        target: (1, C, Q), the values at ranks 1/2Q, 3/2Q, ...
        ranks: (B, C, n) in [0, 1].

    Returns:
        (B, C, n).
    """
    last = target.shape[2] - 1
    places = (ranks * target.shape[2] - 0.5).clamp(0, last)
    below = places.long()  # (B, C, n)
    target = target.expand(ranks.shape[0], -1, -1)
    return torch.lerp(target.gather(2, below), target.gather(2, (below + 1).clamp(max=last)), places - below)
