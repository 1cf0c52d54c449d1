"""The image transformation network of Johnson, Alahi and Fei-Fei 2016."""

from torch import Tensor, nn
from torch.nn import functional as F

from stylenet.errors import unknown
from stylenet.networks.layers import ConvBlock, ResidualBlock
from stylenet.networks.row_convolution import RowConv
from stylenet.networks.upsampling import UpsampleBlock

STRIDE = 4
SMALLEST = 16
OUTPUTS = ("tanh", "linear", "residual")


class JohnsonNet(nn.Module):
    """Stylize photographs in one forward pass.

    9x9 convolution, two of stride 2, five residual blocks, two upsamplings, 9x9 convolution, scaled tanh. Departures
    from the paper's supplement: reflection padding at every convolution, nearest upsampling and convolution instead
    of transposed convolution, and instance norm by default (Ulyanov et al. 2016).

    Args:
        width: Channels of the first convolution; 32 as in the paper. The residual blocks have four times as many.
        norm: `instance` or `batch`.
        blocks: Number of residual blocks.
        output: `tanh`, scaled to [0, 1] as in the paper, where it saturates dark areas may stay black for ever;
            `linear` about 0.5, as in pytorch/examples; `residual`, linear about the photograph. The last two are
            clamped to [0, 1] outside training.

    Raises:
        InputError: Unknown norm or output.
    """

    def __init__(self, width: int = 32, norm: str = "instance", blocks: int = 5, output: str = "tanh") -> None:
        super().__init__()
        if output not in OUTPUTS:
            raise unknown("output", output, OUTPUTS)
        self.arguments = {"width": width, "norm": norm, "blocks": blocks, "output": output}
        self.encoder = nn.Sequential(
            ConvBlock(3, width, 9, norm=norm),
            ConvBlock(width, 2 * width, 3, stride=2, norm=norm),
            ConvBlock(2 * width, 4 * width, 3, stride=2, norm=norm),
        )
        self.residuals = nn.Sequential(*[ResidualBlock(4 * width, norm) for _ in range(blocks)])
        self.decoder = nn.Sequential(
            UpsampleBlock(4 * width, 2 * width, norm), UpsampleBlock(2 * width, width, norm), RowConv(width, 3, 9)
        )

    def forward(self, images: Tensor) -> Tensor:
        """Return stylized images of exactly the size given.

        Args:
            images: (B, 3, H, W) in [0, 1], any H and W.

        Returns:
            (B, 3, H, W) in [0, 1].
        """
        height, width = images.shape[-2:]
        bottom = max(SMALLEST, -(-height // STRIDE) * STRIDE) - height
        right = max(SMALLEST, -(-width // STRIDE) * STRIDE) - width
        x = F.pad(images, (0, right, 0, bottom), mode="replicate") if bottom or right else images
        x = self.encoder(2 * x - 1)  # (B, 4*width, H/4, W/4)
        x = self.residuals(x)
        x = self.decoder(x)  # (B, 3, H, W)
        return self._output(x[..., :height, :width], images)

    def _output(self, x: Tensor, images: Tensor) -> Tensor:
        if self.arguments["output"] == "tanh":
            return 0.5 + 0.5 * x.tanh()
        x = x + (images if self.arguments["output"] == "residual" else 0.5)
        return x if self.training else x.clamp(0, 1)
