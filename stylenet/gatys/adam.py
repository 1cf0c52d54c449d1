"""Adam and AdamW as minimizers of a batch: PyTorch's own, which treat every element by itself."""

import math
from collections.abc import Callable, Iterator
from itertools import count

import torch
from torch import Tensor

from stylenet.gatys.lbfgs import Function, Iterate, where

KINDS: dict[str, Callable[..., torch.optim.Optimizer]] = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}

SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": lambda progress: 1.0,
    "linear": lambda progress: 1 - min(progress, 1.0),
    "cosine": lambda progress: (1 + math.cos(math.pi * min(progress, 1.0))) / 2,
}
"""Factors of the learning rate at a progress of 0 to 1; past the end they stay what they are there."""


def descent(
    function: Function,
    start: Tensor,
    *,
    kind: str = "adam",
    lr: float,
    schedule: Callable[[int], float] = lambda step: 1.0,
    bounds: tuple[float, float] | None = None,
    changed: Callable[[], bool] = lambda: False,
) -> Iterator[Iterate]:
    """Minimize `function` from `start` (Kingma and Ba 2015); endless, yields after every evaluation.

    Adam steps up as well as down; the best point of each item is what is yielded. Where a value or a gradient is not
    finite the item goes back to its best point, and Adam is told of no gradient: what is left of its momentum takes it
    on from there, by ever shorter steps.

    Args:
        function: Gives values and gradients, finite ones at `start`.
        start: Points, (B, ...); clamped to the bounds.
        kind: `adam`, or `adamw`, whose weight decay of 0.01 pulls towards 0.
        lr: Learning rate: about how far a coordinate moves in a step.
        schedule: Factor of the learning rate in the step after evaluation 1, 2, ..., told how many steps went before.
        bounds: Of every coordinate, clamped after each step; none by default.
        changed: Asked after each evaluation: tells whether it was the first one of another function, whose values do
            not compare with those before. What is best is then looked for anew; Adam goes on with its momentum.
    """
    low, high = bounds or (-math.inf, math.inf)
    x = start.detach().clamp(low, high)
    optimizer = KINDS[kind]([x], lr=lr)
    best, lowest = x.clone(), torch.full((len(x),), math.inf, device=x.device)
    for evaluations in count(1):
        values, gradients = (found.detach() for found in function(x))
        if changed():
            lowest = torch.full_like(lowest, math.inf)
        finite = values.isfinite() & gradients.flatten(1).isfinite().all(1)
        lower = finite & (values < lowest)
        best, lowest = where(lower, x, best), torch.where(lower, values, lowest)
        yield Iterate(best, lowest, evaluations)
        x.copy_(where(finite, x, best))
        x.grad = where(finite, gradients, torch.zeros_like(x))
        optimizer.param_groups[0]["lr"] = lr * schedule(evaluations - 1)
        optimizer.step()
        x.clamp_(low, high)
