"""The same loss over an image pyramid."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from torch import Tensor, nn

from stylenet.features.extractor import FeatureExtractor
from stylenet.images import shrink
from stylenet.losses.options import LossOptions
from stylenet.losses.perceptual import Loss, PerceptualLoss
from stylenet.losses.terms import Style, Targets


class MultiScaleLoss(Loss):
    """The mean of the perceptual losses at 1, 1/2, 1/4, ... of the size.

    Photographs and paintings are scaled along, so a coarse level sees strokes and shapes that the receptive fields of a
    fine one are too small for. Terms of level k are named `GROUP/LAYER/k`, k being what the size is divided by. The
    source is a survey's "multi-scale loss", which leaves the levels and their weights open.

    Args:
        extractor: Must give every layer that the options name.
        styles: A painting, (1, 3, h, w) in [0, 1], or several.
        options: With layers named; `scales` is the number of levels.

    Raises:
        InputError: The painting is too small for the coarsest level.
    """

    def __init__(self, extractor: FeatureExtractor, styles: Tensor | Sequence[Style], options: LossOptions) -> None:
        super().__init__()
        self.options = options
        self.styles = [Style(styles)] if isinstance(styles, Tensor) else list(styles)
        self.divisors = [2**level for level in range(options.scales)]
        self.levels = nn.ModuleList(
            PerceptualLoss(extractor, [smaller(style, divisor) for style in self.styles], options)
            for divisor in self.divisors
        )
        self.weights = {
            f"{name}/{divisor}": weight / options.scales
            for level, divisor in zip(self._losses(), self.divisors, strict=True)
            for name, weight in level.weights.items()
        }
        self.extractor = extractor

    def _losses(self) -> list[PerceptualLoss]:
        return [level for level in self.levels if isinstance(level, PerceptualLoss)]

    def targets(
        self,
        photographs: Tensor,
        masks: Tensor | None = None,
        labels: Tensor | None = None,
        styles: Mapping[str, Tensor] | None = None,
    ) -> Targets:
        """Return what images are compared with, a level each; see `Loss.targets`."""
        levels = tuple(
            loss.targets(
                shrink(photographs, divisor),
                None if masks is None else shrink(masks, divisor),
                None if labels is None else shrink(labels, divisor),
                None if styles is None else _of_level(styles, divisor),
            )
            for loss, divisor in zip(self._losses(), self.divisors, strict=True)
        )
        return replace(levels[0], levels=levels)

    def statistics(self, paintings: Tensor) -> dict[str, Tensor]:
        """Return what of each painting the terms compare with, at each level; see `Loss.statistics`."""
        return {
            f"{name}/{divisor}": value
            for loss, divisor in zip(self._losses(), self.divisors, strict=True)
            for name, value in loss.statistics(shrink(paintings, divisor)).items()
        }

    def with_snapshot(self, targets: Targets, images: Tensor) -> Targets:
        """Return `targets` with what `combined` pulls towards; see `Loss.with_snapshot`."""
        levels = tuple(
            loss.with_snapshot(level, shrink(images, divisor))
            for loss, level, divisor in zip(self._losses(), targets.levels, self.divisors, strict=True)
        )
        return replace(targets, levels=levels)

    def per_item(self, images: Tensor, targets: Targets) -> dict[str, Tensor]:
        """Return the unweighted terms of each image at each level; see `Loss.per_item`."""
        terms: dict[str, Tensor] = {}
        for loss, level, divisor in zip(self._losses(), targets.levels, self.divisors, strict=True):
            for name, term in loss.per_item(shrink(images, divisor), level).items():
                terms[f"{name}/{divisor}"] = term
        return terms

    def restyled(self, styles: Sequence[Style]) -> "MultiScaleLoss":
        """Return this loss with other paintings; see `Loss.restyled`."""
        return MultiScaleLoss(self.extractor, styles, self.options)


def _of_level(statistics: Mapping[str, Tensor], divisor: int) -> dict[str, Tensor]:
    """Return the statistics of one level, by the names that it knows."""
    end = f"/{divisor}"
    return {name.removesuffix(end): value for name, value in statistics.items() if name.endswith(end)}


def perceptual_loss(extractor: FeatureExtractor, styles: Tensor | Sequence[Style], options: LossOptions) -> Loss:
    """Return the loss that the options describe, at one scale or at several."""
    return (PerceptualLoss if options.scales == 1 else MultiScaleLoss)(extractor, styles, options)


def smaller(style: Style, divisor: int) -> Style:
    """Return a painting and its mask at 1/divisor of the size."""
    mask = None if style.mask is None else shrink(style.mask, divisor)
    return replace(style, image=shrink(style.image, divisor), mask=mask)
