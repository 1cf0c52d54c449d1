"""Style losses against Gatys et al. 2016, eq. 3 to 6, Johnson et al. 2016, eq. 3 and 4, and NumPy."""

import numpy as np
import pytest
import torch

from stylenet.errors import InputError
from stylenet.losses.content import NORMALIZATIONS
from stylenet.losses.style import STATISTICS, gram_loss, moment_loss

F = torch.tensor([[[[1.0, 2.0]], [[3.0, 4.0]]]])  # FF' = [[5, 11], [11, 25]]
A = torch.tensor([[[1.0, 0.0], [0.0, 4.0]]]) / 4  # of S = [[1, 0], [0, 2]], divided by C H W = 4
SQUARES = 16 + 121 + 121 + 441  # |FF' - SS'|^2

rng = np.random.default_rng(0)
features, painting = rng.normal(size=(2, 5, 3, 4)) + 0.3, rng.normal(size=(1, 5, 3, 4))


def undivided(maps):
    """Return Gatys' Gram matrices, eq. 3."""
    return np.einsum("bihw,bjhw->bij", maps, maps)


@pytest.mark.parametrize(
    ("normalization", "expected"),
    [("gatys", SQUARES / (4 * 2**2 * 2**2)), ("johnson", SQUARES / 4**2), ("relative", SQUARES / (1 + 16))],
)
def test_values_by_hand(normalization, expected):
    assert gram_loss(F, A, normalization).item() == pytest.approx(expected)


def test_gatys_is_the_papers_sum_over_undivided_gram_matrices():
    n, m = 5, 3 * 4
    paper = ((undivided(features) - undivided(painting)) ** 2).sum((1, 2)) / (4 * n**2 * m**2)  # eq. 4
    ours = gram_loss(torch.tensor(features), torch.tensor(undivided(painting) / (n * m)), "gatys")
    np.testing.assert_allclose(ours, paper, rtol=1e-12)


def test_relative_is_the_default():
    assert gram_loss(F, A) == gram_loss(F, A, "relative")


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_an_image_as_large_as_four_paintings_costs_nothing(normalization):
    maps = torch.tensor([[[[1.0, 0.0]], [[0.0, 2.0]]]])
    assert gram_loss(maps.repeat(1, 1, 2, 2), A, normalization) == 0


def test_relative_is_one_for_an_empty_map_and_does_not_depend_on_scale():
    assert gram_loss(torch.zeros_like(F), A) == 1
    assert gram_loss(30 * F, 900 * A).item() == pytest.approx(gram_loss(F, A).item())


def test_guided_gram_matrices_are_those_of_the_places_alone():
    cut = torch.tensor(features[..., :2])
    mask = torch.tensor([1.0, 1.0, 0.0, 0.0]).expand(1, 1, 3, 4)
    target = torch.tensor(undivided(painting) / (5 * 3 * 4))
    np.testing.assert_allclose(gram_loss(torch.tensor(features), target, mask=mask), gram_loss(cut, target), rtol=1e-12)


def numpy_moments(maps):
    return np.stack([maps.mean((2, 3)), np.sqrt(maps.var((2, 3)) + 1e-5)], 1)


def test_moment_loss_is_the_mean_squared_difference_of_means_and_deviations():
    difference = numpy_moments(features) - numpy_moments(painting)
    loss = moment_loss(torch.tensor(features), torch.tensor(numpy_moments(painting)), "johnson")
    np.testing.assert_allclose(loss, (difference**2).mean((1, 2)), rtol=1e-12)
    relative = moment_loss(torch.tensor(features), torch.tensor(numpy_moments(painting)))
    np.testing.assert_allclose(relative, (difference**2).sum((1, 2)) / (numpy_moments(painting) ** 2).sum(), rtol=1e-12)


@pytest.mark.parametrize("name", STATISTICS)
@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_the_painting_itself_costs_nothing_by_every_statistic(name, normalization):
    maps, statistic = torch.tensor(painting), STATISTICS[name]
    target = statistic.target(maps)
    assert target.shape[0] == 1
    assert statistic.loss(maps, target, normalization).item() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("name", STATISTICS)
def test_relative_is_about_one_for_an_empty_image_by_every_statistic(name):
    maps, statistic = torch.tensor(rng.random((1, 5, 9, 9))), STATISTICS[name]
    empty = torch.zeros(2, 5, 7, 8, dtype=torch.float64)
    assert statistic.loss(empty, statistic.target(maps), "relative").tolist() == pytest.approx([1, 1], abs=0.2)


@pytest.mark.parametrize("name", STATISTICS)
@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_a_mask_of_ones_changes_nothing_by_any_statistic(name, normalization):
    maps, statistic = torch.tensor(features), STATISTICS[name]
    ones = torch.ones(1, 1, 3, 4)
    target = statistic.target(torch.tensor(painting), ones)
    np.testing.assert_allclose(target, statistic.target(torch.tensor(painting)), rtol=1e-12)
    expected = statistic.loss(maps, target, normalization)
    np.testing.assert_allclose(statistic.loss(maps, target, normalization, ones), expected, rtol=1e-12)


@pytest.mark.parametrize("name", STATISTICS)
def test_what_lies_outside_the_masks_does_not_count(name):
    statistic, mask = STATISTICS[name], torch.zeros(1, 1, 9, 9)
    mask[..., 2:7, 2:7] = 1
    maps, model = torch.tensor(rng.random((2, 5, 9, 9))), torch.tensor(rng.random((1, 5, 9, 9)))
    before = statistic.loss(maps, statistic.target(model, mask), "relative", mask)
    maps[..., 0], model[..., 8, :] = 100, -100  # further than a patch of the mask reaches
    after = statistic.loss(maps, statistic.target(model, mask), "relative", mask)
    np.testing.assert_allclose(after, before, rtol=1e-9)


@pytest.mark.parametrize("name", STATISTICS)
def test_an_image_without_the_region_has_a_finite_loss(name):
    maps, statistic = torch.tensor(features, requires_grad=True), STATISTICS[name]
    loss = statistic.loss(maps, statistic.target(torch.tensor(painting)), "relative", torch.zeros(1, 1, 3, 4))
    (gradient,) = torch.autograd.grad(loss.sum(), maps)
    assert loss.isfinite().all()
    assert not gradient.any()


@pytest.mark.parametrize("name", ["patches", "wasserstein"])
def test_a_region_too_small_for_the_layer_is_refused(name):
    with pytest.raises(InputError, match="fills no place of a feature map of .*: enlarge its region"):
        STATISTICS[name].target(torch.tensor(painting), torch.full((1, 1, 3, 4), 0.4))


def test_the_papers_numbers_for_the_example():
    """F and S above by Gatys et al. 2016: eq. 4 and 6, with N = M = 2."""
    maps = F.clone().requires_grad_()
    loss = gram_loss(maps, A, "gatys")
    assert loss.item() == pytest.approx(10.921875)  # 699 / 64
    loss.sum().backward()
    assert maps.grad.flatten().tolist() == pytest.approx([2.3125, 3.25, 4.625, 6.625])  # [[37, 52], [74, 106]] / 16


def test_the_gradient_is_the_papers():
    """Gatys et al. 2016, eq. 6, for positive maps: F'(G - A) / (N^2 M^2)."""
    maps = torch.tensor(np.abs(features[:1]), requires_grad=True)
    n, m = 5, 3 * 4
    gram_loss(maps, torch.tensor(undivided(painting) / (n * m)), "gatys").sum().backward()
    flat = np.abs(features[0]).reshape(n, m)
    paper = (flat.T @ (flat @ flat.T - undivided(painting)[0])).T / (n**2 * m**2)
    np.testing.assert_allclose(maps.grad[0].reshape(n, m), paper, rtol=1e-10)
