"""Nearest upsampling by 2 and a 3x3 convolution, as one transposed convolution that computes the same."""

from torch import Tensor, nn
from torch.nn import functional as F

from stylenet.networks.layers import Chain, Conv, norm_layer, pad


class UpsampledConv(Conv):
    """Nearest upsampling by 2, then a 3x3 convolution with reflection padding.

    In one dimension, with input x and weights w, the upsampled signal is `y[m] = x[m // 2]`, and output o is
    `sum_k w[k] y[o + k - 1]`. So x[i] reaches output `2 i + t` with the weight

        t      -1     0            1            2
        K[t]   w[2]   w[1] + w[2]  w[0] + w[1]  w[0]

    which is a transposed convolution of stride 2 by K: w reversed and convolved with (1, 1). At the border, reflection
    gives `y[-1] = y[1] = x[0]`, as if x were padded by a copy of its edge. Two dimensions go alike: 4x4 weights, of
    which each output sees 2x2, in place of 3x3 (Shi et al. 2016, "Is the deconvolution layer the same as a
    convolutional layer?"). That is 4/9 of the multiplications, no upsampled copy of the input, and still the upsampling
    that makes no checkerboard, since the parameters are the 3x3 ones.

    On a GPU the plain form is used: what cuDNN makes of either we have not measured.
    """

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__(channels, out_channels, 3)

    def at_once(self, x: Tensor) -> Tensor:
        """Return (B, out_channels, 2H, 2W) of `x`, (B, channels, H, W)."""
        if x.device.type != "cpu":
            return super().at_once(F.interpolate(x, scale_factor=2, mode="nearest"))
        reversed_ = F.pad(self.weight.flip(2, 3), (1, 1, 1, 1))  # (out_channels, channels, 5, 5)
        kernel = 4 * F.avg_pool2d(reversed_, 2, stride=1)  # (out_channels, channels, 4, 4)
        edged = pad(x, 1, "replicate")  # (B, channels, H+2, W+2)
        return F.conv_transpose2d(edged, kernel.transpose(0, 1), self.bias, stride=2, padding=3)


class UpsampleBlock(Chain):
    """Nearest upsampling by 2, 3x3 convolution, normalization, ReLU: no checkerboard (Odena et al. 2016)."""

    def __init__(self, channels: int, out_channels: int, norm: str = "instance", styles: int = 1) -> None:
        super().__init__()
        block = Chain(UpsampledConv(channels, out_channels), norm_layer(norm, out_channels, styles), nn.ReLU())
        self.add_module("1", block)  # as checkpoints name it; at 0 there was the upsampling
