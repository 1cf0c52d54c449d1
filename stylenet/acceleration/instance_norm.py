"""Instance norm at the speed of the memory, on a CPU."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from stylenet.functional import at_least_float32
from stylenet.networks.layers import ConditionalNorm

FEWEST = 2**10
"""Places of a map from which on our own passes pay."""
VALUES = 2**20
"""So many values of maps are normalized at once, or a row or a channel of them: they should stay in the cache."""


class FastInstanceNorm(nn.InstanceNorm2d):
    """Instance norm by our own passes over the maps on a CPU, which are quicker and more exact than torch's.

    Attributes:
        inplace: Whether it may write over what it is given where no gradient is recorded.
    """

    inplace = False

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` normalized, and scaled and shifted if it is affine, (B, C, H, W)."""
        if x.device.type != "cpu" or torch.compiler.is_compiling():
            return super().forward(x)
        if x.dtype == torch.bfloat16:
            return normalize_each(x, (self.weight,) * len(x), (self.bias,) * len(x), self.eps)
        small = x.shape[2] * x.shape[3] < FEWEST
        if small or x.dtype != torch.float32 or torch.is_autocast_enabled("cpu"):
            return F.group_norm(x, self.num_features, self.weight, self.bias, self.eps)
        if self.inplace and not torch.is_grad_enabled():
            normalize(x, self.weight, self.bias, self.eps, x)
            return x
        return _Norm.apply(x, self.weight, self.bias, self.eps)


class FastConditionalNorm(ConditionalNorm):
    """Conditional instance norm which in 16 bits, on a CPU, normalizes each image with its scale and shift at once."""

    def forward(self, x: Tensor, mixture: Tensor) -> Tensor:
        """Return `x` normalized, scaled and shifted, (B, C, H, W); see `ConditionalNorm`."""
        own = isinstance(self.plain, nn.InstanceNorm2d)  # not where a tile is given the statistics of its image
        if not own or x.dtype != torch.bfloat16 or x.device.type != "cpu" or mixture.dim() != 2:
            return super().forward(x, mixture)
        with torch.autocast("cpu", enabled=False):
            shares = at_least_float32(mixture).expand(len(x), -1)
            return normalize_each(x, (shares @ self.weight).unbind(), (shares @ self.bias).unbind())


def normalize_each(
    x: Tensor, weights: Sequence[Tensor | None], biases: Sequence[Tensor | None], eps: float = 1e-5
) -> Tensor:
    """Return `x`, (B, C, H, W), normalized, each image with a scale and a shift of its own, (C,), or None.

    For 16-bit maps on a CPU: the gradient of torch's group norm takes ten times as long where channels are last.
    """
    images = zip(x.split(1), weights, biases, strict=True)
    return torch.cat([F.batch_norm(image, None, None, scale, shift, True, 0.0, eps) for image, scale, shift in images])


class _Norm(torch.autograd.Function):
    """Out of place, with a gradient whose passes take the maps in whatever order they lie.

    With r one over the deviation, m the mean, N = H W places and g the gradient of `y = w r (x - m) + b`, that of b is
    `sum g`, that of w is `p = r (sum g x - m sum g)`, and that of x is `w r (g - sum g / N - r (x - m) p / N)`. torch's
    own is five times slower where the channels are last.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float) -> Tensor:
        y = torch.empty_like(x)
        mean, scale = normalize(x, weight, bias, eps, y)
        ctx.save_for_backward(x, weight, mean, scale)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, Tensor | None, Tensor | None, None]:
        x, weight, mean, scale = ctx.saved_tensors
        found, total = torch.empty_like(x), torch.empty_like(mean)
        along = torch.empty_like(mean)  # (B, C, 1, 1)
        for i in range(len(x)):  # an image at a time stays in the cache
            torch.sum(g[i], (1, 2), keepdim=True, out=total[i])
            torch.sum(g[i] * x[i], (1, 2), keepdim=True, out=along[i])
            along[i].sub_(mean[i] * total[i]).mul_(scale[i])
            of_g = scale[i] if weight is None else scale[i] * weight[:, None, None]
            of_x = -of_g * scale[i] * along[i] / x[i, 0].numel()
            constant = -of_g * total[i] / x[i, 0].numel() - mean[i] * of_x
            torch.addcmul(constant, g[i], of_g, out=found[i]).addcmul_(x[i], of_x)
        if weight is None:
            return found, None, None, None
        return found, along.sum((0, 2, 3)), total.sum((0, 2, 3)), None


def normalize(x: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float, out: Tensor) -> tuple[Tensor, Tensor]:
    """Write to `out` what instance norm makes of `x`, both (B, C, H, W), and return means and one over deviations.

    Args:
        x: Maps.
        weight: Scales, (C,).
        bias: Shifts, (C,).
        eps: Added to the variance.
        out: As `x` in shape and order; may be `x`.

    Returns:
        (B, C, 1, 1) each.
    """
    last = x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()
    one = _channels_last if last else _channels_first
    found = [one(image, weight, bias, eps, place) for image, place in zip(x.split(1), out.split(1), strict=True)]
    means, scales = zip(*found, strict=True)
    return torch.stack(means)[..., None, None], torch.stack(scales)[..., None, None]


def _channels_first(
    image: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float, out: Tensor
) -> tuple[Tensor, Tensor]:
    """Normalize an image some channels at a time, each as a group of a group norm; return (C,) each."""
    channels, places = image.shape[1], image.shape[2] * image.shape[3]
    means, scales = image.new_empty(channels), image.new_empty(channels)
    step = max(1, VALUES // places)
    for first in range(0, channels, step):
        some = slice(first, min(first + step, channels))
        factor, shift = (None if values is None else values[some] for values in (weight, bias))
        number = some.stop - first
        y, mean, scale = torch.native_group_norm(image[:, some], factor, shift, 1, number, places, number, eps)
        out[:, some], means[some], scales[some] = y, mean[0], scale[0]
    return means, scales


def _channels_last(
    image: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float, out: Tensor
) -> tuple[Tensor, Tensor]:
    """Normalize an image some rows at a time; return (C,) each.

    torch's group norm takes the variance of channels that are last as a difference of large sums, which is 1e-3 off.
    """
    step = max(1, VALUES // (image.shape[1] * image.shape[3]))
    strips = image.split(step, 2)
    found = [torch.batch_norm_update_stats(strip, None, None, 0.0) for strip in strips]
    means, variances = (torch.stack(values).double() for values in zip(*found, strict=True))  # (strips, C)
    shares = torch.tensor([strip.shape[2] / image.shape[2] for strip in strips], dtype=torch.float64)[:, None]
    mean = (shares * means).sum(0)
    variance = (shares * (variances + (means - mean).square())).sum(0)
    scale = (variance + eps).rsqrt()
    factor = scale if weight is None else scale * weight
    shift = -mean * factor if bias is None else bias - mean * factor
    factor, shift = factor.float()[:, None, None], shift.float()[:, None, None]
    for strip, place in zip(strips, out.split(step, 2), strict=True):
        torch.addcmul(shift, strip, factor, out=place)
    return mean.float(), scale.float()
