"""Coarse to fine: steps at small sizes, where they are cheap, before those at full size."""

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

from stylenet.errors import InputError

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
