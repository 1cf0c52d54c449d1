import pytest
import torch
from torch.nn import functional as F
from torch.testing import assert_close

from stylenet.acceleration import instance_norm
from stylenet.acceleration.instance_norm import FastInstanceNorm, normalize_each


@pytest.fixture(autouse=True)
def _small_maps_too(monkeypatch):
    monkeypatch.setattr(instance_norm, "FEWEST", 1)


@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("affine", [True, False])
def test_values_and_gradients_are_torchs(affine, order):
    torch.manual_seed(0)
    ours, theirs = FastInstanceNorm(3, affine=affine), torch.nn.InstanceNorm2d(3, affine=affine).double()
    for parameter in ours.parameters():
        torch.nn.init.normal_(parameter)
    theirs.load_state_dict(ours.state_dict())
    x, pull = torch.randn(2, 3, 5, 6) + 4, torch.randn(2, 3, 5, 6)
    results = []
    for norm, kind in ((ours, torch.float32), (theirs, torch.float64)):
        given = [x.to(kind, memory_format=order).requires_grad_(), *norm.parameters()]
        y = norm(given[0])
        results.append([y, *torch.autograd.grad(y, given, pull.to(kind, memory_format=order))])
    for found, expected in zip(*results, strict=True):
        torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-5)


def test_images_of_a_batch_are_as_alone():
    torch.manual_seed(0)
    norm, x = FastInstanceNorm(3), torch.randn(2, 3, 5, 6, requires_grad=True)
    (together,) = torch.autograd.grad(norm(x).square().sum(), x)
    alone = [torch.autograd.grad(norm(image).square().sum(), image)[0] for image in x.split(1)]
    assert torch.equal(together, torch.cat(alone))


BFLOAT16 = {True: {"rtol": 2**-8, "atol": 2**-8}, False: {"rtol": 2**-6, "atol": 2**-8}}
"""A value in 16 bits is off by 2^-9 of itself; without scale and shift, torch rounds the deviation and the mean too."""


def bfloat16_maps(order):
    """Maps whose channels differ a thousandfold in size, (3, 4, 16, 12)."""
    generator = torch.Generator().manual_seed(0)
    maps = torch.randn(3, 4, 16, 12, generator=generator) + 1
    return (maps * torch.tensor([0.1, 1, 10, 100])[:, None, None]).to(torch.bfloat16, memory_format=order)


@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("affine", [True, False])
def test_bfloat16_maps_are_normalized_each_with_a_scale_and_a_shift_of_its_own(affine, order):
    x, generator = bfloat16_maps(order), torch.Generator().manual_seed(1)
    weights, biases = torch.randn(2, 3, 4, generator=generator).unbind() if affine else ([None] * 3, [None] * 3)
    found = normalize_each(x, weights, biases)
    expected = F.instance_norm(x.float())
    if affine:
        expected = expected * weights[..., None, None] + biases[..., None, None]
    assert found.dtype == torch.bfloat16
    assert found.is_contiguous(memory_format=order)
    assert_close(found.float(), expected, **BFLOAT16[affine])


@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("affine", [True, False])
def test_in_bfloat16_values_and_gradients_are_those_of_float32_but_for_rounding(affine, order):
    torch.manual_seed(0)
    ours, theirs = FastInstanceNorm(4, affine=affine), torch.nn.InstanceNorm2d(4, affine=affine)
    for parameter in ours.parameters():
        torch.nn.init.normal_(parameter)
    theirs.load_state_dict(ours.state_dict())
    pull = torch.randn(3, 4, 16, 12, generator=torch.Generator().manual_seed(2)).to(torch.bfloat16, memory_format=order)
    results = []
    for norm, kind in ((ours, torch.bfloat16), (theirs, torch.float32)):
        given = [bfloat16_maps(order).to(kind).requires_grad_(), *norm.parameters()]
        with torch.autocast("cpu", torch.bfloat16, enabled=norm is ours):
            y = norm(given[0])
        results.append([y, *torch.autograd.grad(y, given, pull.to(kind))])
    (found, *slopes), (expected, *right) = results
    assert found.dtype == torch.bfloat16
    assert_close(found.float(), expected, **BFLOAT16[affine])
    for slope, wanted in zip(slopes, right, strict=True):
        places = tuple(place for place in range(slope.dim()) if slope.shape[place] != 4)  # all but the channels
        error = torch.linalg.vector_norm(slope.float() - wanted, dim=places)
        assert (error < 0.01 * torch.linalg.vector_norm(wanted, dim=places)).all()


@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
def test_large_maps_far_from_zero_are_exact_in_place_too(order, monkeypatch):
    monkeypatch.setattr(instance_norm, "VALUES", 3 * 64 * 10)
    torch.manual_seed(0)
    norm, x = FastInstanceNorm(3, affine=True), torch.randn(2, 3, 64, 64).to(memory_format=order) + 30
    torch.nn.init.normal_(norm.weight)
    expected = torch.nn.functional.instance_norm(x.double(), weight=norm.weight.double(), bias=norm.bias.double())
    assert torch.allclose(norm(x).double(), expected, atol=1e-4)
    norm.inplace = True
    with torch.no_grad():
        assert norm(x) is x
    assert torch.allclose(x.double(), expected, atol=1e-4)
