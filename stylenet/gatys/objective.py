"""What the minimizers call: loss and gradient of images."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from stylenet.losses.perceptual import Loss, sum_groups
from stylenet.losses.terms import Targets
from stylenet.losses.weighting import Weighting


@dataclass
class Objective:
    """Loss and gradient of a batch of images, each by itself; remembers the terms of the last evaluation.

    Args:
        loss: Gives the terms.
        targets: What the images are compared with.
        weighting: Gives the multiplier of each group.
        size: Height and width of what will be kept of the images; the rest, at right and bottom, is cut off.
        only: Where images may change, (B or 1, 1, H, W) in [0, 1]; everywhere by default.

    Attributes:
        changed: Whether the last evaluation was the first one of another loss: its value does not compare with those
            before it, as the weighting changed or a snapshot was taken.
        progress: How much of the optimization is over, 0 to 1; set by who minimizes, read by the weighting.
        raw: Unweighted terms of the last evaluation, `{name: (B,)}`.
        weighted: Its weighted groups, `{group: (B,)}`.
    """

    loss: Loss
    targets: Targets
    weighting: Weighting
    size: tuple[int, int]
    only: Tensor | None = None
    changed: bool = False
    progress: float = 0.0
    raw: dict[str, Tensor] = field(default_factory=dict)
    weighted: dict[str, Tensor] = field(default_factory=dict)
    _snapped: bool = False

    def compose(self, free: Tensor) -> Tensor:
        """Return the images that free pixels, (B, 3, H, W), make: the photographs' own where `only` is 0."""
        return free if self.only is None else torch.lerp(self.targets.photographs, free, self.only)

    def __call__(self, free: Tensor) -> tuple[Tensor, Tensor]:
        """Return the loss of each image, (B,), and its gradient, (B, 3, H, W).

        Args:
            free: Free pixels, (B, 3, H, W).
        """
        with torch.enable_grad():
            free = free.detach().requires_grad_()
            images = self.compose(free)
            terms = self.loss.per_item(images, self.targets)
            groups = sum_groups(self.loss.weighted(terms))
            multipliers = self.weighting(groups, images, self.progress)
            weighted = {group: multipliers[group] * value for group, value in groups.items()}
            total = torch.stack(list(weighted.values())).sum(0)  # (B,)
            (gradient,) = torch.autograd.grad(total.sum(), free)
        self.changed, self._snapped = self._snapped or self.weighting.changed, False
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
