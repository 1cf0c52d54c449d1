"""The same loss over an image pyramid."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import cast

from torch import Tensor, nn

from stylenet.features.extractor import FeatureExtractor
from stylenet.images import shrink
from stylenet.losses.options import LossOptions
from stylenet.losses.perceptual import PerceptualLoss
from stylenet.losses.terms import Style, Targets, Term


class MultiScaleLoss(PerceptualLoss):
    """The mean of the perceptual losses at 1, 1/2, 1/4, ... of the size.

    Photographs and paintings are scaled along, so a coarse level sees strokes and shapes that the receptive fields of a
    fine one are too small for. Terms of level k are named `GROUP/LAYER/k`, k being what the size is divided by. The
    source is a survey's "multi-scale loss", which leaves the levels and their weights open.

    Args:
        extractor: Must give every layer that the options name.
        styles: A painting, (1, 3, h, w) in [0, 1], or several.
        options: With layers named; `scales` is the number of levels.
        extra: Further terms, of images at full size.

    Raises:
        InputError: The painting is too small for the coarsest level.
    """

    def __init__(
        self,
        extractor: FeatureExtractor,
        styles: Tensor | Sequence[Style],
        options: LossOptions,
        extra: Sequence[Term] = (),
    ) -> None:
        nn.Module.__init__(self)
        self.extractor, self.options, self.extra = extractor, options, tuple(extra)
        self.styles = [Style(styles)] if isinstance(styles, Tensor) else list(styles)
        self.levels = nn.ModuleList(
            PerceptualLoss(extractor, [smaller(style, 2**level) for style in self.styles], options)
            for level in range(options.scales)
        )
        self.weights = {
            f"{name}/{divisor}": weight / options.scales
            for divisor, loss in self._by_divisor()
            for name, weight in loss.weights.items()
        }
        for term in self.extra:
            self.weights |= term.weights

    def _by_divisor(self) -> list[tuple[int, PerceptualLoss]]:
        """Return the loss of each level, after what the size is divided by."""
        return [(2**level, loss) for level, loss in enumerate(cast(Iterable[PerceptualLoss], self.levels))]

    def targets(
        self,
        photographs: Tensor,
        masks: Tensor | None = None,
        labels: Tensor | None = None,
        styles: Mapping[str, Tensor] | None = None,
        features: Mapping[str, Tensor] | None = None,
    ) -> Targets:
        """Return what images are compared with, a level each; `features` are those at full size."""
        levels = tuple(
            loss.targets(
                shrink(photographs, divisor),
                None if masks is None else shrink(masks, divisor),
                None if labels is None else shrink(labels, divisor),
                None if styles is None else _of_level(styles, divisor),
                features if divisor == 1 else None,
            )
            for divisor, loss in self._by_divisor()
        )
        return replace(levels[0], levels=levels)

    def statistics(self, paintings: Tensor) -> dict[str, Tensor]:
        """Return what of each painting the terms compare with, at each level."""
        return {
            f"{name}/{divisor}": value
            for divisor, loss in self._by_divisor()
            for name, value in loss.statistics(shrink(paintings, divisor)).items()
        }

    def with_snapshot(self, targets: Targets, images: Tensor) -> Targets:
        """Return `targets` with what `combined` pulls towards, at each level."""
        pairs = zip(self._by_divisor(), targets.levels, strict=True)
        levels = tuple(loss.with_snapshot(level, shrink(images, divisor)) for (divisor, loss), level in pairs)
        return replace(targets, levels=levels)

    def per_item(self, images: Tensor, targets: Targets) -> dict[str, Tensor]:
        """Return the unweighted terms of each image at each level, `{name: (B,)}`."""
        terms: dict[str, Tensor] = {}
        for (divisor, loss), level in zip(self._by_divisor(), targets.levels, strict=True):
            for name, term in loss.per_item(shrink(images, divisor), level).items():
                terms[f"{name}/{divisor}"] = term
        for extra in self.extra:
            terms |= extra(images, targets)
        return terms


def _of_level(statistics: Mapping[str, Tensor], divisor: int) -> dict[str, Tensor]:
    """Return the statistics of one level, by the names that it knows."""
    end = f"/{divisor}"
    return {name.removesuffix(end): value for name, value in statistics.items() if name.endswith(end)}


def perceptual_loss(
    extractor: FeatureExtractor, styles: Tensor | Sequence[Style], options: LossOptions
) -> PerceptualLoss:
    """Return the loss that the options describe, at one scale or at several."""
    return (PerceptualLoss if options.scales == 1 else MultiScaleLoss)(extractor, styles, options)


def smaller(style: Style, divisor: int) -> Style:
    """Return a painting and its mask at 1/divisor of the size."""
    mask = None if style.mask is None else shrink(style.mask, divisor)
    return replace(style, image=shrink(style.image, divisor), mask=mask)
