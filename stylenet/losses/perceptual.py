"""The perceptual loss: named terms in one dict, unweighted; one line weights and adds."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Self, cast

import torch
from torch import Tensor, nn

from stylenet.errors import InputError
from stylenet.features.extractor import FeatureExtractor
from stylenet.losses.options import LossOptions, layer_weights
from stylenet.losses.terms import (
    FeatureTerm,
    LaplacianTerm,
    PixelTerm,
    Style,
    StyleTerm,
    Targets,
    Term,
    VariationTerm,
)


class PerceptualLoss(nn.Module):
    """Content, style and more of stylized images (Johnson et al. 2016, eq. 5; Gatys et al. 2016, eq. 7).

    Terms are named `GROUP/LAYER` or `GROUP`; groups are content, style, tv, laplacian, secondary, combined, pixel and
    perceptual. `weights` holds a weight for each: the group's weight times the layer's share.

    The combined-image term is a survey's, which leaves open from when on it acts and on which layers. Our reading: from
    the moment that `with_snapshot` is called, at the content layers.

    Args:
        extractor: Must give every layer that the options name.
        styles: A painting, (1, 3, h, w) in [0, 1], or several; none where every photograph comes with its own.
        options: With layers named, see `LossOptions.resolved`; `scales` is left to `stylenet.losses.multiscale`.
        extra: Further terms, of images as a whole.

    Raises:
        InputError: Layers without weight, or a painting too small to have features.
    """

    weights: dict[str, float]

    def __init__(
        self,
        extractor: FeatureExtractor,
        styles: Tensor | Sequence[Style],
        options: LossOptions,
        extra: Sequence[Term] = (),
    ) -> None:
        super().__init__()
        self.options, self.extra = options, tuple(extra)
        self.styles = [Style(styles)] if isinstance(styles, Tensor) else list(styles)
        self.extractor = extractor.up_to(options.layers) if options.layers else extractor
        comparisons = feature_terms(options)
        sources = dict.fromkeys(term.source for term in comparisons)
        layers = {s: dict.fromkeys(n for term in comparisons if term.source == s for n in term.names) for s in sources}
        self.readers = nn.ModuleDict({source: extractor.up_to(list(layers[source])) for source in sources})
        with torch.no_grad():
            terms = [*comparisons, *self._other_terms(), *self.extra]
        self.terms = nn.ModuleList(terms)
        self.weights = {name: weight for term in terms for name, weight in term.weights.items()}
        if options.temporal_weight:  # the term is the training's, which has the network
            self.weights["temporal"] = options.temporal_weight

    def _other_terms(self) -> list[Term]:
        options, terms = self.options, list[Term]()
        if options.style_weight:
            shares = layer_weights(options.style_layers or [])
            maps = [self.extractor(style.image) for style in self.styles]
            terms.append(
                StyleTerm(self.styles, maps, shares, options.style_weight, options.statistic, options.normalization)
            )
        if options.tv_weight:
            terms.append(VariationTerm(self.styles, options.tv_weight, options.normalization))
        if options.laplacian_weight:
            terms.append(LaplacianTerm(options.laplacian_weight, options.normalization))
        if options.pixel_weight:
            terms.append(PixelTerm(options.pixel_weight, options.normalization))
        return terms

    @torch.no_grad()
    def targets(
        self,
        photographs: Tensor,
        masks: Tensor | None = None,
        labels: Tensor | None = None,
        styles: Mapping[str, Tensor] | None = None,
        features: Mapping[str, Tensor] | None = None,
    ) -> Targets:
        """Return what images are compared with, to be computed once for many images.

        Args:
            photographs: (B, 3, H, W) in [0, 1].
            masks: Where each of N styles belongs, (B or 1, N, H, W) in [0, 1]; everywhere by default.
            labels: Pseudo-labels, (B, 3, H, W) in [0, 1].
            styles: The `statistics` of a painting for each photograph, in place of the loss's own paintings.
            features: Stand in for the photographs' own.

        Raises:
            InputError: As many masks as styles are needed, or labels are missing.
        """
        if masks is not None and masks.shape[1] != len(self.styles):
            raise InputError(f"{masks.shape[1]} masks for {len(self.styles)} styles: give one for each")
        if labels is None and (self.options.pixel_weight or self.options.perceptual_weight):
            raise InputError("pixel_weight and perceptual_weight need pseudo-labels")
        return Targets(
            photographs,
            self._read("features", photographs) if features is None else features,
            masks,
            styles,
            labels,
            {} if labels is None else self._read("label_features", labels),
        )

    @torch.no_grad()
    def statistics(self, paintings: Tensor) -> dict[str, Tensor]:
        """Return what of each painting the terms compare with, `{term: (B, ...)}`; not for `patches`.

        Args:
            paintings: (B, 3, h, w) in [0, 1].
        """
        features = self.extractor(paintings)
        found: dict[str, Tensor] = {}
        for term in cast(Iterable[Term], self.terms):
            found |= term.statistics(paintings, features)
        return found

    def _read(self, source: str, images: Tensor) -> dict[str, Tensor]:
        """Return the features of images that terms with this source read."""
        return self.readers[source](images) if source in self.readers else {}

    @torch.no_grad()
    def with_snapshot(self, targets: Targets, images: Tensor) -> Targets:
        """Return `targets` with the features of `images`, (B, 3, H, W), as those that `combined` pulls towards."""
        return replace(targets, snapshot=self._read("snapshot", images))

    def per_item(self, images: Tensor, targets: Targets) -> dict[str, Tensor]:
        """Return the unweighted terms of each image, `{name: (B,)}`.

        Args:
            images: (B, 3, H, W) in [0, 1].
            targets: From `targets`, for as many photographs.
        """
        kinds = list(cast(Iterable[Term], self.terms))
        terms: dict[str, Tensor] = {}

        def compare(layer: str, maps: Tensor) -> None:
            for kind in kinds:
                terms.update(kind.of_layer(layer, maps, targets))

        if self.options.layers:
            self.extractor(images, compare)
        for kind in kinds:
            terms |= kind(images, targets)
        return {name: terms[name] for name in self.weights if name in terms}

    def restyled(self, styles: Sequence[Style]) -> Self:
        """Return this loss with other paintings, or the same ones at another size; the extractor is shared."""
        return type(self)(self.extractor, styles, self.options, self.extra)

    def plus(self, *extra: Term) -> Self:
        """Return this loss with further terms, for paintings that are still to come; the extractor is shared."""
        return type(self)(self.extractor, [], self.options, (*self.extra, *extra))

    def forward(
        self,
        images: Tensor,
        photographs: Tensor,
        labels: Tensor | None = None,
        styles: Mapping[str, Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """Return the unweighted terms, each a scalar averaged over the batch.

        Args:
            images: Stylized images, (B, 3, H, W) in [0, 1].
            photographs: What they were made from, of the same shape.
            labels: Pseudo-labels, of the same shape.
            styles: The `statistics` of a painting for each photograph.
        """
        terms = self.per_item(images, self.targets(photographs, labels=labels, styles=styles))
        return {name: term.mean() for name, term in terms.items()}

    def weighted(self, terms: Mapping[str, Tensor], style_scale: float = 1.0) -> dict[str, Tensor]:
        """Return each of `terms` times its weight; those of the style also times `style_scale`."""
        scales = {name: style_scale if group_of(name) == "style" else 1.0 for name in terms}
        return {name: scales[name] * self.weights[name] * term for name, term in terms.items()}

    def total(self, terms: Mapping[str, Tensor]) -> Tensor:
        """Return the sum of the weighted terms: the loss."""
        return torch.stack(list(self.weighted(terms).values())).sum(0)


def group_of(name: str) -> str:
    """Return the group that a term belongs to: `style` of `style/relu1_2`."""
    return name.partition("/")[0]


def sum_groups(weighted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the sum of the weighted terms of each group."""
    sums: dict[str, Tensor] = {}
    for name, term in weighted.items():
        group = group_of(name)
        sums[group] = sums[group] + term if group in sums else term
    return sums


def feature_terms(options: LossOptions) -> list[FeatureTerm]:
    """Return the terms that compare feature maps with feature maps."""
    content, secondary = options.content_layers or [], options.secondary_layers or []
    groups = [
        ("content", content, options.content_weight, "features"),
        ("secondary", secondary, options.secondary_weight, "features"),
        ("combined", content, options.combined_weight, "snapshot"),
        ("perceptual", content, options.perceptual_weight, "label_features"),
    ]
    return [
        FeatureTerm(group, layer_weights(layers), weight, options.normalization, source)
        for group, layers, weight, source in groups
        if weight and layers
    ]
