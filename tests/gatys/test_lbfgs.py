"""Batched L-BFGS against closed forms, against scipy, and item by item against itself alone."""

from itertools import islice

import numpy as np
import pytest
import scipy.optimize
import torch
from torch.testing import assert_close

from stylenet.gatys.lbfgs import lbfgs

STARTS = torch.tensor([[-1.2, 1.0], [2.0, 2.0], [-3.0, -4.0], [0.0, 5.0]], dtype=torch.float64)


def rosenbrock(x):
    """Return the values, (B,), and gradients of Rosenbrock's valley; its minimum is 0 at (1, 1)."""
    a, b = x[:, 0], x[:, 1]
    values = (1 - a) ** 2 + 100 * (b - a**2) ** 2
    return values, torch.stack([-2 * (1 - a) - 400 * a * (b - a**2), 200 * (b - a**2)], dim=1)


def only_left_of(border, function):
    """Return `function` without numbers where the first coordinate exceeds `border`."""

    def half(x):
        values, gradients = function(x)
        beyond = x[:, 0] > border
        return torch.where(beyond, torch.nan, values), torch.where(beyond[:, None], torch.nan, gradients)

    return half


def quadratic(n, condition, seed=0):
    """Return an ill-conditioned quadratic of n variables, two different ones in a batch, and their minima."""
    rng = np.random.default_rng(seed)
    matrices, minima = [], rng.normal(size=(2, n))
    for _ in range(2):
        basis = np.linalg.qr(rng.normal(size=(n, n)))[0]
        matrices.append(basis * np.geomspace(1, condition, n) @ basis.T)
    a, best = torch.tensor(np.stack(matrices)), torch.tensor(minima)

    def function(x):
        gradients = (a @ (x - best)[..., None])[..., 0]
        return ((x - best) * gradients).sum(1) / 2, gradients

    return function, best


def after(evaluations, iterates):
    return next(islice(iterates, evaluations - 1, None))


def test_the_minimum_of_quadratics_is_found():
    function, best = quadratic(30, condition=100)
    assert_close(after(200, lbfgs(function, torch.zeros(2, 30, dtype=torch.float64))).x, best, rtol=1e-6, atol=1e-6)


def test_every_item_finds_the_end_of_rosenbrocks_valley():
    assert_close(after(80, lbfgs(rosenbrock, STARTS)).x, torch.ones(4, 2, dtype=torch.float64))


def test_a_batch_gives_what_its_items_give_alone():
    """Their line searches need different numbers of evaluations: none waits for another."""
    together = list(islice(lbfgs(rosenbrock, STARTS, history=3), 60))
    for item in range(4):
        alone = islice(lbfgs(rosenbrock, STARTS[item : item + 1], history=3), 60)
        for one, all_ in zip(alone, together, strict=True):
            assert torch.equal(one.x[0], all_.x[item])
            assert torch.equal(one.values[0], all_.values[item])


@pytest.mark.parametrize("start", STARTS.tolist())
def test_it_needs_hardly_more_evaluations_than_scipys(start):
    def function(x):
        values, gradients = rosenbrock(torch.tensor(x)[None])
        return values.item(), gradients[0].numpy()

    options = {"maxcor": 20, "ftol": 0, "gtol": 1e-6}
    scipys = scipy.optimize.minimize(function, start, jac=True, method="L-BFGS-B", options=options)
    start = torch.tensor([start], dtype=torch.float64)
    ours = next(i.evaluations for i in lbfgs(rosenbrock, start) if i.values <= max(scipys.fun, 1e-12))
    assert ours <= 1.25 * scipys.nfev


def test_every_evaluation_is_yielded_with_the_value_of_its_point():
    calls = []

    def counted(x):
        calls.append(x.clone())
        return rosenbrock(x)

    for iterate in islice(lbfgs(counted, STARTS), 40):
        assert iterate.evaluations == len(calls)
        assert_close(iterate.values, rosenbrock(iterate.x)[0], rtol=0, atol=0)


def test_no_value_ever_rises():
    values = torch.stack([iterate.values for iterate in islice(lbfgs(rosenbrock, STARTS), 60)])
    assert (values.diff(dim=0) <= 0).all()


def test_an_iterate_is_not_changed_by_what_follows():
    iterates = lbfgs(rosenbrock, STARTS)
    early = after(10, iterates)
    x, values = early.x.clone(), early.values.clone()
    after(10, iterates)
    assert torch.equal(early.x, x)
    assert torch.equal(early.values, values)


@pytest.mark.parametrize("border", [1.0, 1.001, 1.3])
def test_steps_into_what_is_not_a_number_are_shortened(border):
    start = torch.tensor([[-1.2, 1.0], [0.9, -3.0]], dtype=torch.float64)
    found = after(150, lbfgs(only_left_of(border, rosenbrock), start))
    assert_close(found.x, torch.ones(2, 2, dtype=torch.float64), rtol=0, atol=1e-3)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("spoiled", ["value", "gradient"])
def test_a_point_that_is_not_finite_is_never_taken(value, spoiled):
    def function(x):
        values, gradients = x.square().sum(1), 2 * x
        bad = x.abs().amax(1) < 1
        if spoiled == "value":
            return torch.where(bad, value, values), gradients
        return values, torch.where(bad[:, None], value, gradients)

    for iterate in islice(lbfgs(function, torch.tensor([[3.0, 4.0], [-2.0, 0.5]])), 40):
        assert iterate.x.abs().amax(1).min() >= 1
        assert iterate.values.isfinite().all()


def test_one_item_that_fails_does_not_stop_the_others():
    def function(x):
        values, gradients = rosenbrock(x)
        return torch.stack([values[0], values[1] * torch.nan]), torch.stack([gradients[0], gradients[1] * torch.nan])

    found = after(80, lbfgs(function, STARTS[:2]))
    assert_close(found.x[0], torch.ones(2, dtype=torch.float64))
    assert torch.equal(found.x[1], STARTS[1])


def test_curvature_that_is_not_positive_does_no_harm():
    """cos is concave near its top, where this starts."""
    start = torch.tensor([[0.1, -0.2, 0.3], [0.01, 3.0, -3.1]], dtype=torch.float64)
    found = after(60, lbfgs(lambda x: (x.cos().sum(1), -x.sin()), start))
    assert_close(found.values, torch.full((2,), -3.0, dtype=torch.float64))


def test_at_a_minimum_it_stays():
    ones = torch.ones(1, 2, dtype=torch.float64)
    assert torch.equal(after(10, lbfgs(rosenbrock, ones)).x, ones)


@pytest.mark.parametrize("unit", [1e-6, 1e6])
def test_the_unit_of_the_values_does_not_matter(unit):
    def function(x):
        values, gradients = rosenbrock(x)
        return unit * values, unit * gradients

    ours = after(30, lbfgs(function, STARTS)).x
    assert_close(ours, after(30, lbfgs(rosenbrock, STARTS)).x, rtol=1e-4, atol=1e-4)


def test_a_short_history_takes_little_memory_and_more_evaluations():
    function, _ = quadratic(30, condition=1000)
    start = torch.zeros(2, 30, dtype=torch.float64)
    short, long = (after(60, lbfgs(function, start, history=history)).values for history in (2, 30))
    assert (long < 0.1 * short).all()


def test_images_keep_their_shape_and_type():
    images = torch.rand(2, 3, 8, 10)
    found = after(20, lbfgs(lambda x: ((x - 0.5).square().sum((1, 2, 3)), 2 * (x - 0.5)), images))
    assert_close(found.x, torch.full_like(images, 0.5))
    assert not found.x.requires_grad


@pytest.mark.parametrize("condition", [100, 10_000])
def test_bounds_are_kept_and_the_minimum_within_them_is_scipys(condition):
    function, _ = quadratic(40, condition)
    iterates = list(islice(lbfgs(function, torch.zeros(2, 40, dtype=torch.float64), bounds=(-0.3, 0.4)), 150))
    assert all(iterate.x.min() >= -0.3 and iterate.x.max() <= 0.4 for iterate in iterates)
    for item in range(2):

        def of_item(x, item=item):
            values, gradients = function(torch.tensor(x).expand(2, -1))
            return values[item].item(), gradients[item].numpy()

        options = {"bounds": [(-0.3, 0.4)] * 40, "options": {"maxcor": 20, "ftol": 1e-15, "gtol": 1e-10}}
        scipys = scipy.optimize.minimize(of_item, np.zeros(40), jac=True, method="L-BFGS-B", **options)
        assert 5 < (abs(scipys.x - 0.05) > 0.349).sum() < 40  # some coordinates end at a bound, others between
        assert_close(iterates[-1].x[item], torch.tensor(scipys.x), rtol=0, atol=1e-3)
        needed = next(i.evaluations for i in iterates if i.values[item] <= scipys.fun * (1 + 1e-6))
        assert needed <= 1.25 * scipys.nfev


def test_a_start_beyond_the_bounds_is_clamped():
    first = next(lbfgs(rosenbrock, STARTS, bounds=(-1, 1)))
    assert torch.equal(first.x, STARTS.clamp(-1, 1))
    assert torch.equal(first.values, rosenbrock(STARTS.clamp(-1, 1))[0])


def test_wide_bounds_change_nothing():
    free, bounded = (after(40, lbfgs(rosenbrock, STARTS, bounds=bounds)) for bounds in (None, (-1e9, 1e9)))
    assert torch.equal(free.x, bounded.x)
