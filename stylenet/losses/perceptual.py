"""The perceptual loss: named terms in one dict, unweighted; one line weights and adds."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from stylenet.errors import InputError, unknown
from stylenet.features.extractor import FeatureExtractor
from stylenet.losses.content import NORMALIZATIONS, content_loss
from stylenet.losses.functional import gram, total_variation
from stylenet.losses.smoothness import total_variation_loss
from stylenet.losses.style import gram_loss

Layers = Sequence[str] | Mapping[str, float]


def layer_weights(layers: Layers) -> dict[str, float]:
    """Return `{layer: share}`; a bare list shares equally, and shares are scaled to a sum of 1.

    Raises:
        InputError: The weights add up to nothing.
    """
    weights = dict(layers) if isinstance(layers, Mapping) else dict.fromkeys(layers, 1.0)
    total = sum(weights.values())
    if weights and total <= 0:
        raise InputError(f"the weights of layers {', '.join(weights)} add up to {total:g}: they must exceed 0")
    return {layer: weight / total for layer, weight in weights.items()}


class PerceptualLoss(nn.Module):
    """Content, Gram style and total variation of stylized images (Johnson et al. 2016, eq. 5).

    Terms are named `content/LAYER`, `style/LAYER` and `tv`. `weights` holds a weight for each: the group's weight
    times the layer's share.

    Args:
        extractor: Must give every layer named here.
        style: The painting, (1, 3, H, W) in [0, 1]; its Gram matrices are the targets.
        style_layers: Names, or names with weights.
        content_layers: Names, or names with weights.
        normalization: `relative`, `johnson` or `gatys`.
        content_weight: Weight of the content terms together.
        style_weight: Weight of the style terms together.
        tv_weight: Weight of the total variation; under `relative` in units of the painting's own.

    Raises:
        InputError: Unknown normalisation, layers without weight, or a painting too small to have features.
    """

    style_variation: Tensor

    def __init__(
        self,
        extractor: FeatureExtractor,
        style: Tensor,
        style_layers: Layers,
        content_layers: Layers,
        normalization: str = "relative",
        content_weight: float = 1.0,
        style_weight: float = 1.0,
        tv_weight: float = 0.0,
    ) -> None:
        super().__init__()
        if normalization not in NORMALIZATIONS:
            raise unknown("normalization", normalization, NORMALIZATIONS)
        self.extractor = extractor
        self.normalization = normalization
        style_shares, content_shares = layer_weights(style_layers), layer_weights(content_layers)
        self.style_layers, self.content_layers = tuple(style_shares), tuple(content_shares)
        self.content_extractor = extractor.up_to(self.content_layers)
        self.weights = {f"content/{layer}": content_weight * share for layer, share in content_shares.items()}
        self.weights |= {f"style/{layer}": style_weight * share for layer, share in style_shares.items()}
        self.weights["tv"] = tv_weight
        with torch.no_grad():
            features = extractor(style)
            for layer in self.style_layers:
                self.register_buffer(f"gram_{layer}", gram(features[layer]), persistent=False)
            self.register_buffer("style_variation", total_variation(style).mean(), persistent=False)

    def forward(self, images: Tensor, photographs: Tensor) -> dict[str, Tensor]:
        """Return the unweighted terms, each a scalar averaged over the batch.

        Args:
            images: Stylized images, (B, 3, H, W) in [0, 1].
            photographs: What they were made from, of the same shape.
        """
        features = self.extractor(images)
        with torch.no_grad():
            targets = self.content_extractor(photographs)
        terms = {
            f"content/{layer}": content_loss(features[layer], targets[layer], self.normalization)
            for layer in self.content_layers
        }
        for layer in self.style_layers:
            terms[f"style/{layer}"] = gram_loss(features[layer], self.get_buffer(f"gram_{layer}"), self.normalization)
        unit = self.style_variation if self.normalization == "relative" else None
        terms["tv"] = total_variation_loss(images, unit)
        return terms

    def weighted(self, terms: Mapping[str, Tensor], style_scale: float = 1.0) -> dict[str, Tensor]:
        """Return each of `terms` times its weight; those of the style also times `style_scale`."""
        scales = {name: style_scale if name.startswith("style/") else 1.0 for name in terms}
        return {name: scales[name] * self.weights[name] * term for name, term in terms.items()}

    def total(self, terms: Mapping[str, Tensor]) -> Tensor:
        """Return the sum of the weighted terms: the loss."""
        return torch.stack(list(self.weighted(terms).values())).sum()
