"""The total variation loss in absolute units and in the painting's, and the Laplacian loss against scipy."""

import numpy as np
import pytest
import torch
from scipy.ndimage import laplace as scipy_laplace
from torchmetrics.functional.image import total_variation as torchmetrics_total_variation

from stylenet.errors import InputError
from stylenet.losses.content import NORMALIZATIONS
from stylenet.losses.smoothness import laplacian_loss, total_variation, total_variation_loss

images = np.random.default_rng(0).random((3, 3, 6, 8))
VARIATIONS = (np.diff(images, axis=2) ** 2).mean((1, 2, 3)) + (np.diff(images, axis=3) ** 2).mean((1, 2, 3))


def test_each_image_has_its_own_total_variation():
    assert total_variation_loss(torch.tensor(images)).tolist() == pytest.approx(list(VARIATIONS))


def test_total_variation_of_black_and_white_images_agrees_with_torchmetrics():
    """Where steps are 0 or 1 their squares are their sizes; torchmetrics adds up what we average."""
    binary = torch.tensor(np.random.default_rng(0).integers(0, 2, (3, 3, 6, 6))).float()
    expected = torchmetrics_total_variation(binary, reduction="none")
    assert (total_variation(binary) * (3 * 5 * 6)).tolist() == pytest.approx(expected.tolist())


def test_total_variation_spans_zero_to_two_at_every_size():
    checkerboard = (torch.arange(6)[:, None] + torch.arange(6)).remainder(2).float().expand(1, 3, 6, 6)
    assert total_variation(checkerboard) == 2
    assert total_variation(torch.full((1, 3, 6, 6), 0.7)) == 0
    ramp = torch.arange(64.0).expand(1, 3, 64, 64) / 64
    assert total_variation(ramp).item() == pytest.approx(total_variation(ramp[..., :16, :16]).item())


def test_the_unit_is_the_paintings_own_where_one_is_given():
    painting = torch.tensor(VARIATIONS[1])
    expected = VARIATIONS / VARIATIONS[1]
    assert total_variation_loss(torch.tensor(images), painting).tolist() == pytest.approx(list(expected))


def test_a_painting_of_one_flat_color_gives_no_infinite_loss():
    assert total_variation_loss(torch.tensor(images), torch.tensor(0.0)).isfinite().all()


def numpy_laplacian(pictures, pool):
    b, c, h, w = pictures.shape
    h, w = h // pool, w // pool
    pooled = pictures[..., : h * pool, : w * pool].reshape(b, c, h, pool, w, pool).mean((3, 5))
    return np.stack([[scipy_laplace(plane)[1:-1, 1:-1] for plane in planes] for planes in pooled])


large, photographs = np.random.default_rng(1).random((2, 2, 3, 15, 21))


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_laplacian_loss_agrees_with_scipy(normalization):
    expected = []
    for pool in (2, 5):
        ours, theirs = numpy_laplacian(large, pool), numpy_laplacian(photographs, pool)
        divisor = (theirs**2).sum((1, 2, 3)) if normalization == "relative" else ours[0].size
        expected.append(((ours - theirs) ** 2).sum((1, 2, 3)) / divisor)
    loss = laplacian_loss(torch.tensor(large), torch.tensor(photographs), (2, 5), normalization)
    assert loss.tolist() == pytest.approx(list(np.mean(expected, 0)))


def test_the_photograph_has_its_own_edges_and_a_flat_image_none():
    pictures = torch.tensor(photographs)
    assert laplacian_loss(pictures, pictures, (2,)).tolist() == [0, 0]
    assert laplacian_loss(torch.full_like(pictures, 0.3), pictures, (2, 4)).tolist() == pytest.approx([1, 1])
    assert laplacian_loss(pictures + 0.1, pictures, (2, 4)).tolist() == pytest.approx([0, 0], abs=1e-20)


def test_a_flat_photograph_gives_no_infinite_loss():
    assert laplacian_loss(torch.tensor(large), torch.full((2, 3, 15, 21), 0.5), (4,)).isfinite().all()


def test_images_too_small_for_a_pool_are_refused():
    with pytest.raises(InputError, match="21x15 pixels is too small for laplacian_weight: give sides of 48"):
        laplacian_loss(torch.tensor(large), torch.tensor(photographs))
