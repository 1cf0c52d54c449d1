"""Adam as a minimizer, against the formulas of the paper and PyTorch's own loop."""

from itertools import islice

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from stylenet.gatys.adam import KINDS, SCHEDULES, descent

CENTERS = torch.tensor([[1.0, -2.0, 0.5], [0.0, 3.0, 0.1]], dtype=torch.float64)
START = torch.tensor([[4.0, 0.0, -1.0], [2.0, 2.0, 2.0]], dtype=torch.float64)


def bowls(x):
    """Return values and gradients of a bowl of the fourth degree for each item."""
    return (x - CENTERS[: len(x)]).pow(4).sum(1), 4 * (x - CENTERS[: len(x)]).pow(3)


def points(evaluations, **options):
    """Return the points at which the function was evaluated, and what was yielded."""
    seen = []

    def function(x):
        seen.append(x.clone())
        return bowls(x)

    iterates = list(islice(descent(function, START, **options), evaluations))
    return seen, iterates


def test_adam_is_the_papers():
    """Kingma and Ba 2015, algorithm 1."""
    x, m, v = START.numpy().copy(), 0, 0
    seen, _ = points(20, lr=0.1)
    for t in range(1, 20):
        gradient = 4 * (x - CENTERS.numpy()) ** 3
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
        x = x - 0.1 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        assert_allclose(seen[t], x, rtol=1e-9)


@pytest.mark.parametrize("kind", ["adam", "adamw"])
def test_both_kinds_are_pytorchs(kind):
    x = START.clone().requires_grad_()
    optimizer = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[kind]([x], lr=0.1)
    seen, _ = points(20, lr=0.1, kind=kind)
    for point in seen:
        assert torch.equal(point, x)
        optimizer.zero_grad()
        (x - CENTERS).pow(4).sum().backward()
        optimizer.step()


def test_the_schedule_is_obeyed():
    """The first steps of Adam under a constant gradient are as long as the learning rate."""
    factors = [1.0, 0.5, 0.25, 0.0, 0.0]
    seen = []

    def slope(x):
        seen.append(x.item())
        return x.sum(1), torch.ones_like(x)

    list(islice(descent(slope, torch.zeros(1, 1), lr=0.1, schedule=lambda step: factors[step]), 5))
    assert_allclose(np.diff(seen), [-0.1, -0.05, -0.025, 0.0], rtol=1e-5, atol=1e-7)


def test_schedules_go_from_one_to_zero_and_stay():
    at = (0.0, 0.25, 0.5, 1.0, 1.5)
    assert [SCHEDULES["constant"](p) for p in at] == [1, 1, 1, 1, 1]
    assert_allclose([SCHEDULES["linear"](p) for p in at], [1, 0.75, 0.5, 0, 0])
    assert_allclose([SCHEDULES["cosine"](p) for p in at], [1, (1 + 0.5**0.5) / 2, 0.5, 0, 0], atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_gives_what_its_items_give_alone(kind):
    together, _ = points(30, lr=0.2, kind=kind)
    alone = []

    def function(x):
        alone.append(x.clone())
        return bowls(x)

    list(islice(descent(function, START[:1], lr=0.2, kind=kind), 30))
    assert all(torch.equal(one[0], both[0]) for one, both in zip(alone, together, strict=True))


def test_the_best_point_seen_is_yielded_after_every_evaluation():
    seen, iterates = points(60, lr=1.5)  # so large a step overshoots
    values = torch.stack([bowls(x)[0] for x in seen])  # (60, 2)
    assert (values.diff(dim=0) > 0).any()
    for count, iterate in enumerate(iterates, start=1):
        lowest, index = values[:count].min(0)
        assert iterate.evaluations == count
        assert torch.equal(iterate.values, lowest)
        assert all(torch.equal(iterate.x[item], seen[index[item]][item]) for item in range(2))


@pytest.mark.parametrize("spoiled", ["value", "gradient"])
def test_what_is_not_a_number_is_left_again(spoiled):
    def function(x):
        values, gradients = bowls(x)
        bad = x[:, 0] < 1.5
        if spoiled == "value":
            return torch.where(bad, torch.nan, values), gradients
        return values, torch.where(bad[:, None], torch.nan, gradients)

    *_, last = islice(descent(function, START, lr=0.05), 200)
    assert last.x[:, 0].min() >= 1.5
    assert (last.values < 0.5 * bowls(START)[0]).all()
    assert torch.equal(last.values, bowls(last.x)[0])


def test_the_start_is_left_as_it_was():
    start = START.clone()
    list(islice(descent(bowls, start, lr=0.1), 5))
    assert torch.equal(start, START)


def test_bounds_are_kept():
    seen, iterates = points(300, lr=0.1, bounds=(0.0, 2.5))
    assert all(x.min() >= 0 and x.max() <= 2.5 for x in seen)
    assert_allclose(iterates[-1].x, CENTERS.clamp(0.0, 2.5), atol=0.2)
    assert torch.equal(seen[0], START.clamp(0.0, 2.5))


def test_what_is_best_starts_anew_where_the_function_changes_and_momentum_goes_on():
    """From the fifth evaluation on the function lies 1000 higher; its gradients, and so Adam's way, are the same."""
    plain, _ = points(8, lr=0.1)
    seen = []

    def function(x):
        seen.append(x.clone())
        values, gradients = bowls(x)
        return values + 1000 * (len(seen) >= 5), gradients

    iterates = list(islice(descent(function, START, lr=0.1, changed=lambda: len(seen) == 5), 8))
    assert all(torch.equal(one, other) for one, other in zip(seen, plain, strict=True))
    for count in range(5, 9):
        lowest, index = torch.stack([bowls(x)[0] for x in seen[4:count]]).min(0)
        assert torch.equal(iterates[count - 1].values, lowest + 1000)
        assert all(torch.equal(iterates[count - 1].x[item], seen[4 + index[item]][item]) for item in range(2))
