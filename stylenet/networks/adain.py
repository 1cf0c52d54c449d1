"""Arbitrary style transfer by adaptive instance normalization (Huang and Belongie 2017)."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from stylenet.errors import InputError, unknown
from stylenet.features.extractor import FeatureExtractor
from stylenet.functional import at_least_float32, moments
from stylenet.networks.decoder import ENCODED, ENCODERS, upsamplings, vgg_decoder
from stylenet.networks.exchange import COLORS, color_moments, exchange_colors, exchange_moments, mixed
from stylenet.networks.layers import pad_to_stride

STRIDE = 8
DEEPEST = "relu4_1"
SHALLOWER = {"relu1_1": 0, "relu2_1": 1, "relu3_1": 2}
"""Layers whose moments may be exchanged too, and the blocks of the decoder that get them."""

Features = Mapping[str, Tensor]


class AdaIN(nn.Module):
    """Give a photograph's features the means and deviations of a painting's, and decode them.

    The encoder is frozen. It lies outside the module tree, so that it is in no state dict and unknown to DDP; a
    checkpoint names it, and it is taken anew from where its weights are. The decoder mirrors it: 3x3 convolutions with
    reflection padding, nearest upsampling, no norms.

    Departures: moments can be exchanged at several layers of the encoder (`exchange`), as in Avatar-Net (Sheng et al.,
    CVPR 2018) and MicroAST (Wang et al., AAAI 2023). The decoder then adds the exchanged maps of a shallower layer,
    through a 1x1 convolution, where it reaches their size, so that colors and edges come straight from there.
    Features are divided by a constant for each layer (`scales`). The result can be given the colors of the painting
    (`colors`). The variance is biased, where the authors' code divides by one pixel less. And what the decoder
    loses of a photograph is given back below full strength, see `forward`.

    Args:
        backbone: One of `ENCODERS`.
        weights: Of the encoder: `bundled` (vgg16), `imagenet`, `random` or a file.
        width: Channels of the decoder at full size; by default the encoder's.
        faithful: Give back what the decoder loses; if not, a strength of 0 is the decoded photograph, as the paper's.
        pooling: Of the encoder, see `FeatureExtractor`.
        padding: Of the encoder, see `FeatureExtractor`.
        exchange: Layers whose moments are exchanged, relu4_1 always; that alone by default, as in the paper.
        scales: What the features of each of these layers are divided by, 1 by default. A decoder learns best from
            features near 1, but relu4_1 of VGG16 has a root mean square of 342.
        colors: Outside training, give the result the mean and the covariance of the painting's colors, which moments of
            features miss; see `stylenet.networks.exchange`.

    Raises:
        InputError: Another backbone, pooling or layer, or weights that cannot be had.
    """

    def __init__(
        self,
        backbone: str = "vgg16",
        weights: str = "bundled",
        width: int | None = None,
        faithful: bool = True,
        pooling: str = "max",
        padding: str = "zeros",
        exchange: Sequence[str] = (DEEPEST,),
        scales: Mapping[str, float] | None = None,
        colors: bool = False,
    ) -> None:
        super().__init__()
        if backbone not in ENCODERS:
            raise InputError(f"AdaIN has no decoder for {backbone}: take one of {', '.join(ENCODERS)}")
        for layer in exchange:
            if layer != DEEPEST and layer not in SHALLOWER:
                raise unknown("layer to exchange", layer, [*SHALLOWER, DEEPEST])
        widths, depths = ENCODERS[backbone]
        shallow = sorted({*exchange} - {DEEPEST}, reverse=True)
        self.exchange = (DEEPEST, *shallow)
        self.channels = [ENCODED, *(widths[SHALLOWER[layer]] for layer in shallow)]
        self.scales = {layer: float((scales or {}).get(layer, 1)) for layer in self.exchange}
        self._encoder = (FeatureExtractor(backbone, self.exchange, weights, pooling, padding),)
        self.arguments: dict[str, Any] = {
            "backbone": backbone,
            "weights": Path(weights).name,
            "width": width,
            "faithful": faithful,
            "pooling": pooling,
            "padding": padding,
            "exchange": list(self.exchange),
            "scales": self.scales,
            "colors": colors,
        }
        scale = (width or widths[0]) / widths[0]
        own = [round(scale * channels) for channels in widths]
        self.decoder = vgg_decoder(own, depths)
        self.laterals = nn.ModuleDict(
            {layer: nn.Conv2d(widths[SHALLOWER[layer]], own[SHALLOWER[layer]], 1) for layer in shallow}
        )
        self._joints = dict(zip(upsamplings(self.decoder), sorted(SHALLOWER, reverse=True), strict=True))
        for module in self.encoder.modules():
            if isinstance(module, nn.ReLU):
                module.inplace = True  # nothing reads what is before it

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> "AdaIN":
        """Move the encoder along with the module."""
        self.encoder._apply(fn)
        return super()._apply(fn, recurse)

    @property
    def encoder(self) -> FeatureExtractor:
        """The frozen encoder."""
        return self._encoder[0]

    def encode(self, images: Tensor) -> dict[str, Tensor]:
        """Return scaled features of images, (B, 3, H, W) in [0, 1]: `{layer: (B, C, H/S, W/S)}`, S = 8 the deepest."""
        maps = self.encoder(images)
        return {layer: maps[layer] / self.scales[layer] for layer in self.exchange}

    def moments(self, features: Features) -> Tensor:
        """Return means and deviations of features, the layers one after the other: (B, 2, C of all layers)."""
        return torch.cat([moments(features[layer]) for layer in self.exchange], 2)

    @torch.no_grad()
    def palette(self, paintings: Tensor, features: Features | None = None) -> Tensor:
        """Return the means and deviations of paintings' features, (1, N, 2, C of all layers).

        Where colors are exchanged, too, those of `color_maps` are the last 6 of C.

        Args:
            paintings: (N, 3, h, w) in [0, 1].
            features: What `encode` gives of them, if that is known.
        """
        found = self.moments(self.encode(paintings) if features is None else features)
        if self.arguments["colors"]:
            found = torch.cat([found, color_moments(paintings)[:, 0].to(found)], 2)
        return found.unsqueeze(0)

    def transfer(
        self, features: Features, palette: Tensor, mixture: Tensor | None = None, statistics: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Return features with the moments of paintings (eq. 8), each of the shape given.

        A blend of paintings is that of their results (section 6.4), which is the same as a blend of their moments.

        Args:
            features: Of photographs, `{layer: (B, C, h, w)}`.
            palette: Of N paintings, (B or 1, N, 2, C of all layers).
            mixture: How much of each painting, (B or 1, N), or where, (B or 1, N, H, W), in [0, 1] with a sum of 1;
                equal shares by default.
            statistics: What `moments` gives of the features, where these are a part of a larger image's.
        """
        own = self.moments(features) if statistics is None else statistics
        parts = palette[..., : sum(self.channels)].split(self.channels, 3)
        layers = zip(self.exchange, own.split(self.channels, 2), parts, strict=True)
        return {
            layer: exchange_moments(features[layer], old, mixed(new, mixture, features[layer].shape[-2:]))
            for layer, old, new in layers
        }

    def decode(self, features: Features) -> Tensor:
        """Return images, (B, 3, 8h, 8w), clamped to [0, 1] outside training, of what `encode` or `transfer` gives."""
        x = features[DEEPEST]
        for place, layer in enumerate(self.decoder):
            x = layer(x)
            lateral = self._joints.get(place)
            if lateral is not None and lateral in self.laterals:
                x = x + self.laterals[lateral](features[lateral])
        return x if self.training else x.clamp(0, 1)

    def forward(self, images: Tensor, palette: Tensor, mixture: Tensor | None = None, alpha: float = 1.0) -> Tensor:
        """Return stylized images of exactly the size given.

        With f the features of a photograph x and t those with the painting's moments, and D the decoder, the paper has
        `D((1 - alpha) f + alpha t)` (eq. 14), which at 0 is D(f): the photograph less what eight times smaller features
        cannot hold. To that we add `(1 - alpha) (x - D(f))`, so that 0 gives the photograph itself.

        Args:
            images: (B, 3, H, W) in [0, 1], any H and W.
            palette: From `palette`, (B or 1, N, 2, C).
            mixture: See `transfer`.
            alpha: Strength in [0, 1].

        Returns:
            (B, 3, H, W) in [0, 1].
        """
        height, width = images.shape[-2:]
        images, padded = pad_to_stride(images, mixture, STRIDE, self.encoder.smallest)
        painted = self.paint(images, self.encode(images), palette, padded, alpha)[..., :height, :width]
        return self.color(painted, palette, mixture, alpha)

    def paint(
        self,
        images: Tensor,
        features: Features,
        palette: Tensor,
        mixture: Tensor | None = None,
        alpha: float = 1.0,
        statistics: Tensor | None = None,
    ) -> Tensor:
        """Return stylized images of photographs whose sides are multiples of 8, and of their features.

        Args:
            images: (B, 3, H, W) in [0, 1].
            features: Of these, from `encode`.
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
        stylized = self.decode({layer: torch.lerp(features[layer], wanted[layer], alpha) for layer in self.exchange})
        if self.arguments["faithful"]:
            stylized = (stylized + (1 - alpha) * (images - self.decode(features))).clamp(0, 1)
        return stylized

    def color(
        self,
        images: Tensor,
        palette: Tensor,
        mixture: Tensor | None = None,
        alpha: float = 1.0,
        statistics: Tensor | None = None,
    ) -> Tensor:
        """Return what `paint` gives in the paintings' colors, if this network exchanges colors.

        Args:
            images: (B, 3, H, W), without padding.
            palette: See `forward`.
            mixture: See `transfer`; under maps, each painting's colors come from and go to its own places.
            alpha: See `forward`.
            statistics: What `color_moments` gives of the images, where these are a part of a larger one.

        Returns:
            (B, 3, H, W) in [0, 1].
        """
        if self.training or not self.arguments["colors"]:
            return images
        images = at_least_float32(images)
        own = color_moments(images, mixture) if statistics is None else statistics
        new = palette[..., -COLORS:].to(images)
        if mixture is None or mixture.dim() == 2:
            colored = exchange_colors(images, own[:, 0], mixed(new, mixture, (1, 1))[..., 0, 0])
        else:
            each = [exchange_colors(images, *pair) for pair in zip(own.unbind(1), new.unbind(1), strict=True)]
            colored = (mixture.unsqueeze(2) * torch.stack(each, 1)).sum(1)
        return torch.lerp(images, colored, alpha).clamp(0, 1)
