"""The total variation loss, in absolute units and in the painting's."""

import numpy as np
import pytest
import torch

from stylenet.losses.smoothness import total_variation_loss

images = np.random.default_rng(0).random((3, 3, 6, 8))
VARIATIONS = (np.diff(images, axis=2) ** 2).mean((1, 2, 3)) + (np.diff(images, axis=3) ** 2).mean((1, 2, 3))


def test_a_batch_is_averaged():
    assert total_variation_loss(torch.tensor(images)).item() == pytest.approx(VARIATIONS.mean())


def test_the_unit_is_the_paintings_own_where_one_is_given():
    painting = torch.tensor(VARIATIONS[1])
    expected = VARIATIONS.mean() / VARIATIONS[1]
    assert total_variation_loss(torch.tensor(images), painting).item() == pytest.approx(expected)
    assert total_variation_loss(torch.tensor(images[1:2]), painting).item() == pytest.approx(1)


def test_a_painting_of_one_flat_colour_gives_no_infinite_loss():
    assert total_variation_loss(torch.tensor(images), torch.tensor(0.0)).isfinite()


def test_half_precision_is_summed_in_float32():
    loss = total_variation_loss(torch.tensor(images).half())
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(VARIATIONS.mean(), rel=2e-3)


def test_gradients_agree_with_finite_differences():
    inputs = torch.tensor(images, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: total_variation_loss(x, torch.tensor(0.3)), inputs)
