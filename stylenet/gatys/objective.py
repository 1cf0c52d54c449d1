"""What the minimizers call: loss and gradient of images, at full size and at smaller ones."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional as F

from stylenet.errors import InputError
from stylenet.images import shrink
from stylenet.losses.multiscale import smaller
from stylenet.losses.perceptual import PerceptualLoss, sum_groups
from stylenet.losses.terms import Style, Targets
from stylenet.losses.weighting import Balanced
from stylenet.precision import autocast

CELL = 16
"""Pixels that are one place of the deepest maps of VGG."""


@dataclass(frozen=True)
class Stage:
    """One size of the pyramid.

    Args:
        divisor: Photographs and paintings are at 1/divisor of their size.
        steps: Evaluations of loss and gradient at this size.
    """

    divisor: int
    steps: int


def plan(steps: int, levels: int, shortest_side: int, smallest: int) -> list[Stage]:
    """Return the stages from coarse to fine, each at half the size of the next.

    Each coarser size has half as many steps as the full one; together they cost a sixth of its work at most. Sizes that
    are too small for features are left out. Measured with L-BFGS, coarse steps pay where the full size has under about
    60, not where it has 300; they also bring strokes of a larger scale.

    Args:
        steps: Evaluations at full size.
        levels: Number of sizes, 1 being the full size alone.
        shortest_side: Of photographs and paintings, in pixels.
        smallest: Pixels that a side needs for features.

    Raises:
        InputError: Fewer than one level or step.
    """
    for name, value in (("steps", steps), ("pyramid", levels)):
        if value < 1:
            raise InputError(f"{name} is {value}: give at least 1")
    divisors = [2**level for level in reversed(range(levels))]
    coarse = [Stage(divisor, (steps + 1) // 2) for divisor in divisors[:-1] if shortest_side // divisor >= smallest]
    return [*coarse, Stage(1, steps)]


def extended(images: Tensor) -> Tensor:
    """Return images, (B, C, H, W), mirrored at the right and the bottom until both sides are multiples of `CELL`.

    The pools of VGG drop what is left over at these borders; deep layers never see it, and noise would grow there.
    """
    height, width = images.shape[-2:]
    right, bottom = -width % CELL, -height % CELL
    mode = "reflect" if right < width and bottom < height else "replicate"
    return F.pad(images, (0, right, 0, bottom), mode=mode)


@dataclass
class Objective:
    """Loss and gradient of a batch of images, each by itself; remembers the terms of the last evaluation.

    Args:
        loss: Gives the terms.
        targets: What the images are compared with.
        weighting: Gives the multiplier of each group; None: their weights are all.
        size: Height and width of what will be kept of the images; the rest, at right and bottom, is cut off.
        only: Where images may change, (B or 1, 1, H, W) in [0, 1]; everywhere by default.
        precision: See `stylenet.precision.autocast`.

    Attributes:
        changed: Whether the last evaluation was the first one of another loss: its value does not compare with those
            before it, as the weighting changed or a snapshot was taken.
        progress: How much of the optimization is over, 0 to 1; set by who minimizes, read by the weighting.
        raw: Unweighted terms of the last evaluation, `{name: (B,)}`.
        weighted: Its weighted groups, `{group: (B,)}`.
    """

    loss: PerceptualLoss
    targets: Targets
    weighting: Balanced | None
    size: tuple[int, int]
    only: Tensor | None = None
    precision: str = "32-true"
    changed: bool = False
    progress: float = 0.0
    raw: dict[str, Tensor] = field(default_factory=dict)
    weighted: dict[str, Tensor] = field(default_factory=dict)
    _snapped: bool = False

    @property
    def reweighted(self) -> bool:
        """Whether the last evaluation had other multipliers than the one before it."""
        return self.weighting is not None and self.weighting.changed

    def compose(self, free: Tensor) -> Tensor:
        """Return the images that free pixels, (B, 3, H, W), make: the photographs' own where `only` is 0."""
        return free if self.only is None else torch.lerp(self.targets.photographs, free, self.only)

    def __call__(self, free: Tensor) -> tuple[Tensor, Tensor]:
        """Return the loss of each image, (B,), and its gradient, (B, 3, H, W).

        Args:
            free: Free pixels, (B, 3, H, W).
        """
        with torch.enable_grad(), autocast(self.precision, free.device):
            free = free.detach().requires_grad_()
            images = self.compose(free)
            terms = self.loss.per_item(images, self.targets)
            weighted = sum_groups(self.loss.weighted(terms))
            if self.weighting is not None:
                multipliers = self.weighting(weighted, images, self.progress)
                weighted = {group: multipliers[group] * value for group, value in weighted.items()}
            total = torch.stack(list(weighted.values())).sum(0)  # (B,)
            (gradient,) = torch.autograd.grad(total.sum(), free)
        self.changed, self._snapped = self._snapped or self.reweighted, False
        self.raw = {name: term.detach() for name, term in terms.items()}
        self.weighted = {group: value.detach() for group, value in weighted.items()}
        return total.detach(), gradient

    def kept(self, free: Tensor) -> Tensor:
        """Return what will be kept of free pixels."""
        return free[..., : self.size[0], : self.size[1]]

    def snapshot(self, free: Tensor) -> None:
        """Pull towards the features of the images as they stand from now on."""
        self.targets = self.loss.with_snapshot(self.targets, self.compose(free))
        self._snapped = True


@dataclass(frozen=True)
class Problem:
    """What is asked for; see `stylenet.gatys.optimize.optimize` for the pictures.

    Args:
        photographs: (B, 3, H, W) in [0, 1].
        paintings: N of them.
        loss: Of any paintings.
        weighting: Gives the multiplier of each group of terms; None: their weights are all.
        only: Where images may change, (B or 1, 1, H, W) in [0, 1]; everywhere by default.
        masks: Where each painting belongs, (B or 1, N, H, W) in [0, 1]; by default wherever images may change.
        labels: Pseudo-labels, (B, 3, H, W) in [0, 1].
        precision: Of the evaluations, see `stylenet.precision.autocast`; targets are always computed in 32 bits.
    """

    photographs: Tensor
    paintings: Sequence[Style]
    loss: PerceptualLoss
    weighting: Balanced | None
    only: Tensor | None = None
    masks: Tensor | None = None
    labels: Tensor | None = None
    precision: str = "32-true"

    @property
    def shortest_side(self) -> int:
        """Pixels of the shortest side of any photograph or painting."""
        images = (self.photographs, *(painting.image for painting in self.paintings))
        return min(min(image.shape[-2:]) for image in images)

    def stages(self, steps: int, levels: int) -> list[Stage]:
        """Return the stages of `stylenet.gatys.objective.plan`, less the coarse ones that a term is not made for."""
        stages = plan(steps, levels, self.shortest_side, self.loss.extractor.smallest)
        return [stage for stage in stages if stage.divisor == 1 or self.fits(stage.divisor)]

    @torch.no_grad()
    def fits(self, divisor: int) -> bool:
        """Tell whether 1/divisor of the size is enough for every term of the loss: it is tried."""
        try:
            objective = self.objective(divisor)
            objective.loss.per_item(objective.targets.photographs, objective.targets)
        except InputError:
            return False
        return True

    def objective(self, divisor: int) -> Objective:
        """Return what is minimized at 1/divisor of the size."""
        photographs = shrink(self.photographs, divisor)
        only, masks, labels = (
            None if images is None else extended(shrink(images, divisor))
            for images in (self.only, self.masks, self.labels)
        )
        if masks is None and only is not None:
            masks = only.expand(-1, len(self.paintings), -1, -1)
        loss = self.loss.restyled([smaller(painting, divisor) for painting in self.paintings])
        targets = loss.targets(extended(photographs), masks, labels)
        height, width = photographs.shape[-2:]
        return Objective(loss, targets, self.weighting, (height, width), only, self.precision)
