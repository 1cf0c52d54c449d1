"""The content loss against Gatys et al. 2016, eq. 1, and Johnson et al. 2016, eq. 2."""

import pytest
import torch

from stylenet.losses.content import NORMALIZATIONS, content_loss

F = torch.tensor([[[[1.0, 2.0]], [[3.0, 4.0]]]])  # (1, C = 2, H = 1, W = 2)
P = torch.tensor([[[[0.0, 2.0]], [[1.0, 0.0]]]])
SQUARES = 1 + 0 + 4 + 16


@pytest.mark.parametrize(
    ("normalization", "expected"),
    [("gatys", SQUARES / 2), ("johnson", SQUARES / (2 * 1 * 2)), ("relative", SQUARES / (0 + 4 + 1 + 0))],
)
def test_values_by_hand(normalization, expected):
    assert content_loss(F, P, normalization).item() == pytest.approx(expected)


def test_relative_is_the_default():
    assert content_loss(F, P) == content_loss(F, P, "relative")


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_the_photograph_itself_costs_nothing(normalization):
    assert content_loss(P, P, normalization) == 0


def test_relative_is_one_for_an_empty_map_and_does_not_depend_on_scale():
    assert content_loss(torch.zeros_like(P), P) == 1
    assert content_loss(1000 * F, 1000 * P).item() == pytest.approx(content_loss(F, P).item())
    assert content_loss(F.repeat(1, 1, 3, 3), P.repeat(1, 1, 3, 3)).item() == pytest.approx(content_loss(F, P).item())


def test_relative_to_a_black_photograph_is_finite():
    assert content_loss(F, torch.zeros_like(F)).isfinite()
    assert content_loss(torch.zeros_like(F), torch.zeros_like(F)) == 0


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_a_batch_is_averaged(normalization):
    features, targets = torch.cat([F, F + 1, 5 * F]), torch.cat([P, 2 * P, P])
    each = [content_loss(f[None], p[None], normalization).item() for f, p in zip(features, targets, strict=True)]
    assert content_loss(features, targets, normalization).item() == pytest.approx(sum(each) / 3)


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_gradients_agree_with_finite_differences(normalization):
    features = torch.cat([F, F + 1]).double().requires_grad_()
    targets = torch.cat([P, 2 * P]).double()
    assert torch.autograd.gradcheck(lambda x: content_loss(x, targets, normalization), features)
