"""The terms of a perceptual loss: each a small module that holds what it compares with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from stylenet.errors import InputError
from stylenet.functional import resize_mask
from stylenet.losses.content import content_loss, pixel_loss
from stylenet.losses.smoothness import laplacian_loss, total_variation, total_variation_loss
from stylenet.losses.style import STATISTICS

Features = Mapping[str, Tensor]


@dataclass(frozen=True)
class Style:
    """A painting, or a region of one.

    Args:
        image: (1, 3, h, w) in [0, 1].
        weight: Its share where there are several.
        mask: Where to look: (1, 1, h, w) in [0, 1]; everywhere by default.

    Raises:
        InputError: A weight of 0 or less, or a mask that is black everywhere or of another size.
    """

    image: Tensor
    weight: float = 1.0
    mask: Tensor | None = None

    def __post_init__(self) -> None:
        if not 0 < self.weight < float("inf"):
            raise InputError(f"the weight of a style is {self.weight}: give more than 0")
        if self.mask is not None and self.mask.shape[-2:] != self.image.shape[-2:]:
            raise InputError("the mask of a style has another size than the style: scale it")
        if self.mask is not None and not self.mask.any():
            raise InputError("the mask of a style is black everywhere: paint white where the style is")


@dataclass(frozen=True)
class Targets:
    """What stays fixed while images are optimized: computed once.

    Args:
        photographs: (B, 3, H, W) in [0, 1].
        features: Of the photographs.
        masks: Where each of N styles belongs, (B or 1, N, H, W) in [0, 1]; everywhere by default.
        styles: Of each photograph's own painting what the style terms compare with, `{term: (B, ...)}`, see
            `PerceptualLoss.statistics`; by default each is compared with the loss's paintings.
        labels: Pseudo-labels, (B, 3, H, W) in [0, 1].
        label_features: Of the pseudo-labels.
        snapshot: Features of the images as they stood early in the optimization; none before that.
        levels: Of a multi-scale loss, the targets of each level.
    """

    photographs: Tensor
    features: Features = field(default_factory=dict)
    masks: Tensor | None = None
    styles: Mapping[str, Tensor] | None = None
    labels: Tensor | None = None
    label_features: Features = field(default_factory=dict)
    snapshot: Features | None = None
    levels: tuple["Targets", ...] = ()


class Term(nn.Module):
    """One kind of comparison.

    Args:
        weights: The weight of each of its terms, by name: `GROUP` or `GROUP/LAYER`.
    """

    def __init__(self, weights: dict[str, float]) -> None:
        super().__init__()
        self.weights = weights

    def of_layer(self, layer: str, maps: Tensor, targets: Targets) -> dict[str, Tensor]:
        """Return the unweighted terms of a layer, `{name: (B,)}`; nothing where none reads it.

        Args:
            layer: Its name.
            maps: The images' features in it, (B, C, h, w).
            targets: What they are compared with.
        """
        return {}

    def forward(self, images: Tensor, targets: Targets) -> dict[str, Tensor]:
        """Return the unweighted terms of no layer, `{name: (B,)}`.

        Args:
            images: (B, 3, H, W) in [0, 1].
            targets: What they are compared with.
        """
        return {}

    def statistics(self, paintings: Tensor, features: Features) -> dict[str, Tensor]:
        """Return what of each painting its terms compare with, `{term: (B, ...)}`; nothing where none does.

        Args:
            paintings: (B, 3, h, w) in [0, 1].
            features: Of the paintings.
        """
        return {}


class FeatureTerm(Term):
    """Closeness to feature maps of the photograph, of a pseudo-label, or of the image itself as it was.

    Args:
        group: First part of the terms' names.
        shares: `{layer: share}`.
        weight: Of the group.
        normalization: See `stylenet.losses.content`.
        source: The field of `Targets` that holds the maps; where that is None there are no terms yet.
    """

    def __init__(self, group: str, shares: Mapping[str, float], weight: float, normalization: str, source: str) -> None:
        super().__init__({f"{group}/{layer}": weight * share for layer, share in shares.items()})
        self.names = {layer: f"{group}/{layer}" for layer in shares}
        self.normalization, self.source = normalization, source

    def of_layer(self, layer: str, maps: Tensor, targets: Targets) -> dict[str, Tensor]:
        """Return the content loss of a layer."""
        wanted = getattr(targets, self.source)
        if wanted is None or layer not in self.names:
            return {}
        return {self.names[layer]: content_loss(maps, wanted[layer], self.normalization)}


class StyleTerm(Term):
    """Closeness to a statistic of paintings' features; of several, the weighted mean of the losses.

    Args:
        styles: The paintings.
        features: Of each painting.
        shares: `{layer: share}`.
        weight: Of the group.
        statistic: One of `stylenet.losses.style.STATISTICS`.
        normalization: See `stylenet.losses.style`.
    """

    def __init__(
        self,
        styles: Sequence[Style],
        features: Sequence[Features],
        shares: Mapping[str, float],
        weight: float,
        statistic: str,
        normalization: str,
    ) -> None:
        super().__init__({f"style/{layer}": weight * share for layer, share in shares.items()})
        self.layers, self.normalization, self.statistic = tuple(shares), normalization, STATISTICS[statistic]
        total = sum(style.weight for style in styles)
        self.shares = [style.weight / total for style in styles]
        for i, (style, maps) in enumerate(zip(styles, features, strict=True)):
            for j, layer in enumerate(self.layers):
                mask = _mask_of(style.mask, 0, maps[layer])
                self.register_buffer(f"target_{i}_{j}", self.statistic.target(maps[layer], mask), persistent=False)

    def of_layer(self, layer: str, maps: Tensor, targets: Targets) -> dict[str, Tensor]:
        """Return the style loss of a layer."""
        if layer not in self.layers:
            return {}
        name, place = f"style/{layer}", self.layers.index(layer)
        if targets.styles is not None:
            return {name: self.statistic.loss(maps, targets.styles[name], self.normalization)}
        losses = [
            share
            * self.statistic.loss(
                maps, self.get_buffer(f"target_{i}_{place}"), self.normalization, _mask_of(targets.masks, i, maps)
            )
            for i, share in enumerate(self.shares)
        ]
        return {name: torch.stack(losses).sum(0)}

    def statistics(self, paintings: Tensor, features: Features) -> dict[str, Tensor]:
        """Return what of each painting is kept, see `Term.statistics`."""
        return {f"style/{layer}": self.statistic.target(features[layer]) for layer in self.layers}


def _mask_of(masks: Tensor | None, index: int, maps: Tensor) -> Tensor | None:
    """Return one channel of masks at the resolution of feature maps."""
    return None if masks is None else resize_mask(masks[:, index : index + 1], maps.shape[-2:])


class VariationTerm(Term):
    """No more noise than the paintings have.

    Args:
        styles: The paintings, whose total variation is the unit of the `relative` normalization.
        weight: Of the term.
        normalization: See `stylenet.losses.smoothness`.
    """

    unit: Tensor | None

    def __init__(self, styles: Sequence[Style], weight: float, normalization: str) -> None:
        super().__init__({"tv": weight})
        self.relative = normalization == "relative"
        variations = [total_variation(style.image).mean() for style in styles]
        unit = torch.stack(variations).mean() if self.relative and variations else None
        self.register_buffer("unit", unit, persistent=False)

    def forward(self, images: Tensor, targets: Targets) -> dict[str, Tensor]:
        """Return the total variation."""
        own = targets.styles["tv"] if self.relative and targets.styles is not None else self.unit
        return {"tv": total_variation_loss(images, own)}

    def statistics(self, paintings: Tensor, features: Features) -> dict[str, Tensor]:
        """Return the total variation of each painting, (B,), see `Term.statistics`."""
        return {"tv": total_variation(paintings)}


class LaplacianTerm(Term):
    """Edges where the photograph has them."""

    def __init__(self, weight: float, normalization: str) -> None:
        super().__init__({"laplacian": weight})
        self.normalization = normalization

    def forward(self, images: Tensor, targets: Targets) -> dict[str, Tensor]:
        """Return the difference of Laplacians."""
        return {"laplacian": laplacian_loss(images, targets.photographs, normalization=self.normalization)}


class PixelTerm(Term):
    """Closeness to the pixels of a pseudo-label."""

    def __init__(self, weight: float, normalization: str) -> None:
        super().__init__({"pixel": weight})
        self.normalization = normalization

    def forward(self, images: Tensor, targets: Targets) -> dict[str, Tensor]:
        """Return the squared error."""
        assert targets.labels is not None
        return {"pixel": pixel_loss(images, targets.labels, self.normalization)}
