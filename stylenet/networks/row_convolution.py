"""A convolution to few channels, as one of its rows that computes the same."""

import torch
from torch import Tensor
from torch.nn import functional as F

from stylenet.functional import at_least_float32
from stylenet.networks.layers import Conv, pad


class RowConv(Conv):
    """A k x k convolution with reflection padding to few channels, such as the 9x9 to RGB at a network's end.

    On a CPU a convolution computes 8 or 16 output channels at once, one for each lane of a vector; three leave most of
    them idle. But a sum over a k x k window is a sum over the k rows of it,

        out[c, y, x] = sum_i row_i[c, y + i, x],    row_i[c, y, x] = sum_j,d w[c, d, i, j] in[d, y, x + j],

    and all the rows come from a single 1 x k convolution to k times as many channels: 27 for the 9x9 to RGB. As many
    multiplications, and the lanes are busy.

    On a GPU the plain form is used: what cuDNN makes of either we have not measured.
    """

    def at_once(self, x: Tensor) -> Tensor:
        """Return (B, out_channels, H, W) of `x`, (B, channels, H, W)."""
        if x.device.type != "cpu":
            return super().at_once(x)
        height, margin = x.shape[-2], self.weight.shape[-1] // 2
        assert self.bias is not None
        padded = pad(x, margin, "reflect")  # (B, channels, H+k-1, W+k-1)
        weights = self.weight.permute(2, 0, 1, 3).flatten(0, 1).unsqueeze(2)  # (k*out_channels, channels, 1, k)
        rows = F.conv2d(padded, weights).split(self.out_channels, 1)  # k times (B, out_channels, H+k-1, W)
        with torch.autocast(x.device.type, enabled=False):
            shifted = [
                at_least_float32(row[:, :, i : i + height]) for i, row in enumerate(rows)
            ]  # (B, out_channels, H, W)
            return sum(shifted[1:], shifted[0] + self.bias[:, None, None])
