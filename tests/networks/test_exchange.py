"""Colors that images exchange, against NumPy's covariances and Cholesky factors."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from stylenet.networks.exchange import color_moments, exchange_colors

AXES = np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]]) / np.sqrt([[3], [2], [6]])


def picture(seed, contrast, size=(24, 31)):
    """Colors that hang together, of some contrast about 0.5."""
    generator = torch.Generator().manual_seed(seed)
    turn = torch.randn(3, 3, generator=generator, dtype=torch.float64)
    values = torch.einsum("ij,jhw->ihw", turn, torch.rand(3, *size, generator=generator, dtype=torch.float64))
    values = values + torch.rand(1, *size, generator=generator, dtype=torch.float64)
    return (0.5 + contrast * (values - values.mean((1, 2), keepdim=True)) / values.std()).unsqueeze(0)


def exchanged(image, painting):
    return exchange_colors(image, color_moments(image)[:, 0], color_moments(painting)[:, 0])


def statistics(image):
    """Mean and covariance along the axes of colors, by NumPy."""
    colors = AXES @ image[0].flatten(1).numpy()
    return colors.mean(1), np.cov(colors, bias=True)


def test_a_painting_of_less_contrast_gives_mean_and_covariance():
    image, painting = picture(0, 0.2), picture(1, 0.1)
    assert not np.allclose(statistics(image)[1], statistics(painting)[1], rtol=0.5)
    for found, expected in zip(statistics(exchanged(image, painting)), statistics(painting), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)


def test_lightness_gains_no_contrast_and_hues_keep_their_share():
    image, painting = picture(0, 0.1), picture(1, 0.2)
    mean, covariance = statistics(exchanged(image, painting))
    wanted_mean, wanted = statistics(painting)
    np.testing.assert_allclose(mean, wanted_mean, rtol=1e-6, atol=1e-9)
    own = statistics(image)[1][0, 0]
    assert own < wanted[0, 0]
    np.testing.assert_allclose(covariance, wanted * own / wanted[0, 0], rtol=1e-6, atol=1e-9)


def test_the_map_is_that_of_cholesky_factors():
    image, painting = picture(2, 0.2), picture(3, 0.1)
    (mean, own), (new_mean, new) = statistics(image), statistics(painting)
    turn = np.linalg.cholesky(new) @ np.linalg.inv(np.linalg.cholesky(own))
    colors = AXES @ image[0].flatten(1).numpy()
    expected = AXES.T @ (turn @ (colors - mean[:, None]) + new_mean[:, None])
    np.testing.assert_allclose(exchanged(image, painting)[0].flatten(1).numpy(), expected, atol=1e-9)


def test_what_is_lighter_stays_lighter():
    image, painting = picture(4, 0.1), picture(5, 0.3)
    before, after = image.sum(1).flatten(), exchanged(image, painting).sum(1).flatten()
    assert torch.equal(before.argsort(), after.argsort())


@pytest.mark.parametrize("level", [0.0, 0.4])
def test_flat_and_gray_images_give_finite_colors_and_gradients(level):
    gray = (level * torch.rand(1, 1, 9, 9, dtype=torch.float64)).expand(1, 3, 9, 9).clone().requires_grad_()
    colored = exchanged(gray, picture(6, 0.1))
    assert colored.isfinite().all()
    assert (colored - 0.5).abs().max() < 2
    colored.square().sum().backward()
    assert gray.grad is not None
    assert gray.grad.isfinite().all()


def test_colors_are_precise_under_autocast():
    image, painting = picture(7, 0.1).float(), picture(8, 0.1).float()
    expected = exchanged(image, painting)
    with torch.autocast("cpu", torch.bfloat16):
        assert_close(exchanged(image, painting), expected, atol=1e-6, rtol=1e-6)


def test_under_a_map_colors_are_those_of_its_places():
    image = picture(7, 0.1)
    left = torch.zeros(1, 1, 24, 31, dtype=torch.float64)
    left[..., :15] = 1
    found = color_moments(image, torch.cat([left, 1 - left], 1))
    assert_close(found[:, 0], color_moments(image[..., :15])[:, 0])
    assert_close(found[:, 1], color_moments(image[..., 15:])[:, 0])
