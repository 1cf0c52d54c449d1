"""The image transformation network of Johnson, Alahi and Fei-Fei 2016."""

from typing import Any

from torch import Tensor, nn

from stylenet.errors import InputError, unknown
from stylenet.functional import resize_mask
from stylenet.networks.layers import Chain, Conv, ConvBlock, ResidualBlock, UpsampleBlock, pad_to_stride

STRIDE = 4
SMALLEST = 16
OUTPUTS = ("tanh", "linear", "residual")


class JohnsonNet(nn.Module):
    """Stylize photographs in one forward pass, in one style or in a mixture of several.

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
        num_styles: With more than one, every norm has a row of scales and shifts for each style, and the rest is shared
            (Dumoulin et al. 2017, "A learned representation for artistic style"); needs `instance`.

    Raises:
        InputError: Unknown norm or output, or batch norm for several styles.
    """

    def __init__(
        self, width: int = 32, norm: str = "instance", blocks: int = 5, output: str = "tanh", num_styles: int = 1
    ) -> None:
        super().__init__()
        if output not in OUTPUTS:
            raise unknown("output", output, OUTPUTS)
        if num_styles < 1:
            raise InputError(f"num_styles is {num_styles}: give at least 1")
        self.num_styles = num_styles
        self.arguments: dict[str, Any] = {"width": width, "norm": norm, "blocks": blocks, "output": output}
        self.arguments["num_styles"] = num_styles
        shared: dict[str, Any] = {"norm": norm, "styles": num_styles}
        self.encoder = Chain(
            ConvBlock(3, width, 9, **shared),
            ConvBlock(width, 2 * width, 3, stride=2, **shared),
            ConvBlock(2 * width, 4 * width, 3, stride=2, **shared),
        )
        self.residuals = Chain(*[ResidualBlock(4 * width, **shared) for _ in range(blocks)])
        self.decoder = Chain(
            UpsampleBlock(4 * width, 2 * width, **shared),
            UpsampleBlock(2 * width, width, **shared),
            Conv(width, 3, 9),
        )

    def forward(self, images: Tensor, mixture: Tensor | None = None) -> Tensor:
        """Return stylized images of exactly the size given.

        Args:
            images: (B, 3, H, W) in [0, 1], any H and W.
            mixture: How much of each of S styles, in [0, 1]: (B or 1, S) that add up to 1, or maps (B or 1, S, H, W)
                that add up to 1 at each pixel; each layer averages them over the pixels that a place of it covers.

        Returns:
            (B, 3, H, W) in [0, 1].

        Raises:
            InputError: A network of several styles was given no mixture, one of a single style was given one, or the
                mixture has another number of styles or another size than the images.
        """
        self.check(images, mixture)
        height, width = images.shape[-2:]
        x, shares = pad_to_stride(images, mixture, STRIDE, SMALLEST)
        x = self.encoder(2 * x - 1, shares)  # (B, 4*width, H/4, W/4)
        x = self.residuals(x, _at_size_of(x, shares))
        x = self.decoder(x, shares)  # (B, 3, H, W)
        return self.finish(x[..., :height, :width], images)

    def check(self, images: Tensor, mixture: Tensor | None) -> None:
        """Raise an InputError for a mixture that does not fit the network and the images; see `forward`."""
        if mixture is None:
            if self.num_styles > 1:
                raise InputError(f"this network has {self.num_styles} styles: give a mixture, the share of each")
            return
        if self.num_styles == 1:
            raise InputError("this network has a single style: leave the mixture out")
        if mixture.dim() not in (2, 4) or mixture.shape[1] != self.num_styles:
            shape = tuple(mixture.shape)
            raise InputError(f"a mixture of shape {shape} for {self.num_styles} styles: give (B, S) or (B, S, H, W)")
        if mixture.dim() == 4 and mixture.shape[-2:] != images.shape[-2:]:
            raise InputError("the maps of a mixture have another size than the images: scale them")

    def finish(self, x: Tensor, images: Tensor) -> Tensor:
        """Return stylized images, (B, 3, H, W), of what the decoder gives, (B, 3, H, W), and the photographs."""
        if self.arguments["output"] == "tanh":
            return 0.5 + 0.5 * x.tanh()
        x = x + (images if self.arguments["output"] == "residual" else 0.5)
        return x if self.training else x.clamp(0, 1)


def with_one_style(network: JohnsonNet, mixture: Tensor) -> JohnsonNet:
    """Return the network of a single style that one of several is with a fixed mixture, (1, S)."""
    single = JohnsonNet(**{**network.arguments, "num_styles": 1})
    rows = {name: mixture[0] @ tensor if tensor.dim() == 2 else tensor for name, tensor in network.state_dict().items()}
    single.load_state_dict(rows)
    return single.eval()


def _at_size_of(x: Tensor, mixture: Tensor | None) -> Tensor | None:
    """Return a mixture with its maps, if it has any, at the size of `x`: once for all layers of that size."""
    return mixture if mixture is None or mixture.dim() == 2 else resize_mask(mixture, x.shape[-2:])
