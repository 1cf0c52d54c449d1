"""Pure functions against NumPy, by finite differences, and in 16 bits."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from stylenet.functional import (
    gram,
    inside,
    moments,
    normalized_error,
    relative_error,
    resize_mask,
    squared_error,
)

rng = np.random.default_rng(0)
features = rng.normal(size=(2, 5, 3, 4)) + 0.5
other = rng.normal(size=(2, 5, 3, 4))
mask = rng.random((2, 1, 3, 4))


def tensor(array, **options):
    return torch.tensor(array, **options)


def test_gram_is_the_product_of_maps_over_all_elements():
    expected = np.einsum("bihw,bjhw->bij", features, features) / (5 * 3 * 4)
    assert_allclose(gram(tensor(features)), expected, rtol=1e-12)
    assert_allclose(gram(tensor(features).float()), expected, rtol=1e-4, atol=1e-6)


def test_gram_by_hand():
    maps = tensor([[[[1.0, 2.0]], [[3.0, 4.0]]]])  # C = 2, H W = 2
    assert_allclose(gram(maps), [[[5 / 4, 11 / 4], [11 / 4, 25 / 4]]])


def test_gram_is_symmetric_and_positive_semi_definite():
    matrices = gram(tensor(rng.normal(size=(3, 8, 2, 2))))  # of rank 4 only
    assert torch.equal(matrices, matrices.mT)
    eigenvalues = np.linalg.eigvalsh(matrices.numpy())
    assert eigenvalues.min() > -1e-12
    assert eigenvalues.max() > 0.1


@pytest.mark.parametrize(("dtype", "error"), [(torch.bfloat16, 5e-3), (torch.float16, 1e-4)])
def test_gram_is_in_float32_under_autocast(dtype, error):
    large = tensor(300 * features).to(dtype)  # whose products exceed float16's 65504
    exact = large.double().numpy()
    with torch.autocast("cpu", dtype):
        matrices = gram(large)
    assert matrices.dtype == torch.float32
    expected = np.einsum("bihw,bjhw->bij", exact, exact) / (5 * 3 * 4)
    assert_allclose(matrices, expected, rtol=error, atol=error * expected.max())


def maps_in_bfloat16(*shape):
    """What a ReLU lets through, of channels of many sizes, with the channels last."""
    values = np.maximum(np.random.default_rng(1).normal(size=shape), 0) * np.geomspace(1, 1000, shape[1])[:, None, None]
    return tensor(values).to(torch.bfloat16, memory_format=torch.channels_last)


def test_gram_of_bfloat16_maps_and_its_gradient_are_near_those_of_float32():
    maps = maps_in_bfloat16(2, 24, 32, 40).requires_grad_()
    exact = maps.detach().double().numpy()
    expected = np.einsum("bihw,bjhw->bij", exact, exact) / (24 * 32 * 40)
    matrices = gram(maps)
    assert_allclose(matrices.detach(), expected, rtol=5e-3)
    pull = rng.normal(size=matrices.shape)
    (slope,) = torch.autograd.grad(matrices, maps, tensor(pull).float())
    wanted = np.einsum("bij,bjhw->bihw", pull + pull.transpose(0, 2, 1), exact) / (24 * 32 * 40)
    assert slope.dtype == torch.bfloat16
    assert np.linalg.norm(slope.double().numpy() - wanted) < 0.01 * np.linalg.norm(wanted)


def test_gram_of_bfloat16_maps_sums_in_float32():
    ones = torch.ones(1, 2, 256, 256, dtype=torch.bfloat16)  # in 16 bits a sum of ones ends at 256
    assert_allclose(gram(ones), np.full((1, 2, 2), 0.5))


def test_gram_of_float32_maps_ignores_autocast():
    maps = tensor(features).float()
    with torch.autocast("cpu", torch.bfloat16):
        inside = gram(maps)
    assert torch.equal(inside, gram(maps))


@pytest.mark.parametrize("weights", [mask, mask[:1]], ids=["each", "shared"])
def test_a_guided_gram_is_weighted_by_the_mask(weights):
    shared = np.broadcast_to(weights, (2, 1, 3, 4))
    expected = np.einsum("bnhw,bihw,bjhw->bij", shared, features, features)
    expected /= 5 * shared.sum((1, 2, 3))[:, None, None]
    assert_allclose(gram(tensor(features), tensor(weights)), expected, rtol=1e-12)


def test_a_guided_gram_by_hand():
    maps = tensor([[[[1.0, 2.0]], [[3.0, 4.0]]]])
    assert_allclose(gram(maps, tensor([[[[1.0, 0.0]]]])), [[[1 / 2, 3 / 2], [3 / 2, 9 / 2]]])
    assert not gram(maps, torch.zeros(1, 1, 1, 2)).any()


def test_moments_are_the_biased_ones_of_each_channel():
    expected = np.stack([features.mean((2, 3)), np.sqrt(features.var((2, 3)) + 1e-5)], 1)
    assert_allclose(moments(tensor(features)), expected, rtol=1e-12)


@pytest.mark.parametrize("weights", [mask, mask[:1]], ids=["each", "shared"])
def test_masked_moments_are_numpys_weighted_averages(weights):
    shared = np.broadcast_to(weights, features.shape)
    mean = np.average(features, (2, 3), shared)
    variance = np.average((features - mean[..., None, None]) ** 2, (2, 3), shared)
    expected = np.stack([mean, np.sqrt(variance + 1e-5)], 1)
    assert_allclose(moments(tensor(features), tensor(weights)), expected, rtol=1e-12)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_statistics_of_half_precision_are_in_float32(dtype):
    maps = tensor(300 * features).to(dtype)
    exact = maps.double()
    with torch.autocast("cpu", torch.bfloat16):
        matrices, stacked = gram(maps, tensor(mask)), moments(maps, tensor(mask))
    assert matrices.dtype == stacked.dtype == torch.float32
    assert_allclose(matrices, gram(exact, tensor(mask)), rtol=1e-3, atol=1)
    assert_allclose(stacked, moments(exact, tensor(mask)), rtol=1e-3, atol=0.1)


def test_a_mask_is_resized_by_means():
    pixels = rng.random((2, 1, 12, 8))
    assert_allclose(resize_mask(tensor(pixels), (3, 2)), pixels.reshape(2, 1, 3, 4, 2, 4).mean((3, 5)), rtol=1e-12)
    ragged = resize_mask(tensor(pixels > 0.5), (5, 3))
    assert ragged.shape == (2, 1, 5, 3)
    assert ragged.min() >= 0
    assert ragged.max() <= 1


def test_the_places_inside_a_mask_are_those_over_one_half():
    columns = tensor(features[:1]).flatten(2)
    assert_allclose(inside(columns, tensor(mask[:1])), features[0][:, mask[0, 0] > 0.5][None])
    assert inside(columns, None) is columns


def test_errors_of_statistics_without_a_paper_are_means():
    expected = ((features - other[:1]) ** 2).mean((1, 2, 3))
    for name in ("johnson", "gatys"):
        assert_allclose(normalized_error(tensor(features), tensor(other[:1]), name), expected)
    expected *= other[0].size / (other[:1] ** 2).sum()
    assert_allclose(normalized_error(tensor(features), tensor(other[:1]), "relative"), expected)


def test_squared_error_is_a_sum_for_each_item():
    assert_allclose(squared_error(tensor(features), tensor(other)), ((features - other) ** 2).sum((1, 2, 3)))
    assert_allclose(squared_error(tensor(features), tensor(other[:1])), ((features - other[:1]) ** 2).sum((1, 2, 3)))


@pytest.mark.parametrize("shared", [False, True], ids=["each", "shared"])
def test_squared_error_of_bfloat16_and_its_gradient_are_near_those_of_float32(shared):
    values, target = maps_in_bfloat16(2, 24, 16, 12).requires_grad_(), maps_in_bfloat16(2, 24, 12, 16).mT
    target = (target[:1] if shared else target).requires_grad_()
    difference = values.detach().double().numpy() - target.detach().double().numpy()
    error = squared_error(values, target)
    assert error.dtype == torch.float32
    assert_allclose(error.detach(), (difference**2).sum((1, 2, 3)), rtol=5e-3)
    slope, none = torch.autograd.grad(error, (values, target), torch.tensor([1.0, 3.0]), allow_unused=True)
    wanted = 2 * difference * np.array([1, 3])[:, None, None, None]
    assert slope.dtype == torch.bfloat16
    assert np.linalg.norm(slope.double().numpy() - wanted) < 0.01 * np.linalg.norm(wanted)
    assert none is None  # the target is what it is


def test_squared_error_of_bfloat16_sums_in_float32():
    ones = torch.ones(1, 2, 256, 256, dtype=torch.bfloat16)
    assert squared_error(ones, torch.zeros_like(ones)) == pytest.approx(2 * 256**2)


def test_relative_error_is_in_units_of_the_target():
    expected = ((features - other) ** 2).sum((1, 2, 3)) / (other**2).sum((1, 2, 3))
    assert_allclose(relative_error(tensor(features), tensor(other)), expected)
    expected = ((features - other[:1]) ** 2).sum((1, 2, 3)) / (other[:1] ** 2).sum()
    assert_allclose(relative_error(tensor(features), tensor(other[:1])), expected)


def test_relative_error_of_nothing_to_nothing_is_zero():
    assert relative_error(torch.zeros(1, 2, 3), torch.zeros(1, 2, 3)) == 0


@pytest.mark.parametrize("function", [squared_error, relative_error])
def test_errors_of_half_precision_are_summed_in_float32(function):
    values, target = tensor(features + 200).half(), tensor(other + 100).half()
    exact, base = values.double().numpy(), target.double().numpy()
    expected = ((exact - base) ** 2).sum((1, 2, 3))  # about 600,000, infinite in float16
    expected /= (base**2).sum((1, 2, 3)) if function is relative_error else 1
    assert_allclose(function(values, target), expected, rtol=1e-5)


@pytest.mark.parametrize(
    "function",
    [
        gram,
        lambda x: gram(x, tensor(mask)),
        moments,
        lambda x: moments(x, tensor(mask)),
        lambda x: squared_error(x, tensor(other)),
        lambda x: relative_error(x, tensor(other)),
    ],
    ids=["gram", "guided", "moments", "masked", "squared_error", "relative_error"],
)
def test_gradients_agree_with_finite_differences(function):
    assert torch.autograd.gradcheck(function, tensor(features, requires_grad=True))
