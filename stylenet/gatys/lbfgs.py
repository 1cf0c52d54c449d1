"""Batched L-BFGS (Nocedal and Wright 2006, chapters 3 and 7): every item of the batch is a problem of its own.

Departures from the book: the line search leaves out Wolfe's curvature condition, since full steps fulfil it nearly
always and looking for a better one costs evaluations. Steps of no positive curvature are not remembered instead, which
keeps the inverse Hessian positive definite too. Bounds are kept by projection (Bertsekas 1982): coordinates at a bound
that the gradient pushes beyond it rest, and points are clamped before they are tried.
"""

import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import NamedTuple

import torch
from torch import Tensor

Function = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Takes points, (B, ...), and returns their values, (B,), and gradients, (B, ...); no item may touch another."""

DECREASE = 1e-4  # c1 of the sufficient decrease condition, eq. 3.4
CURVATURE = 1e-8  # a step s with a change of gradient y is remembered if s'y exceeds this share of |s||y|
FIRST_CHANGE = 0.05  # the largest change of a coordinate in the first step, on the scale of pixels in [0, 1]


@dataclass(frozen=True)
class Iterate:
    """Where a minimization stands after an evaluation of its function.

    Attributes:
        x: The best points so far, (B, ...).
        values: Their values, (B,).
        evaluations: How often the function has been evaluated.
    """

    x: Tensor
    values: Tensor
    evaluations: int


class Pair(NamedTuple):
    """A step and the change of the gradient along it, (B, N), with 1/s'y, (B,), or 0 for items to be left alone."""

    s: Tensor
    y: Tensor
    rho: Tensor


def lbfgs(
    function: Function, start: Tensor, *, history: int = 20, bounds: tuple[float, float] | None = None
) -> Iterator[Iterate]:
    """Minimize `function` from `start`; endless, yields after every evaluation.

    Each evaluation tries one point of every item: a full step along the quasi-Newton direction, or a shorter one where
    the last point was refused. A point is taken if its value has fallen by enough (Armijo) and its gradient is finite,
    so no value ever rises and `x` stays finite: a step into NaN or infinity is a step that was too long.

    Args:
        function: Gives values and gradients, finite ones at `start`.
        start: Points, (B, ...); clamped to the bounds.
        history: Evaluations remembered, in `2 * history` times the memory of `start`.
        bounds: Of every coordinate; none by default.
    """
    low, high = bounds or (-math.inf, math.inf)
    shape, x = start.shape, start.detach().flatten(1).clamp(low, high)  # (B, N)
    values, gradients = _evaluate(function, x, shape)
    yield Iterate(x.view(shape), values, 1)
    pairs = deque[Pair](maxlen=history)
    scales = FIRST_CHANGE / gradients.abs().amax(1).clamp_min(1e-30)  # of the initial inverse Hessian, (B,)
    directions, lengths = -scales[:, None] * gradients, torch.ones_like(values)
    for evaluations in count(2):
        trial = (x + lengths[:, None] * directions).clamp(low, high)
        steps = trial - x
        slopes = dot(steps, gradients)
        found, turned = _evaluate(function, trial, shape)
        finite = found.isfinite() & turned.isfinite().all(1)
        taken = finite & (found <= values + DECREASE * slopes.clamp_max(0.0))
        pair, fits = _pair(steps, turned - gradients, taken)
        pairs.append(pair)
        scales = torch.where(pair.rho > 0, fits, scales)
        lengths = torch.where(taken, 1.0, lengths * _shortening(slopes, found - values))
        x, values = where(taken, trial, x), torch.where(taken, found, values)
        gradients = where(taken, turned, gradients)
        resting = ((x <= low) & (gradients > 0)) | ((x >= high) & (gradients < 0))
        directions = where(taken, _direction(pairs, gradients, scales, resting), directions)
        yield Iterate(x.view(shape), values, evaluations)


def dot(a: Tensor, b: Tensor) -> Tensor:
    """Return the inner product of each item, (B,), of two (B, N)."""
    return (a * b).sum(1)


def _evaluate(function: Function, x: Tensor, shape: torch.Size) -> tuple[Tensor, Tensor]:
    """Return the values, (B,), and the gradients, (B, N), at `x`, (B, N)."""
    values, gradients = function(x.view(shape))
    return values.detach(), gradients.detach().flatten(1)


def where(items: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Return `a`, (B, ...), for the items that are true, (B,), and `b`, (B, ...), for the others."""
    return torch.where(items.view(-1, *[1] * (a.ndim - 1)), a, b)


def _pair(s: Tensor, y: Tensor, taken: Tensor) -> tuple[Pair, Tensor]:
    """Return what is remembered of a step, and s'y / y'y, (B,), the scale of the inverse Hessian that it suggests.

    Of items whose step was not taken, or has no positive curvature, zeros are remembered: they change nothing.
    """
    sy, yy = dot(s, y), dot(y, y)
    kept = taken & (sy > CURVATURE * (dot(s, s) * yy).sqrt())
    nothing = torch.zeros_like(s)
    pair = Pair(where(kept, s, nothing), where(kept, y, nothing), torch.where(kept, 1 / sy, 0.0))
    return pair, sy / yy


def _shortening(slopes: Tensor, rises: Tensor) -> Tensor:
    """Return the share of a step to try next, a tenth to a half, (B,): the minimum of a parabola (eq. 3.58).

    Args:
        slopes: First derivatives along the steps refused, at their beginning.
        rises: Of the values over these steps; if they are not finite, a tenth is returned.
    """
    return (-slopes / (2 * (rises - slopes))).nan_to_num(0.0).clamp(0.1, 0.5)


def _direction(pairs: Sequence[Pair], gradients: Tensor, scales: Tensor, resting: Tensor) -> Tensor:
    """Return the quasi-Newton direction, (B, N): minus the inverse Hessian of `pairs` times the gradient (alg. 7.4).

    Args:
        pairs: From the oldest to the newest.
        gradients: (B, N).
        scales: The initial inverse Hessian is this times the identity, (B,).
        resting: Coordinates that are not to move, (B, N).
    """
    free = gradients.masked_fill(resting, 0.0)
    q, alphas = -free, list[Tensor]()
    for pair in reversed(pairs):
        alphas.append(pair.rho * dot(pair.s, q))
        q = q - alphas[-1][:, None] * pair.y
    q = scales[:, None] * q
    for pair, alpha in zip(pairs, reversed(alphas), strict=True):
        q = q + (alpha - pair.rho * dot(pair.y, q))[:, None] * pair.s
    q = q.masked_fill(resting, 0.0)
    return where(dot(q, free) < 0, q, -scales[:, None] * free)  # rounding or bounds may have turned it uphill
