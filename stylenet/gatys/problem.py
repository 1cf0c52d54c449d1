"""What is asked of the images, at full size, from which the objective at any smaller one follows."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from stylenet.errors import InputError
from stylenet.gatys.objective import Objective
from stylenet.gatys.pyramid import Stage, extended, plan
from stylenet.images import shrink
from stylenet.losses.multiscale import smaller
from stylenet.losses.perceptual import Loss
from stylenet.losses.terms import Style
from stylenet.losses.weighting import Weighting


@dataclass(frozen=True)
class Problem:
    """What is asked for; see `stylenet.gatys.optimize.optimize` for the pictures.

    Args:
        photographs: (B, 3, H, W) in [0, 1].
        paintings: N of them.
        loss: Of any paintings.
        weighting: Gives the multiplier of each group of terms.
        only: Where images may change, (B or 1, 1, H, W) in [0, 1]; everywhere by default.
        masks: Where each painting belongs, (B or 1, N, H, W) in [0, 1]; by default wherever images may change.
        labels: Pseudo-labels, (B, 3, H, W) in [0, 1].
    """

    photographs: Tensor
    paintings: Sequence[Style]
    loss: Loss
    weighting: Weighting
    only: Tensor | None = None
    masks: Tensor | None = None
    labels: Tensor | None = None

    @property
    def shortest_side(self) -> int:
        """Pixels of the shortest side of any photograph or painting."""
        images = (self.photographs, *(painting.image for painting in self.paintings))
        return min(min(image.shape[-2:]) for image in images)

    def stages(self, steps: int, levels: int) -> list[Stage]:
        """Return the stages of `stylenet.gatys.pyramid.plan`, less the coarse ones that a term is not made for."""
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
        return Objective(loss, targets, self.weighting, (height, width), only)
