"""A run of the optimization: history, callback, early stop, and a guard against losses that are not numbers."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from stylenet.gatys.adam import KINDS, descent
from stylenet.gatys.lbfgs import Iterate, lbfgs
from stylenet.gatys.objective import Objective
from stylenet.losses.perceptual import group_of

OPTIMIZERS = ("lbfgs", *KINDS)

LR = 0.02
"""Of Adam and AdamW, on pixels in [0, 1]."""

RANGE = (0.0, 1.0)
"""Of the free pixels."""

MOST_FAILURES = 10
"""Evaluations in a row without a finite loss after which a run is given up."""

PLATEAU = 1e-3
"""Relative gain below which a run that has `patience` stops."""


@dataclass(frozen=True)
class Record:
    """One evaluation of the loss; a line search may reject its point afterwards.

    Args:
        step: Counted from 1, over all sizes.
        size: Height and width of the images.
        seconds: Since the run began.
        raw: Unweighted terms of each image, `{name: (B,)}`, on the CPU.
        weighted: Weighted groups of each image, `{group: (B,)}`, on the CPU.
        total: The loss of each image, (B,), on the CPU.
    """

    step: int
    size: tuple[int, int]
    seconds: float
    raw: dict[str, Tensor]
    weighted: dict[str, Tensor]
    total: Tensor


@dataclass(frozen=True)
class Progress:
    """What a callback is told after each step.

    Args:
        record: The evaluation just made.
        steps: How many there will be at most, over all sizes.
        image: Returns the images as they stand, (B, 3, H, W) in [0, 1], at full size.
    """

    record: Record
    steps: int
    image: Callable[[], Tensor]


class Run:
    """Drives a minimizer at one size after the other; see `stylenet.gatys.optimize` for the arguments.

    Args:
        steps: Of all sizes together.
        finished: Makes images, (B, 3, H, W) in [0, 1], of free pixels of any size.
        optimizer: One of `OPTIMIZERS`.
        lr: Learning rate.
        schedule: Factor of the learning rate at a progress of 0 to 1.
        combined_after: Share of the steps before the snapshot.
        patience: Steps without gain before a size is left.
        callback: Called after each step.
    """

    def __init__(
        self,
        steps: int,
        finished: Callable[[Tensor], Tensor],
        optimizer: str,
        lr: float | None,
        schedule: Callable[[float], float],
        combined_after: float,
        patience: int | None,
        callback: Callable[[Progress], bool | None] | None,
    ) -> None:
        self.steps, self.finished, self.callback, self.patience = steps, finished, callback, patience
        self.optimizer, self.lr, self.schedule = optimizer, LR if lr is None else lr, schedule
        self.snapshot_step = math.ceil(combined_after * steps)
        self.snapped = False
        self.history: list[Record] = []
        self.over = False
        self.failures = 0  # evaluations without a finite loss since the last one that had it
        self.diverged: str | None = None
        self.began = time.perf_counter()

    def at_one_size(self, objective: Objective, start: Tensor, steps: int) -> Tensor:
        """Return what is kept of the free pixels after so many steps, or fewer where the run ends early.

        Args:
            objective: Loss and gradient at this size.
            start: Free pixels, (B, 3, H, W).
            steps: Evaluations.
        """
        good, best = start, list[Tensor]()
        self._snapshot(objective, start, again=True)
        iterates = self._minimize(objective, start, steps)
        for _ in range(steps):
            objective.progress = len(self.history) / self.steps
            iterate = next(iterates)
            self._record(objective)
            finite = bool(self.history[-1].total.isfinite().all())
            good, self.failures = (iterate.x, 0) if finite else (good, self.failures + 1)
            if self.failures == MOST_FAILURES:
                self.give_up()
            if objective.changed:
                best.clear()  # values of another loss do not compare
            best.append(iterate.values)
            self.over = bool(self.callback and self.callback(self._progress(objective.kept(good)))) or self.over
            if self.over or self._stands_still(best):
                break
            changed = self._snapshot(objective, good) or objective.reweighted
            if changed and self.optimizer == "lbfgs":
                iterates, best = self._minimize(objective, good, steps), []  # the curvature seen was another loss's
        return objective.kept(good)

    def _snapshot(self, objective: Objective, free: Tensor, again: bool = False) -> bool:
        """Take the snapshot of the combined-image term when it is due; at a new size again."""
        due = len(self.history) >= self.snapshot_step if not self.snapped else again
        if not due or not any(group_of(name) == "combined" for name in objective.loss.weights):
            return False
        self.snapped = True
        objective.snapshot(free)
        return True

    def _minimize(self, objective: Objective, start: Tensor, steps: int) -> Iterator[Iterate]:
        if self.optimizer == "lbfgs":
            return lbfgs(objective, start, bounds=RANGE)
        rate = self.schedule
        return descent(
            objective,
            start,
            kind=self.optimizer,
            lr=self.lr,
            schedule=lambda step: rate(step / steps),
            bounds=RANGE,
            changed=lambda: objective.changed,
        )

    def _record(self, objective: Objective) -> None:
        """Add the last evaluation to the history; one transfer from the device for all of its numbers."""
        values = torch.stack([*objective.raw.values(), *objective.weighted.values()]).float().cpu()
        raw, weighted = values.split([len(objective.raw), len(objective.weighted)])
        self.history.append(
            Record(
                step=len(self.history) + 1,
                size=objective.size,
                seconds=time.perf_counter() - self.began,
                raw=dict(zip(objective.raw, raw, strict=True)),
                weighted=dict(zip(objective.weighted, weighted, strict=True)),
                total=weighted.sum(0),
            )
        )

    def _progress(self, free: Tensor) -> Progress:
        return Progress(self.history[-1], self.steps, lambda: self.finished(free))

    def _stands_still(self, best: list[Tensor]) -> bool:
        """Tell whether no image's best loss at this size fell by `PLATEAU` within the last `patience` steps."""
        if self.patience is None or len(best) <= self.patience:
            return False
        before, now = best[-1 - self.patience], best[-1]
        return bool((before - now <= PLATEAU * before.abs()).all())

    def give_up(self) -> None:
        """End the run and say what to change."""
        self.over = True
        step = len(self.history) - self.failures
        if step == 0:
            self.diverged = "the loss is not a number from the first step on: give a style_weight nearer to 1"
            return
        change = "give a style_weight nearer to 1" if self.optimizer == "lbfgs" else f"give an lr below {self.lr:g}"
        self.diverged = f"the loss is not a number after step {step}, whose image is kept: {change}"
