"""Looks: mixtures and coverage against NumPy, and what is refused."""

import numpy as np
import pytest
import torch

from stylenet.errors import InputError
from stylenet.inference.style_options import StyleOptions

SIZE = (7, 9)


def masks(count: int, size: tuple[int, int] = SIZE) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    return tuple(torch.rand(1, 1, *size, generator=generator) for _ in range(count))


def half(size: tuple[int, int] = SIZE) -> torch.Tensor:
    """A mask that is white on the left."""
    mask = torch.zeros(1, 1, *size)
    mask[..., : size[1] // 2] = 1
    return mask


def test_shares_are_scaled_to_a_sum_of_one():
    assert StyleOptions((0, 1), shares=(3, 7)).mixture(SIZE)[0].tolist() == pytest.approx([0.3, 0.7])


def test_shares_are_equal_by_default():
    assert StyleOptions((4, 0, 2, 1)).mixture(SIZE).tolist() == [[0.25] * 4]


def test_a_share_may_be_nothing():
    assert StyleOptions((0, 1), shares=(0, 5)).mixture(SIZE).tolist() == [[0, 1]]


def test_without_masks_everything_is_stylized():
    assert StyleOptions((0, 1)).coverage(SIZE) is None


def test_one_mask_for_one_style_says_where_to_stylize():
    (mask,) = masks(1)
    for options in (StyleOptions(masks=(mask,)), StyleOptions((3,), masks=(mask,))):
        assert options.mixture(SIZE).tolist() == [[1]]
        assert torch.equal(options.coverage(SIZE), mask)


def test_one_mask_for_two_styles_is_white_for_the_first():
    (mask,) = masks(1)
    options = StyleOptions((5, 2), masks=(mask,))
    assert options.coverage(SIZE) is None
    assert torch.allclose(options.mixture(SIZE), torch.cat([mask, 1 - mask], 1))


def test_two_halves_split_exactly():
    first, second = StyleOptions((0, 1), masks=(half(),)).mixture(SIZE)[0]
    assert torch.equal(first, half()[0, 0])
    assert torch.equal(second, 1 - half()[0, 0])


@pytest.mark.parametrize(("count", "shares"), [(2, (1, 1)), (3, (1, 1, 1)), (3, (0.2, 0.5, 3))])
def test_a_mask_for_each_style_shares_each_pixel(count, shares):
    given = masks(count)
    for mask in given:
        mask[..., :2, :3] = 0  # nobody's
    given[0][..., 5:, :] = 0
    options = StyleOptions(tuple(range(count)), shares=shares, masks=given)
    stacked = np.stack([mask.numpy()[0, 0] for mask in given]).astype(float)
    expected = stacked * np.array(shares)[:, None, None]
    expected[:, :2, :3] = np.array(shares)[:, None, None]
    expected /= expected.sum(0)
    assert np.abs(options.mixture(SIZE)[0].numpy() - expected).max() < 1e-6
    assert np.abs(options.coverage(SIZE)[0, 0].numpy() - np.minimum(stacked.sum(0), 1)).max() < 1e-6


@pytest.mark.parametrize("size", [(1, 1), (3, 50), (64, 33)])
def test_masks_are_scaled_to_each_image(size):
    options = StyleOptions((0, 1, 2), masks=masks(3))
    mixture, coverage = options.mixture(size), options.coverage(size)
    assert mixture.shape == (1, 3, *size)
    assert coverage.shape == (1, 1, *size)
    assert torch.allclose(mixture.sum(1), torch.ones(1, *size))
    assert 0 <= mixture.min() <= mixture.max() <= 1
    assert 0 <= coverage.min() <= coverage.max() <= 1


def test_a_mask_scaled_down_is_soft_at_its_edge():
    coverage = StyleOptions(masks=(half((40, 80)),)).coverage((4, 9))[
        0, 0
    ]  # the edge is in the middle of the fifth column
    assert coverage.mean(0).tolist() == pytest.approx([1, 1, 1, 1, 0.5, 0, 0, 0, 0], abs=0.02)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": 1.5}, "alpha 1.5: give a number from 0 to 1"),
        ({"alpha": -0.1}, "alpha -0.1: give"),
        ({"alpha": float("nan")}, "alpha nan: give"),
        ({"stroke_scale": 0.2}, "stroke scale 0.2: give a number from 0.25 to 4"),
        ({"stroke_scale": 5.0}, "stroke scale 5: give"),
        ({"preserve_color": "corral"}, "unknown way to preserve color 'corral': did you mean 'coral'"),
        ({"shares": (1.0,)}, "1 style weights for 0 styles: give one for each style"),
        ({"styles": (0, 1), "shares": (1, 2, 3)}, "3 style weights for 2 styles: give one for each style"),
        ({"styles": (0, 1), "shares": (0, 0)}, "style weights 0, 0: give none under 0 and one over 0"),
        ({"styles": (0, 1), "shares": (1, -1)}, "style weights 1, -1: give"),
        ({"styles": (0, 1), "shares": (float("nan"), 1)}, "style weights nan, 1: give"),
        ({"styles": (0, 1), "shares": (1, float("nan"))}, "style weights 1, nan: give"),
        ({"styles": (0, 1), "shares": (1, float("inf"))}, "style weights 1, inf: give"),
        ({"masks": masks(2)}, "2 masks for 1 styles: give one"),
        ({"styles": (0, 1), "masks": masks(3)}, "3 masks for 2 styles: give one, white for the first style and black"),
        ({"styles": (0, 1, 2), "masks": masks(1)}, "1 masks for 3 styles: give one for each style"),
        ({"masks": (torch.zeros(1, 1, 4, 4),)}, "every mask is black everywhere: paint white"),
    ],
)
def test_what_does_not_fit_is_one_line(options, message):
    with pytest.raises(InputError) as caught:
        StyleOptions(**options)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
