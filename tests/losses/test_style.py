"""The style loss against Gatys et al. 2016, eq. 3 to 5, and Johnson et al. 2016, eq. 3 and 4."""

import numpy as np
import pytest
import torch

from stylenet.losses.content import NORMALIZATIONS
from stylenet.losses.style import gram_loss

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
    assert ours.item() == pytest.approx(paper.mean(), rel=1e-12)


def test_relative_is_the_default():
    assert gram_loss(F, A) == gram_loss(F, A, "relative")


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_an_image_as_large_as_four_paintings_costs_nothing(normalization):
    maps = torch.tensor([[[[1.0, 0.0]], [[0.0, 2.0]]]])
    assert gram_loss(maps.repeat(1, 1, 2, 2), A, normalization) == 0


def test_relative_is_one_for_an_empty_map_and_does_not_depend_on_scale():
    assert gram_loss(torch.zeros_like(F), A) == 1
    assert gram_loss(30 * F, 900 * A).item() == pytest.approx(gram_loss(F, A).item())


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_a_batch_is_averaged_over_one_painting(normalization):
    each = [gram_loss(scale * F, A, normalization).item() for scale in (1, 2, 0)]
    assert gram_loss(torch.cat([F, 2 * F, 0 * F]), A, normalization).item() == pytest.approx(sum(each) / 3)


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_gradients_agree_with_finite_differences(normalization):
    target = torch.tensor(undivided(painting) / (5 * 3 * 4))
    maps = torch.tensor(features, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: gram_loss(x, target, normalization), maps)


def test_the_gradient_is_the_papers():
    """Gatys et al. 2016, eq. 6, for positive maps: F'(G - A) / (N^2 M^2)."""
    maps = torch.tensor(np.abs(features[:1]), requires_grad=True)
    n, m = 5, 3 * 4
    gram_loss(maps, torch.tensor(undivided(painting) / (n * m)), "gatys").backward()
    flat = np.abs(features[0]).reshape(n, m)
    paper = (flat.T @ (flat @ flat.T - undivided(painting)[0])).T / (n**2 * m**2)
    np.testing.assert_allclose(maps.grad[0].reshape(n, m), paper, rtol=1e-10)
