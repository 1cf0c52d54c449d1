"""Max pooling that keeps less for its gradient."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

WIDEST = 2**13
"""Maps that are wider are left to torch: where in a window the maximum is might not fit into 16 bits."""


class ShortPool(nn.MaxPool2d):
    """Max pooling that remembers where in its window each maximum was, in 16 bits, where torch's has 64 of the place.

    Of VGG-16 that is an eighth of all that the backward pass holds.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return the maxima, (B, C, h, w), of `x`, (B, C, H, W)."""
        recorded = torch.is_grad_enabled() and x.requires_grad and not torch.compiler.is_compiling()
        if not recorded or x.shape[-1] > WIDEST:
            return super().forward(x)
        return _Pool.apply(x, (self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode))


class _Pool(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, geometry: tuple[Any, ...]) -> Tensor:
        kernel, stride, padding, dilation, ceil_mode = geometry
        y, places = F.max_pool2d(x, kernel, stride, padding, dilation, ceil_mode, return_indices=True)
        ctx.save_for_backward(x, places.sub_(_corners(places, x, stride)).short())
        ctx.geometry = geometry
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        x, offsets = ctx.saved_tensors
        places = offsets.long().add_(_corners(offsets, x, ctx.geometry[1]))
        return torch.ops.aten.max_pool2d_with_indices_backward(gradient, x, *ctx.geometry, places), None


def _corners(places: Tensor, x: Tensor, stride: int) -> Tensor:
    """Return the index of the first place of each window in a map, (h, w); those of padding are less, for all alike."""
    rows, columns = (stride * torch.arange(side, device=x.device) for side in places.shape[-2:])
    return rows[:, None] * x.shape[-1] + columns
