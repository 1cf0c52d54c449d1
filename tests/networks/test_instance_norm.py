import pytest
import torch

from stylenet.networks import instance_norm
from stylenet.networks.instance_norm import InstanceNorm


@pytest.fixture(autouse=True)
def _small_maps_too(monkeypatch):
    monkeypatch.setattr(instance_norm, "FEWEST", 1)


@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("affine", [True, False])
def test_values_and_gradients_are_torchs(affine, order):
    torch.manual_seed(0)
    ours, theirs = InstanceNorm(3, affine=affine), torch.nn.InstanceNorm2d(3, affine=affine).double()
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
    norm, x = InstanceNorm(3), torch.randn(2, 3, 5, 6, requires_grad=True)
    (together,) = torch.autograd.grad(norm(x).square().sum(), x)
    alone = [torch.autograd.grad(norm(image).square().sum(), image)[0] for image in x.split(1)]
    assert torch.equal(together, torch.cat(alone))


def test_keeps_the_kind_of_half_precision():
    assert InstanceNorm(3)(torch.randn(2, 3, 5, 6, dtype=torch.bfloat16)).dtype == torch.bfloat16


@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
def test_large_maps_far_from_zero_are_exact_in_place_too(order, monkeypatch):
    monkeypatch.setattr(instance_norm, "VALUES", 3 * 64 * 10)
    torch.manual_seed(0)
    norm, x = InstanceNorm(3, affine=True), torch.randn(2, 3, 64, 64).to(memory_format=order) + 30
    torch.nn.init.normal_(norm.weight)
    expected = torch.nn.functional.instance_norm(x.double(), weight=norm.weight.double(), bias=norm.bias.double())
    assert torch.allclose(norm(x).double(), expected, atol=1e-4)
    norm.inplace = True
    with torch.no_grad():
        assert norm(x) is x
    assert torch.allclose(x.double(), expected, atol=1e-4)
