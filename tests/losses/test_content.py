"""The content loss against Gatys et al. 2016, eq. 1, and Johnson et al. 2016, eq. 2; the pixel loss against NumPy."""

import numpy as np
import pytest
import torch

from stylenet.losses.content import NORMALIZATIONS, content_loss, pixel_loss

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
def test_one_target_serves_a_batch(normalization):
    features = torch.cat([F, F + 1, 5 * F])
    assert torch.equal(
        content_loss(features, P, normalization), content_loss(features, P.expand(3, -1, -1, -1), normalization)
    )


def test_gatys_gradient_is_the_papers():
    """Gatys et al. 2016, eq. 2, for positive maps: F - P."""
    maps = F.clone().requires_grad_()
    content_loss(maps, P, "gatys").sum().backward()
    assert maps.grad.tolist() == [[[[1.0, 0.0]], [[2.0, 4.0]]]]


images, labels = np.random.default_rng(0).random((2, 3, 3, 6, 8))


@pytest.mark.parametrize("normalization", ["johnson", "gatys"])
def test_plain_error_is_the_mean_square_of_each_image(normalization):
    expected = ((images - labels) ** 2).mean((1, 2, 3))
    assert pixel_loss(torch.tensor(images), torch.tensor(labels), normalization).tolist() == pytest.approx(
        list(expected)
    )


def test_relative_is_in_units_of_the_labels_energy_and_the_default():
    expected = ((images - labels) ** 2).sum((1, 2, 3)) / (labels**2).sum((1, 2, 3))
    assert pixel_loss(torch.tensor(images), torch.tensor(labels)).tolist() == pytest.approx(list(expected))


def test_the_label_costs_nothing_and_black_one():
    label = torch.tensor(labels)
    assert pixel_loss(label, label).tolist() == [0, 0, 0]
    assert pixel_loss(torch.zeros_like(label), label).tolist() == [1, 1, 1]


def test_a_flat_label_gives_a_plain_number():
    flat = torch.full((1, 3, 4, 4), 0.5)
    assert pixel_loss(flat + 0.25, flat).item() == pytest.approx(0.25)
