"""How strongly each group of terms pulls, by its gradient as the optimization goes on."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from stylenet.errors import InputError, unknown

LEAST_NORM = 1e-6
"""A gradient smaller than this part of the largest is rounding, and not measured."""

TOLERANCE = 0.05
"""Multipliers that would all move by less than this part stay: L-BFGS keeps its curvature where nothing is gained."""

EVERY = 20
"""Calls from one balancing to the next; in between the multipliers are constant."""

MOMENTUM = 0.5
"""Of the exponential mean over balancings of `log(n / g)`, see `Balanced`, without bias to its start."""


@dataclass(frozen=True)
class Schedule:
    """A share that changes geometrically while the optimization goes on: `start (end / start)^p` at the progress p.

    Args:
        start: Share at the beginning, more than 0.
        end: Share at the end, more than 0.

    Raises:
        InputError: A share of 0 or less.
    """

    start: float
    end: float

    def __post_init__(self) -> None:
        for name in ("start", "end"):
            if not 0 < getattr(self, name) < math.inf:
                raise InputError(f"the {name} of a schedule is {getattr(self, name)}: give more than 0")

    def __call__(self, progress: float) -> float:
        """Return the share at a progress, clamped to 0 and 1."""
        return self.start * (self.end / self.start) ** min(max(progress, 0.0), 1.0)


def strength_shares(strength: float) -> dict[str, float]:
    """Return the shares `{"content": 1 / (1 + s), "style": s / (1 + s)}` of a style strength s.

    Raises:
        InputError: A strength of 0 or less.
    """
    if not 0 < strength < math.inf:
        raise InputError(f"style_strength is {strength}: give more than 0; 5 is a usual one")
    return {"content": 1 / (1 + strength), "style": strength / (1 + strength)}


class Balanced:
    """Gradient-balanced multipliers, after GradNorm (Chen et al. 2018); holds the state of one run.

    With g the value of a group and n the norm of its gradient by the image's pixels, the multipliers m are such that

        m n  is in proportion to  share * g,    and the sum of m n is the sum of n

    over all groups that have a share, for each image by itself; other groups keep 1. Shares of the norms alone know no
    rest: where the image stands still, the gradients of content and style cancel, their norms are equal whatever the
    multipliers, and any share but a half drives one of them out the longer the run is. The factor g is less pull for
    what has been fulfilled: the image rests where the content loss is `style_strength` times the style loss (share
    times value is equal for both), whatever the photograph, size or backbone. Use it with the `relative` normalization,
    in whose units values compare, and weights of 1: weights multiply the shares. Results are about as even from pair to
    pair as with fixed `relative` weights, no more: what is gained is what the number means.

    Where we depart from GradNorm: its factor is `g^alpha`, alpha is 1 here; the multipliers are solved for, not learnt;
    the gradient is that of the pixels, not of a shared layer; a group's value stands for its ratio to the first one, as
    the content loss starts at 0; the sum of the norms is kept, not that of the weights, so that steps and learning
    rates stay those of fixed weights. A survey that reports "dynamic loss weights" leaves the rule open; this is our
    reading.

    A group without gradient cannot be measured: the content at the photograph itself, the variation of a flat image.
    Until it has one, it is taken to be like the average of the others, so that the shares stand in for weights.

    Cost: at every `EVERY`-th call one more backward pass for each group that has a share, else none. L-BFGS begins anew
    where `changed` is true: so `EVERY` is not small.

    Args:
        shares: Share of each group, in any unit, or a `Schedule` of it; see `strength_shares`.

    Raises:
        InputError: No shares, or a share of 0 or less.

    Attributes:
        changed: Whether the last call gave an image other multipliers than the call before it: another objective, whose
            values do not compare with those before, and of which L-BFGS knows no curvature yet.
    """

    def __init__(self, shares: Mapping[str, float | Schedule]) -> None:
        if not shares:
            raise InputError("there are no shares to balance: give style_strength, or a share of each group")
        for group, share in shares.items():
            if not isinstance(share, Schedule) and not 0 < share < math.inf:
                raise InputError(f"the share of {group} is {share}: give more than 0, or the group a weight of 0")
        self.shares, self.changed, self._calls = dict(shares), False, 0

    def __call__(self, groups: Mapping[str, Tensor], images: Tensor, progress: float) -> dict[str, Tensor]:
        """Return the multipliers of each image, `{group: (B,)}`, detached; times the groups they add up to the loss.

        Args:
            groups: Weighted sum of each group's terms, (B,) each, whose graph holds `images`.
            images: (B, 3, H, W).
            progress: How much of the optimization is over, 0 to 1.

        Raises:
            InputError: A group that has a share is not there.
        """
        self.changed = False
        if self._calls % EVERY == 0:
            for group in self.shares:
                if group not in groups:
                    raise unknown("group of terms", group, groups)
            norms = torch.stack([_gradient_norm(groups[group], images) for group in self.shares])  # (G, B)
            values = torch.stack([groups[group].detach() for group in self.shares])  # (G, B)
            self._balance(norms, values, progress)
        self._calls += 1
        ours = dict(zip(self.shares, self._multipliers, strict=True))
        return {group: ours.get(group, torch.ones_like(value)) for group, value in groups.items()}

    @torch.no_grad()
    def _balance(self, norms: Tensor, values: Tensor, progress: float) -> None:
        """Set the multipliers, (G, B), from norms and values of the groups, (G, B)."""
        if self._calls == 0:
            self._multipliers, self._counts = torch.ones_like(norms), torch.zeros_like(norms)
            self._logs = torch.zeros_like(norms)  # the mean of log(n / g)
        seen = norms > LEAST_NORM * norms.amax(0)
        self._counts += seen
        rate = (1 - MOMENTUM) / (1 - MOMENTUM ** self._counts.clamp_min(1))  # 1 for the first
        found = norms.log() - values.log()
        self._logs = torch.where(seen, self._logs + rate * (found - self._logs), self._logs)

        known = self._counts > 0
        mean = (self._logs * known).sum(0) / known.sum(0).clamp_min(1)
        shares = [share(progress) if isinstance(share, Schedule) else share for share in self.shares.values()]
        pulls = norms.new_tensor(shares).log()[:, None] - torch.where(known, self._logs, mean)
        ratios = pulls.softmax(0)  # multipliers up to a factor for each image
        wanted = ratios * norms.sum(0) / (ratios * norms).sum(0)
        moved = ((wanted / self._multipliers).log().abs() > TOLERANCE).any(0) & wanted.isfinite().all(0)  # (B,)
        self._multipliers = torch.where(moved, wanted, self._multipliers)
        self.changed = self._calls > 0 and bool(moved.any())


def _gradient_norm(group: Tensor, images: Tensor) -> Tensor:
    """Return the norm of each image's gradient, (B,), of a group, (B,); 0 where the group does not depend on it."""
    gradient = None
    if group.requires_grad:
        (gradient,) = torch.autograd.grad(group.sum(), images, retain_graph=True, allow_unused=True)
    return torch.zeros_like(group) if gradient is None else gradient.flatten(1).to(group.dtype).norm(dim=1)
