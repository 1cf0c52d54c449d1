"""The pixel loss against NumPy."""

import numpy as np
import pytest
import torch

from stylenet.losses.reconstruction import pixel_loss

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
