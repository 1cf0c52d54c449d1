"""The layers that stylizing networks are built from."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stylenet.errors import InputError, unknown
from stylenet.functional import at_least_float32, resize_mask


def norm_layer(norm: str, channels: int, styles: int = 1) -> nn.Module:
    """Return a normalization of `channels` maps: the one place where networks get theirs.

    Args:
        norm: `instance` (Ulyanov et al. 2016) or `batch` (Johnson et al. 2016), both with scale and shift.
        channels: Number of maps.
        styles: How many styles have a scale and a shift of their own; several only with `instance`.

    Raises:
        InputError: Another name, or batch norm for several styles.
    """
    if styles > 1 and norm == "batch":
        raise InputError("batch norm has one scale and shift for all styles: take norm=instance for several")
    if norm == "instance" and styles > 1:
        return ConditionalNorm(channels, styles)
    if norm == "instance":
        return nn.InstanceNorm2d(channels, affine=True)
    if norm == "batch":
        return nn.BatchNorm2d(channels)
    raise unknown("norm", norm, ("instance", "batch"))


class ConditionalNorm(nn.Module):
    """Instance norm whose scale and shift are mixed from those of several styles (Dumoulin et al. 2017, eq. 5).

    The state dict has `weight` and `bias`, (S, C) each: a row is what an instance norm of a single style would have.
    Rows are mixed in float32 or more, also under autocast.

    Args:
        channels: Number of maps, C.
        styles: Number of rows, S.
    """

    def __init__(self, channels: int, styles: int) -> None:
        super().__init__()
        self.plain = nn.InstanceNorm2d(channels)  # without scale and shift: it has no tensors
        self.weight = nn.Parameter(torch.ones(styles, channels))
        self.bias = nn.Parameter(torch.zeros(styles, channels))

    def forward(self, x: Tensor, mixture: Tensor) -> Tensor:
        """Return `x` normalized, scaled and shifted, (B, C, H, W).

        Args:
            x: (B, C, H, W).
            mixture: Shares of the styles, (B or 1, S), or maps of them, (B or 1, S, H', W'), which are averaged over
                the area of each place of `x`.
        """
        normal = self.plain(x)
        with torch.autocast(x.device.type, enabled=False):
            shares = at_least_float32(mixture)
            if mixture.dim() == 2:
                shares = shares[:, :, None, None]  # (B or 1, S, 1, 1)
            elif mixture.shape[-2:] != x.shape[-2:]:
                shares = resize_mask(shares, x.shape[-2:])
            return torch.addcmul(_mixed(shares, self.bias), normal, _mixed(shares, self.weight)).to(x.dtype)


def _mixed(shares: Tensor, rows: Tensor) -> Tensor:
    """Return the rows, (S, C), mixed by shares, (B, S, H, W), at each place: (B, C, H, W)."""
    return torch.einsum("bshw,sc->bchw", shares, rows.to(shares.dtype))


def pad_to_stride(images: Tensor, mixture: Tensor | None, stride: int, smallest: int) -> tuple[Tensor, Tensor | None]:
    """Return images whose sides are multiples of the stride: their last row and column go on, as do those of maps.

    Args:
        images: (B, 3, H, W).
        mixture: See `ConditionalNorm`; its maps, if it has any, are as large as the images.
        stride: Of the network.
        smallest: Pixels that a side has at least.
    """
    height, width = images.shape[-2:]
    bottom, right = (-(-max(side, smallest) // stride) * stride - side for side in (height, width))
    if bottom or right:
        images = F.pad(images, (0, right, 0, bottom), mode="replicate")
        if mixture is not None and mixture.dim() == 4:
            mixture = F.pad(mixture, (0, right, 0, bottom), mode="replicate")
    return images, mixture


class Chain(nn.Sequential):
    """Layers one after the other, of which those with conditional norms in them are told the mixture of styles."""

    def forward(self, x: Tensor, mixture: Tensor | None = None) -> Tensor:
        """Return what the layers make of `x`, (B, C, H, W).

        Args:
            x: (B, C', H', W').
            mixture: See `ConditionalNorm`; None where the norms have a single style.
        """
        for layer in self:
            x = layer(x) if mixture is None or not isinstance(layer, CONDITIONAL) else layer(x, mixture)
        return x


class Conv(nn.Conv2d):
    """A convolution with reflection padding that keeps the size, divided by the stride.

    Reflection instead of the paper's zeros: zeros leave a frame at the border of stylized images.
    """

    def __init__(self, channels: int, out_channels: int, kernel: int, stride: int = 1) -> None:
        super().__init__(channels, out_channels, kernel, stride, padding=kernel // 2, padding_mode="reflect")


class UpsampledConv(Conv):
    """Nearest upsampling by 2, then a 3x3 convolution with reflection padding: no checkerboard (Odena et al. 2016)."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__(channels, out_channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, out_channels, 2H, 2W) of `x`, (B, channels, H, W)."""
        return super().forward(F.interpolate(x, scale_factor=2, mode="nearest"))


class ConvBlock(Chain):
    """Convolution, normalization, ReLU."""

    def __init__(
        self, channels: int, out_channels: int, kernel: int, stride: int = 1, norm: str = "instance", styles: int = 1
    ) -> None:
        convolution = Conv(channels, out_channels, kernel, stride)
        super().__init__(convolution, norm_layer(norm, out_channels, styles), nn.ReLU(inplace=True))


class UpsampleBlock(Chain):
    """Nearest upsampling by 2, 3x3 convolution, normalization, ReLU: no checkerboard (Odena et al. 2016)."""

    def __init__(self, channels: int, out_channels: int, norm: str = "instance", styles: int = 1) -> None:
        convolution = ConvBlock(channels, out_channels, 3, norm=norm, styles=styles)
        super().__init__(nn.Upsample(scale_factor=2), convolution)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside the identity, with no ReLU after the sum (Gross and Wilber 2016)."""

    def __init__(self, channels: int, norm: str = "instance", styles: int = 1) -> None:
        super().__init__()
        self.body = Chain(
            ConvBlock(channels, channels, 3, norm=norm, styles=styles),
            Conv(channels, channels, 3),
            norm_layer(norm, channels, styles),
        )

    def forward(self, x: Tensor, mixture: Tensor | None = None) -> Tensor:
        """Return `x` plus its residual, (B, C, H, W); for the mixture see `ConditionalNorm`."""
        return self.body(x, mixture) + x


CONDITIONAL = (Chain, ResidualBlock, ConditionalNorm)
"""What takes a mixture of styles beside its maps."""
