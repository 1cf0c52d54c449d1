"""Pure functions that the losses are made of.

Those over feature maps take a soft mask: a weight in [0, 1] for each place, (B, 1, H, W) or (1, 1, H, W). None means
everywhere. Where a mask is empty, so is what it weights: 0, never NaN.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from stylenet.errors import InputError

SMALLEST = 1e-12
"""What energies and weights are at least, where they divide."""
ADDED_VARIANCE = 1e-5
"""What `moments` adds to variances before the root, which else has no slope at 0."""


def all_finite(tensors: Iterable[Tensor]) -> bool:
    """Tell whether every number of every tensor is finite."""
    return all(bool(tensor.isfinite().all()) for tensor in tensors)


def at_least_float32(values: Tensor) -> Tensor:
    """Return `values` in float32 if they are in 16 bits, where sums lose digits or overflow; else as they are."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def gram(features: Tensor, mask: Tensor | None = None) -> Tensor:
    """Return the Gram matrices of feature maps, divided by C*H*W.

    `G[b, i, j] = sum_hw F[b, i, h, w] F[b, j, h, w] / (C H W)`, as in Johnson et al. 2016, eq. 3. Gatys et al. leave
    the sum undivided; `stylenet.losses.style` accounts for that. Computed in float32 or more, also under autocast,
    where the sum would overflow; but bfloat16 maps, which cannot, are multiplied as they are, and sums are kept in
    float32 inside: the matrix is then 2e-3 off.

    With a mask m it is a guided Gram matrix, `sum_hw m F F' / (C sum_hw m)`: that of Gatys et al. 2017, section 4.1,
    for guidance channels `T = sqrt(m / sum m)`, whose squares add up to 1 as theirs do, but for the division by C.

    Args:
        features: (B, C, H, W).
        mask: Soft weights of the places.

    Returns:
        (B, C, C), symmetric and positive semi-definite.
    """
    b, c, h, w = features.shape
    with torch.autocast(features.device.type, enabled=False):
        if mask is None:
            flat = features.flatten(2) if features.dtype == torch.bfloat16 else at_least_float32(features.flatten(2))
            return at_least_float32(InnerProducts.apply(flat, None)) / (c * h * w)
        flat = at_least_float32(features.flatten(2))  # (B, C, H*W)
        weights = mask.flatten(2).to(flat.dtype)  # (B, 1, H*W)
        size = c * weights.sum(2, keepdim=True).clamp_min(SMALLEST)
        return InnerProducts.apply(flat, weights) / size


class InnerProducts(torch.autograd.Function):
    """`G = F diag(w) F'` of each item, whose gradient `(A + A') F diag(w)` is one product of matrices.

    Left to autograd, the two F are told apart: two products and their sum, half of the time of a style loss.
    """

    @staticmethod
    def forward(ctx: Any, flat: Tensor, weights: Tensor | None) -> Tensor:
        """Return (B, C, C) of `flat`, (B, C, N), and `weights`, (B, 1, N), which get no gradient."""
        ctx.save_for_backward(flat, weights)
        return (flat if weights is None else flat * weights) @ flat.transpose(1, 2)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """Return the gradient of `flat`."""
        flat, weights = ctx.saved_tensors
        symmetric, places = gradient + gradient.transpose(1, 2), flat.transpose(1, 2)
        last = places.is_contiguous()  # the channels last: so is their gradient then
        found = (places @ symmetric).transpose(1, 2) if last else symmetric @ flat  # (B, C, N)
        return found if weights is None else found * weights, None


def moments(features: Tensor, mask: Tensor | None = None) -> Tensor:
    """Return the mean and the standard deviation of each channel.

    As AdaIN has them (Huang and Belongie 2017, eq. 5 and 6): the variance is biased, and `ADDED_VARIANCE` is added
    before the root.

    Args:
        features: (B, C, H, W).
        mask: Soft weights of the places.

    Returns:
        (B, 2, C): means, then deviations; in float32 or more.
    """
    if mask is None:  # in two passes, as torch.var_mean takes six times as long where the channels are last
        values = at_least_float32(features)
        mean = values.mean((2, 3), keepdim=True)  # (B, C, 1, 1)
        variance = (values - mean).square().mean((2, 3))
        mean = mean.flatten(1)
    else:
        flat = at_least_float32(features.flatten(2))  # (B, C, H*W)
        weights = mask.flatten(2).to(flat.dtype)
        weights = weights / weights.sum(2, keepdim=True).clamp_min(SMALLEST)
        mean = (weights * flat).sum(2)
        variance = (weights * (flat - mean.unsqueeze(2)).square()).sum(2)
    return torch.stack([mean, (variance + ADDED_VARIANCE).sqrt()], 1)


def resize_mask(mask: Tensor, size: Sequence[int]) -> Tensor:
    """Return a mask at the size of feature maps: each place has the mean of the pixels it covers.

    Args:
        mask: (B, 1, H, W) in [0, 1].
        size: Height and width of the maps.

    Returns:
        (B, 1, h, w) in [0, 1], soft at the edges.
    """
    height, width = size
    return F.adaptive_avg_pool2d(at_least_float32(mask), (height, width))


def inside(values: Tensor, mask: Tensor | None) -> Tensor:
    """Return the columns of `values` where the painting's mask is over one half.

    Args:
        values: (1, D, n), one column for each place.
        mask: (1, 1, h, w) of n = h*w places; None keeps them all.

    Raises:
        InputError: There is no such place.
    """
    if mask is None:
        return values
    kept = values[..., mask.flatten() > 0.5]
    if not kept.shape[2]:
        raise InputError(
            f"the mask of the painting fills no place of a feature map of {mask.shape[3]}x{mask.shape[2]}: "
            "enlarge its region or take earlier layers"
        )
    return kept


def squared_error(values: Tensor, target: Tensor) -> Tensor:
    """Return the sum of squared differences of each item, (B,), in float32 or more.

    Args:
        values: (B, ...).
        target: (B, ...) or (1, ...).
    """
    if values.dtype == target.dtype == torch.bfloat16:
        return _SquaredError.apply(values, target)
    return _energy(at_least_float32(values) - at_least_float32(target))


class _SquaredError(torch.autograd.Function):
    """The squared error of bfloat16 maps: differences in 16 bits, their squares summed in float32.

    Left to autograd, all passes over the maps are in float32: three times as long on a CPU.
    """

    @staticmethod
    def forward(ctx: Any, values: Tensor, target: Tensor) -> Tensor:
        """Return (B,) of two (B, ...); `target` gets no gradient."""
        difference = values - target
        ctx.save_for_backward(difference)
        dims = tuple(range(1, values.dim()))
        return torch.linalg.vector_norm(difference, dim=dims, dtype=torch.float32).square()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """Return the gradient of `values`."""
        (difference,) = ctx.saved_tensors
        return difference * (2 * gradient).to(difference.dtype).view(-1, *[1] * (difference.dim() - 1)), None


def _energy(values: Tensor) -> Tensor:
    """Return the sum of squares of each item; flattened, values with their channels last would be copied."""
    return values.square().sum(tuple(range(1, values.dim())))


def relative_error(values: Tensor, target: Tensor) -> Tensor:
    """Return `|values - target|^2 / |target|^2` of each item, (B,): 0 is the target, 1 as far off as nothing at all.

    Args:
        values: (B, ...).
        target: (B, ...) or (1, ...).
    """
    energy = _energy(at_least_float32(target))  # (B,) or (1,)
    return squared_error(values, target) / energy.clamp_min(SMALLEST)  # a black image has no energy


def normalized_error(values: Tensor, target: Tensor, normalization: str) -> Tensor:
    """Return the error of each item, (B,), of a statistic that neither Johnson et al. nor Gatys et al. have.

    `relative` is the relative error, as everywhere; `johnson` and `gatys` are both the plain mean squared error.

    Args:
        values: (B, ...).
        target: (B, ...) or (1, ...).
        normalization: One of `stylenet.losses.content.NORMALIZATIONS`.
    """
    if normalization == "relative":
        return relative_error(values, target)
    return squared_error(values, target) / target[0].numel()
