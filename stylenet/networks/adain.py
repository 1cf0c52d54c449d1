"""Arbitrary style transfer by adaptive instance normalisation (Huang and Belongie 2017)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stylenet.errors import InputError
from stylenet.features.extractor import FeatureExtractor
from stylenet.losses.functional import moments, resize_mask
from stylenet.networks.layers import Chain, Conv, in_place
from stylenet.networks.strips import convolve_in_strips
from stylenet.networks.upsampling import UpsampledConv

STRIDE = 8
ENCODERS: dict[str, tuple[str, tuple[int, ...], tuple[int, ...]]] = {
    "vgg16": ("relu4_1", (64, 128, 256), (2, 2, 3)),
    "vgg19": ("relu4_1", (64, 128, 256), (2, 2, 4)),
    "vgg_normalised": ("relu4_1", (64, 128, 256), (2, 2, 4)),
    "vgg19_16x": ("lift4_1", (16, 32, 64), (2, 2, 4)),
    "vgg_small": ("lift4_1", (16, 32, 64), (2, 2, 4)),
}
"""Of each encoder: the layer whose moments are exchanged, of 512 channels; widths and depths of the earlier blocks."""
ENCODED = 512


class AdaIN(nn.Module):
    """Give a photograph's features the means and deviations of a painting's, and decode them.

    The encoder is frozen. It lies outside the module tree, so that it is in no state dict and unknown to DDP; a
    checkpoint names it, and it is taken anew from where its weights are. The decoder mirrors it: 3x3 convolutions with
    reflection padding, nearest upsampling, no norms.

    Departures: the variance is biased, where the authors' code divides by one pixel less. And what the decoder loses of
    a photograph is given back below full strength, see `forward`.

    Args:
        backbone: One of `ENCODERS`.
        weights: Of the encoder: `imagenet`, `bundled` (vgg_small), `random` or a file.
        width: Channels of the decoder at full size; by default the encoder's.
        faithful: Give back what the decoder loses; if not, a strength of 0 is the decoded photograph, as the paper's.
        pooling: Of the encoder, see `FeatureExtractor`.

    Raises:
        InputError: Another backbone or pooling, or weights that cannot be had.
    """

    def __init__(
        self,
        backbone: str = "vgg16",
        weights: str = "imagenet",
        width: int | None = None,
        faithful: bool = True,
        pooling: str = "max",
    ) -> None:
        super().__init__()
        if backbone not in ENCODERS:
            raise InputError(f"AdaIN has no decoder for {backbone}: take one of {', '.join(ENCODERS)}")
        self.layer, widths, depths = ENCODERS[backbone]
        self._encoder = (FeatureExtractor(backbone, [self.layer], weights, pooling),)
        self.arguments: dict[str, Any] = {
            "backbone": backbone,
            "weights": Path(weights).name,
            "width": width,
            "faithful": faithful,
            "pooling": pooling,
        }
        scale = (width or widths[0]) / widths[0]
        self.decoder = mirrored([round(scale * channels) for channels in widths], depths)
        convolve_in_strips(self.encoder)
        for part in (self.encoder, self.decoder):
            in_place(part)

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> "AdaIN":
        """Move the encoder along with the module."""
        self.encoder._apply(fn)
        return super()._apply(fn, recurse)

    @property
    def encoder(self) -> FeatureExtractor:
        """The frozen encoder."""
        return self._encoder[0]

    def encode(self, images: Tensor) -> Tensor:
        """Return the features, (B, 512, H/8, W/8), of images, (B, 3, H, W) in [0, 1]."""
        return self.encoder(images)[self.layer]

    @torch.no_grad()
    def palette(self, paintings: Tensor) -> Tensor:
        """Return the means and deviations of paintings' features, (1, N, 2, 512).

        Args:
            paintings: (N, 3, h, w) in [0, 1].
        """
        return moments(self.encode(paintings)).unsqueeze(0)

    def transfer(
        self, features: Tensor, palette: Tensor, mixture: Tensor | None = None, statistics: Tensor | None = None
    ) -> Tensor:
        """Return features with the moments of paintings (eq. 8), (B, C, h, w).

        A blend of paintings is that of their results (section 6.4), which is the same as a blend of their moments.

        Args:
            features: Of photographs, (B, C, h, w).
            palette: Of N paintings, (B or 1, N, 2, C).
            mixture: How much of each painting, (B or 1, N), or where, (B or 1, N, H, W), in [0, 1] with a sum of 1;
                equal shares by default.
            statistics: Means and deviations of the features, (B, 2, C), where these are a part of a larger image's.
        """
        own = moments(features) if statistics is None else statistics
        mean, deviation = own[..., None, None].to(features).unbind(1)  # (B, C, 1, 1)
        if mixture is None:
            mixture = palette.new_full((1, palette.shape[1]), 1 / palette.shape[1])
        if mixture.dim() == 2:
            mixed = torch.einsum("bn,bnkc->bkc", mixture, palette)[..., None, None]
        else:
            shares = resize_mask(mixture, features.shape[-2:])
            mixed = torch.einsum("bnhw,bnkc->bkchw", shares, palette)
        new_mean, new_deviation = mixed.to(features).unbind(1)
        return (features - mean) / deviation * new_deviation + new_mean

    def decode(self, features: Tensor) -> Tensor:
        """Return images, (B, 3, 8h, 8w), clamped to [0, 1] outside training, of features, (B, 512, h, w)."""
        images = self.decoder(features)
        return images if self.training else images.clamp(0, 1)

    def forward(self, images: Tensor, palette: Tensor, mixture: Tensor | None = None, alpha: float = 1.0) -> Tensor:
        """Return stylized images of exactly the size given.

        With f the features of a photograph x and t those with the painting's moments, and D the decoder, the paper has
        `D((1 - alpha) f + alpha t)` (eq. 14), which at 0 is D(f): the photograph less what eight times smaller features
        cannot hold. To that we add `(1 - alpha) (x - D(f))`, so that 0 gives the photograph itself.

        Args:
            images: (B, 3, H, W) in [0, 1], any H and W.
            palette: From `palette`, (B or 1, N, 2, 512).
            mixture: See `transfer`.
            alpha: Strength in [0, 1].

        Returns:
            (B, 3, H, W) in [0, 1].
        """
        height, width = images.shape[-2:]
        least = -(-self.encoder.smallest // STRIDE) * STRIDE
        bottom = max(least, -(-height // STRIDE) * STRIDE) - height
        right = max(least, -(-width // STRIDE) * STRIDE) - width
        if bottom or right:
            images = F.pad(images, (0, right, 0, bottom), mode="replicate")
            if mixture is not None and mixture.dim() == 4:
                mixture = F.pad(mixture, (0, right, 0, bottom), mode="replicate")
        return self.paint(images, self.encode(images), palette, mixture, alpha)[..., :height, :width]

    def paint(
        self,
        images: Tensor,
        features: Tensor,
        palette: Tensor,
        mixture: Tensor | None = None,
        alpha: float = 1.0,
        statistics: Tensor | None = None,
    ) -> Tensor:
        """Return stylized images of photographs whose sides are multiples of 8, and of their features.

        Args:
            images: (B, 3, H, W) in [0, 1].
            features: Of these, (B, 512, H/8, W/8).
            palette: See `forward`.
            mixture: See `transfer`.
            alpha: See `forward`.
            statistics: See `transfer`.

        Returns:
            (B, 3, H, W) in [0, 1].
        """
        wanted = self.transfer(features, palette, mixture, statistics)
        if alpha == 1:
            return self.decode(wanted)
        stylized = self.decode(torch.lerp(features, wanted, alpha))
        if self.arguments["faithful"]:
            stylized = (stylized + (1 - alpha) * (images - self.decode(features))).clamp(0, 1)
        return stylized


def mirrored(widths: list[int], depths: tuple[int, ...]) -> Chain:
    """Return a decoder from 512 channels at an eighth of the size to RGB, initialised as by He et al. 2015.

    Args:
        widths: Channels of the encoder's blocks, from the image on.
        depths: Convolutions of these blocks.
    """
    layers: list[nn.Module] = [Conv(ENCODED, widths[-1], 3), nn.ReLU()]
    for block in reversed(range(len(widths))):
        out = widths[block - 1] if block else 3
        layers += [UpsampledConv(widths[block], widths[block]), nn.ReLU()]
        for n in range(1, depths[block]):
            channels = widths[block] if n < depths[block] - 1 else out
            layers += [Conv(widths[block], channels, 3), nn.ReLU()]
    decoder = Chain(*layers[:-1])
    for layer in decoder:
        if isinstance(layer, nn.Conv2d):  # no norm keeps the scale, and the default init halves it
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
    return decoder
