"""The layers that stylizing networks are built from."""

from torch import Tensor, nn

from stylenet.errors import unknown


def norm_layer(norm: str, channels: int) -> nn.Module:
    """Return a normalisation of `channels` maps: the one place where networks get theirs.

    Args:
        norm: `instance` (Ulyanov et al. 2016) or `batch` (Johnson et al. 2016), both with scale and shift.
        channels: Number of maps.

    Raises:
        InputError: Another name.
    """
    if norm == "instance":
        return nn.InstanceNorm2d(channels, affine=True)
    if norm == "batch":
        return nn.BatchNorm2d(channels)
    raise unknown("norm", norm, ("instance", "batch"))


class Conv(nn.Conv2d):
    """A convolution with reflection padding that keeps the size (divided by the stride).

    Reflection instead of the paper's zeros: zeros leave a frame at the border of stylized images.
    """

    def __init__(self, channels: int, out_channels: int, kernel: int, stride: int = 1) -> None:
        super().__init__(channels, out_channels, kernel, stride, padding=kernel // 2, padding_mode="reflect")


class ConvBlock(nn.Sequential):
    """Convolution, normalisation, ReLU."""

    def __init__(self, channels: int, out_channels: int, kernel: int, stride: int = 1, norm: str = "instance") -> None:
        super().__init__(Conv(channels, out_channels, kernel, stride), norm_layer(norm, out_channels), nn.ReLU())


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside the identity, with no ReLU after the sum (Gross and Wilber 2016)."""

    def __init__(self, channels: int, norm: str = "instance") -> None:
        super().__init__()
        self.body = nn.Sequential(
            ConvBlock(channels, channels, 3, norm=norm), Conv(channels, channels, 3), norm_layer(norm, channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` plus its residual, (B, C, H, W)."""
        return x + self.body(x)
