"""Color preservation, against NumPy and scikit-image."""

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from skimage.color import rgb2yiq
from torch import Tensor

from stylenet.color import luminance, luminance_only, match_color


def pictures(count: int, height: int = 24, width: int = 32, seed: int = 0) -> Tensor:
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def yiq(images: Tensor) -> np.ndarray:
    """(B, H, W, 3) by scikit-image, whose matrix has rows for I and Q that add up to 0."""
    return rgb2yiq(images.permute(0, 2, 3, 1).numpy())


def statistics(image: Tensor) -> tuple[np.ndarray, np.ndarray]:
    colors = image.flatten(1).numpy()
    return colors.mean(1), np.cov(colors, bias=True)


def test_luminance_is_the_y_of_yiq():
    images = pictures(2)
    np.testing.assert_allclose(luminance(images)[:, 0].numpy(), yiq(images)[..., 0], atol=1e-7)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_chroma_is_the_photographs_and_all_lies_in_range(dtype: torch.dtype):
    photograph = pictures(2, seed=1)
    photograph[..., :4, :] = photograph[..., :4, :].round()  # pure colors: no room at all, or on one side
    image = pictures(2).to(dtype)
    mixed = luminance_only(image, photograph.to(dtype))
    assert mixed.dtype == dtype
    assert mixed.min() >= 0
    assert mixed.max() <= 1
    np.testing.assert_allclose(yiq(mixed)[..., 1:], yiq(photograph)[..., 1:], atol=1e-6)


def test_luminance_is_the_images_or_the_nearest_that_the_chroma_allows():
    image, photograph = pictures(1), pictures(1, seed=1)
    mixed, wanted, given = yiq(luminance_only(image, photograph)), yiq(image), yiq(photograph)
    shifts = np.linspace(-1, 1, 4001)  # by brute force: every shift that stays in range
    low, high = (getattr(photograph[0].numpy(), name)(0)[..., None] for name in ("min", "max"))
    allowed = np.where((low + shifts >= 0) & (high + shifts <= 1), shifts, np.inf)  # (H, W, 4001)
    distance = np.abs(given[0, ..., :1] + allowed - wanted[0, ..., :1]).min(-1)
    np.testing.assert_allclose(np.abs(mixed - wanted)[0, ..., 0], distance, atol=6e-4)
    assert (distance < 4e-4).mean() > 0.3  # most of noise is out of range, a good part is not


def test_a_gray_photograph_makes_the_image_gray():
    image = pictures(1)
    mixed = luminance_only(image, torch.full_like(image, 0.3))
    torch.testing.assert_close(mixed, luminance(image).expand(-1, 3, -1, -1))


def test_a_photograph_keeps_itself():
    photograph = pictures(1)
    torch.testing.assert_close(luminance_only(photograph, photograph), photograph)
    torch.testing.assert_close(match_color(photograph, photograph), photograph)


def correlated(seed: int, height: int, width: int) -> Tensor:
    """A picture of correlated colors near gray, so that nothing is clamped."""
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.eye(3) + torch.rand(3, 3, generator=generator, dtype=torch.float64)
    noise = torch.randn(3, height * width, generator=generator, dtype=torch.float64).clamp(-3, 3)
    return 0.5 + 0.03 * (mixing @ noise + mixing[:, :1]).view(1, 3, height, width)


def test_matched_colors_have_the_photographs_mean_and_covariance():
    painting = correlated(0, 20, 30)
    photographs = torch.cat([correlated(1, 16, 24), correlated(2, 16, 24)])
    matched = match_color(painting, photographs)
    assert matched.shape == (2, 3, 20, 30)
    assert 0 < matched.min() < matched.max() < 1
    for ours, photograph in zip(matched, photographs, strict=True):
        for got, wanted in zip(statistics(ours), statistics(photograph), strict=True):
            np.testing.assert_allclose(got, wanted, atol=1e-9)


def test_the_map_is_the_product_of_symmetric_roots():
    painting, photograph = correlated(0, 20, 30), correlated(1, 20, 30)
    (mean_s, covariance_s), (mean_c, covariance_c) = statistics(painting[0]), statistics(photograph[0])
    turn = sqrtm(covariance_c) @ np.linalg.inv(sqrtm(covariance_s))
    expected = turn @ (painting[0].flatten(1).numpy() - mean_s[:, None]) + mean_c[:, None]
    np.testing.assert_allclose(match_color(painting, photograph)[0].flatten(1).numpy(), expected, atol=1e-9)


def test_flat_pictures_give_the_photographs_mean():
    flat = torch.full((1, 3, 8, 8), 0.2)
    photograph = pictures(1).float()
    mean = photograph.mean((2, 3), keepdim=True)
    torch.testing.assert_close(match_color(flat, photograph), mean.expand(1, 3, 8, 8))
    torch.testing.assert_close(match_color(photograph, flat), flat[..., :1, :1].expand(1, 3, 24, 32))


def test_rounding_errors_of_a_gray_painting_are_not_blown_up():
    gray = pictures(1)[:, :1].expand(-1, 3, -1, -1)
    rounded = (gray + 1e-3 * (pictures(1, seed=2) - 0.5)).float()
    torch.testing.assert_close(
        match_color(rounded, pictures(1, seed=3).float()),
        match_color(gray, pictures(1, seed=3)).float(),
        atol=0.06,
        rtol=0,
    )
