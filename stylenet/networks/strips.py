"""Convolutions of large maps, some rows at a time: the same values in less memory."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

FEWEST = 32
"""A strip has at least so many times the rows of its halo, which are computed twice."""
VALUES = 2**20
"""A strip has at least so many values of a photograph's maps: smaller ones take more time."""


def in_strips(convolve: Callable[[Tensor], Tensor], x: Tensor, halo: int, padded: bool = True) -> Tensor:
    """Return `convolve(x)`, computed a strip of rows at a time where the maps are large.

    On a CPU a convolution needs, beside input and output, a padded copy of the input, and both of them once more in the
    order that oneDNN computes in. Of a strip all this is small. It is done at once while gradients are recorded, which
    keep most of it anyway, under a compiler, and on other devices.

    Args:
        convolve: Gives (B, O, s*H, s*W) of (B, C, H, W), with s of 1/2, 1 or 2.
        x: (B, C, H, W).
        halo: Rows above and below that what it gives of a row depends on; even where s is 1/2.
        padded: Whether it pads; else it gives `halo` rows less above and below.
    """
    if torch.is_grad_enabled() or torch.compiler.is_compiling() or x.device.type != "cpu":
        return convolve(x)
    height, margin = x.shape[-2], 0 if padded else halo
    step = max(FEWEST * halo, VALUES // (x.shape[1] * x.shape[3]) // 2 * 2)
    if step >= height:
        return convolve(x)
    result: Tensor | None = None
    for top in range(margin, height - margin, step):
        bottom = min(top + step, height - margin)
        first, last = max(top - halo, 0), min(bottom + halo, height)
        strip = convolve(x[..., first:last, :])
        double = round(2 * strip.shape[-2] / (last - first - 2 * margin))  # 2s
        if result is None:
            result = _room(strip, -(-(height - 2 * margin) * double // 2))
        place = result[..., (top - margin) * double // 2 : -(-(bottom - margin) * double // 2), :]
        skipped = (top - first - margin) * double // 2
        place.copy_(strip[..., skipped : skipped + place.shape[-2], :])
    assert result is not None
    return result


def _room(strip: Tensor, rows: int) -> Tensor:
    """Return room for maps of so many rows, in the order of a strip of them."""
    last = strip.is_contiguous(memory_format=torch.channels_last)
    order = torch.channels_last if last else torch.contiguous_format
    shape = (*strip.shape[:2], rows, strip.shape[3])
    return torch.empty(shape, dtype=strip.dtype, device=strip.device, memory_format=order)


class StripConv(nn.Conv2d):
    """A convolution of stride 1, padded to keep the size or not at all, computed so."""

    def forward(self, x: Tensor) -> Tensor:
        """Return what the convolution makes of `x`, (B, C, H, W)."""
        return in_strips(super().forward, x, self.kernel_size[0] // 2, self.padding != (0, 0))


def convolve_in_strips(network: nn.Module) -> None:
    """Turn the plain convolutions of a network, all of stride 1, into such; their tensors keep their names."""
    for module in network.modules():
        if type(module) is nn.Conv2d:
            module.__class__ = StripConv
