"""Sliced Wasserstein against optimal assignments of scipy and quantiles of NumPy."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy.optimize import linear_sum_assignment

from stylenet.losses import wasserstein
from stylenet.losses.wasserstein import at_ranks, directions, quantiles, wasserstein_loss

rng = np.random.default_rng(0)
features, painting = rng.normal(size=(2, 5, 3, 4)) + 0.3, rng.normal(size=(1, 5, 4, 3))
large = rng.normal(size=(1, 5, 6, 7))
mask, large_mask = rng.random((2, 1, 3, 4)), rng.random((1, 1, 6, 7))


def ranks(count):
    return (np.arange(count) + 0.5) / count


def projections(maps):
    """Return the features of maps (C, H, W) along each direction, (C, H*W)."""
    return directions(5).double().numpy() @ maps.reshape(5, -1)


def weighted(maps, weights, models):
    """Return the mean over directions of the weighted squares at the ranks that the weights give."""
    losses = []
    for x, t in zip(projections(maps), models, strict=True):
        order = np.argsort(x)
        w = weights.ravel()[order] / weights.sum()
        at = np.interp(np.cumsum(w) - w / 2, ranks(len(t)), np.sort(t))
        losses.append((w * (x[order] - at) ** 2).sum())
    return np.mean(losses)


def test_directions_are_unit_vectors_and_always_the_same():
    vectors = directions(64)
    assert_allclose(vectors.norm(dim=1), np.ones(64), rtol=1e-6)
    assert torch.equal(vectors, directions(64))
    assert np.linalg.matrix_rank(vectors.numpy()) == 64
    assert abs((vectors @ vectors.T).fill_diagonal_(0).mean().item()) < 0.01


def test_directions_leave_the_global_generator_alone():
    state = torch.get_rng_state()
    directions(8)
    assert torch.equal(torch.get_rng_state(), state)


def test_loss_is_the_cheapest_transport_in_each_direction():
    expected = []
    for maps in features:
        costs = (np.subtract.outer(x, t) ** 2 for x, t in zip(projections(maps), projections(painting[0]), strict=True))
        expected.append(np.mean([cost[linear_sum_assignment(cost)].mean() for cost in costs]))
    target = quantiles(torch.tensor(painting))
    for name in ("johnson", "gatys"):
        assert_allclose(wasserstein_loss(torch.tensor(features), target, name), expected, rtol=1e-10)
    expected /= (projections(painting[0]) ** 2).mean()
    assert_allclose(wasserstein_loss(torch.tensor(features), target), expected, rtol=1e-10)
    assert_allclose(wasserstein_loss(torch.tensor(features).float(), target.float()), expected, rtol=1e-4)


def test_images_of_another_size_are_compared_at_their_own_ranks():
    expected = [weighted(maps, np.ones(12), projections(large[0])) for maps in features]
    target = quantiles(torch.tensor(large))
    assert_allclose(wasserstein_loss(torch.tensor(features), target, "johnson"), expected, rtol=1e-10)


@pytest.mark.parametrize("weights", [mask, mask[:1]], ids=["each", "shared"])
def test_masks_weight_the_ranks_of_the_image_and_choose_places_of_the_painting(weights):
    models = projections(large[0])[:, large_mask.ravel() > 0.5]
    shared = np.broadcast_to(weights, (2, 1, 3, 4))
    expected = [weighted(maps, w, models) for maps, w in zip(features, shared, strict=True)]
    target = quantiles(torch.tensor(large), torch.tensor(large_mask))
    loss = wasserstein_loss(torch.tensor(features), target, "johnson", torch.tensor(weights))
    assert_allclose(loss, expected, rtol=1e-10)


def test_a_hard_mask_leaves_the_image_of_its_places():
    hard = torch.tensor([1.0, 0.0, 1.0, 1.0]).expand(1, 1, 3, 4)
    target = quantiles(torch.tensor(large))
    cut = torch.tensor(features[..., [0, 2, 3]])
    assert_allclose(wasserstein_loss(torch.tensor(features), target, mask=hard), wasserstein_loss(cut, target))


def test_ranks_between_quantiles_are_interpolated_as_by_numpy():
    values, at = np.sort(rng.normal(size=(1, 3, 6))), rng.random((2, 3, 9))
    expected = [[np.interp(p, ranks(6), t) for p, t in zip(each, values[0], strict=True)] for each in at]
    assert_allclose(at_ranks(torch.tensor(values), torch.tensor(at)), expected, rtol=1e-10)


def test_of_a_large_painting_even_quantiles_are_kept(monkeypatch):
    monkeypatch.setattr(wasserstein, "MAX_QUANTILES", 10)
    expected = [np.interp(ranks(10), ranks(42), np.sort(t)) for t in projections(large[0])]
    assert_allclose(quantiles(torch.tensor(large)), [expected], rtol=1e-10)


def test_shuffled_places_cost_nothing():
    shuffled = torch.tensor(large).flatten(2)[..., rng.permutation(42)].reshape(1, 5, 7, 6)
    assert_allclose(wasserstein_loss(shuffled, quantiles(torch.tensor(large))), [0], atol=1e-20)
