"""Every choice of a perceptual loss, as plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from stylenet.errors import InputError, unknown
from stylenet.features.backbones import get_backbone
from stylenet.losses.content import NORMALIZATIONS
from stylenet.losses.style import STATISTICS

Layers = Sequence[str] | Mapping[str, float]


def layer_weights(layers: Layers) -> dict[str, float]:
    """Return `{layer: share}`; a bare list shares equally, and shares are scaled to a sum of 1.

    Raises:
        InputError: A weight is negative or infinite, or all are 0.
    """
    weights = dict(layers) if isinstance(layers, Mapping) else dict.fromkeys(layers, 1.0)
    for layer, weight in weights.items():
        if not 0 <= weight < float("inf"):
            raise InputError(f"the weight of layer {layer} is {weight}: give 0 or more")
    total = sum(weights.values())
    if weights and total <= 0:
        raise InputError(f"the weights of layers {', '.join(weights)} add up to {total:g}: they must exceed 0")
    return {layer: weight / total for layer, weight in weights.items()}


@dataclass(frozen=True)
class LossOptions:
    """What a stylized image is compared with, by which measure and weight; a weight of 0 leaves the term out.

    Args:
        style_layers: Layers, or layers with weights, of the style; by default those of the backbone.
        content_layers: Layers, or layers with weights, of the content; by default those of the backbone.
        secondary_layers: Layers, or layers with weights, of the secondary content.
        normalization: `relative`, `johnson` or `gatys`.
        statistic: What of the painting's features is matched: `gram`, `moments`, `patches` or `wasserstein`.
        pooling: `max`, as the networks were trained, or `avg`, which Gatys et al. 2016 found to look better.
        scales: The loss is the mean of the losses at 1, 1/2, 1/4, ... of the size, so many of them.
        content_weight: Weight of the photograph's features.
        style_weight: Weight of the painting's statistics: under `relative` the dimensionless strength of the style.
        tv_weight: Weight of the total variation; under `relative` in units of the painting's own.
        laplacian_weight: Weight of the difference of the Laplacians of pooled image and pooled photograph.
        secondary_weight: Weight of the photograph's features at `secondary_layers`.
        combined_weight: Weight of the features of the image itself as it stood early in the optimization.
        pixel_weight: Weight of the pixels of a pseudo-label.
        perceptual_weight: Weight of the features of a pseudo-label, at the content layers.
        temporal_weight: Weight of how differently a photograph is painted once it has moved, see
            `stylenet.losses.temporal`; for trainings alone.

    Raises:
        InputError: An unknown name, a negative weight, or a secondary weight without layers.
    """

    style_layers: list[str] | dict[str, float] | None = None
    content_layers: list[str] | dict[str, float] | None = None
    secondary_layers: list[str] | dict[str, float] | None = None
    normalization: str = "relative"
    statistic: str = "gram"
    pooling: str = "max"
    scales: int = 1
    content_weight: float = 1.0
    style_weight: float = 5.0
    tv_weight: float = 0.02
    laplacian_weight: float = 0.0
    secondary_weight: float = 0.0
    combined_weight: float = 0.0
    pixel_weight: float = 0.0
    perceptual_weight: float = 0.0
    temporal_weight: float = 0.0

    def __post_init__(self) -> None:
        if self.normalization not in NORMALIZATIONS:
            raise unknown("normalization", self.normalization, NORMALIZATIONS)
        if self.statistic not in STATISTICS:
            raise unknown("statistic", self.statistic, STATISTICS)
        if self.scales < 1:
            raise InputError(f"scales is {self.scales}: give at least 1")
        weights = {name: value for name, value in vars(self).items() if name.endswith("_weight")}
        for name, value in weights.items():
            if not 0 <= value < float("inf"):
                raise InputError(f"{name} is {value}: give 0 or more")
        if not any(weights.values()):
            raise InputError("every weight is 0, so there is nothing to do: give style_weight, say")
        if self.secondary_weight and not self.secondary_layers:
            raise InputError("secondary_weight needs layers: give secondary_layers=[relu1_2], say")

    def resolved(self, backbone: str) -> "LossOptions":
        """Return these options with the layers of a backbone where none were named."""
        spec = get_backbone(backbone)
        return replace(
            self,
            style_layers=self.style_layers or list(spec.style_layers),
            content_layers=self.content_layers or list(spec.content_layers),
        )

    @property
    def layers(self) -> list[str]:
        """Every layer that a loss with these options reads, once."""
        content = self.content_weight or self.combined_weight or self.perceptual_weight
        groups = [
            (self.style_weight, self.style_layers),
            (content, self.content_layers),
            (self.secondary_weight, self.secondary_layers),
        ]
        return list(dict.fromkeys(layer for weight, layers in groups if weight for layer in layers or []))
