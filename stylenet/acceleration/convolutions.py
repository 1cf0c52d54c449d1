"""Convolutions that compute what torch's do, in less time or memory on a CPU.

Each takes a plain layer's place, see `stylenet.acceleration.accelerate`, and keeps its tensors and their names.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stylenet.acceleration.winograd import convolve, pays
from stylenet.functional import at_least_float32

NARROWEST = {"laid out": 64, "else": 128}
"""Channels from which on Winograd's convolutions are faster: maps whose channels are last need not be reordered."""
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


def pad(x: Tensor, side: int, mode: str) -> Tensor:
    """Return `x`, (B, C, H, W), padded on all sides; in 16 bits if it is, where autocast on a CPU would take 32."""
    with torch.autocast("cpu", enabled=False):
        return F.pad(x, (side, side, side, side), mode=mode)


class StripConv(nn.Conv2d):
    """A convolution in strips: padded by reflection to keep the size, or of stride 1."""

    def forward(self, x: Tensor) -> Tensor:
        """Return what the convolution makes of `x`, (B, C, H, W)."""
        halo = -(-(self.kernel_size[0] // 2) // self.stride[0]) * self.stride[0]
        return in_strips(self.at_once, x, halo, self.padding != (0, 0) or self.kernel_size == (1, 1))

    def at_once(self, x: Tensor) -> Tensor:
        """Return what `forward` does."""
        if self.padding_mode == "zeros":
            return super().forward(x)
        return F.conv2d(pad(x, self.kernel_size[0] // 2, self.padding_mode), self.weight, self.bias, self.stride)


class WinogradConv(StripConv):
    """A 3x3 convolution of stride 1 with a quarter of the multiplications where that pays, see `convolve`."""

    def forward(self, x: Tensor) -> Tensor:
        """Return what the convolution makes of `x`, (B, C, H, W)."""
        laid_out = torch.compiler.is_compiling() or x.is_contiguous(memory_format=torch.channels_last)
        narrowest = NARROWEST["laid out" if laid_out else "else"]
        if min(self.in_channels, self.out_channels) < narrowest or not pays(x):
            return super().forward(x)
        return convolve(x, self.weight, self.bias, int(self.padding[0]), reflect=self.padding_mode == "reflect")


class TransposedConv(StripConv):
    """Nearest upsampling by 2, then a 3x3 convolution with reflection padding, as one transposed convolution.

    In one dimension, with input x and weights w, the upsampled signal is `y[m] = x[m // 2]`, and output o is
    `sum_k w[k] y[o + k - 1]`. So x[i] reaches output `2 i + t` with the weight

        t      -1     0            1            2
        K[t]   w[2]   w[1] + w[2]  w[0] + w[1]  w[0]

    which is a transposed convolution of stride 2 by K: w reversed and convolved with (1, 1). At the border, reflection
    gives `y[-1] = y[1] = x[0]`, as if x were padded by a copy of its edge. Two dimensions go alike: 4x4 weights, of
    which each output sees 2x2, in place of 3x3 (Shi et al. 2016, "Is the deconvolution layer the same as a
    convolutional layer?"). That is 4/9 of the multiplications, no upsampled copy of the input, and still the upsampling
    that makes no checkerboard, since the parameters are the 3x3 ones.
    """

    def at_once(self, x: Tensor) -> Tensor:
        """Return (B, out_channels, 2H, 2W) of `x`, (B, channels, H, W)."""
        reversed_ = F.pad(self.weight.flip(2, 3), (1, 1, 1, 1))  # (out_channels, channels, 5, 5)
        kernel = 4 * F.avg_pool2d(reversed_, 2, stride=1)  # (out_channels, channels, 4, 4)
        edged = pad(x, 1, "replicate")  # (B, channels, H+2, W+2)
        return F.conv_transpose2d(edged, kernel.transpose(0, 1), self.bias, stride=2, padding=3)


class RowConv(StripConv):
    """A k x k convolution with reflection padding to few channels, as one of its rows, such as the 9x9 to RGB.

    On a CPU a convolution computes 8 or 16 output channels at once, one for each lane of a vector; three leave most of
    them idle. But a sum over a k x k window is a sum over the k rows of it,

        out[c, y, x] = sum_i row_i[c, y + i, x],    row_i[c, y, x] = sum_j,d w[c, d, i, j] in[d, y, x + j],

    and all the rows come from a single 1 x k convolution to k times as many channels: 27 for the 9x9 to RGB. As many
    multiplications, and the lanes are busy.
    """

    def at_once(self, x: Tensor) -> Tensor:
        """Return (B, out_channels, H, W) of `x`, (B, channels, H, W)."""
        height, margin = x.shape[-2], self.weight.shape[-1] // 2
        assert self.bias is not None
        padded = pad(x, margin, "reflect")  # (B, channels, H+k-1, W+k-1)
        weights = self.weight.permute(2, 0, 1, 3).flatten(0, 1).unsqueeze(2)  # (k*out_channels, channels, 1, k)
        rows = F.conv2d(padded, weights).split(self.out_channels, 1)  # k times (B, out_channels, H+k-1, W)
        with torch.autocast(x.device.type, enabled=False):
            shifted = [at_least_float32(row[:, :, i : i + height]) for i, row in enumerate(rows)]
            return sum(shifted[1:], shifted[0] + self.bias[:, None, None])  # (B, out_channels, H, W)
