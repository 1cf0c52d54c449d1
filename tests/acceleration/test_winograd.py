"""Winograd's convolutions against torch's, in float64."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from stylenet.acceleration import winograd
from stylenet.acceleration.accelerate import converted
from stylenet.acceleration.convolutions import NARROWEST, WinogradConv
from stylenet.acceleration.winograd import FEWEST, convolve, pays


@pytest.fixture
def wide():
    """Return maps that are large enough to pay."""
    return torch.rand(2, 5, FEWEST, 18, generator=torch.Generator().manual_seed(0))


def both(x, weight, bias, padding):
    """Return a convolution, and the gradients of x, weight and bias, by Winograd and by torch in float64."""
    results = []
    for function, kind in ((convolve, torch.float32), (F.conv2d, torch.float64)):
        given = [tensor.detach().to(kind).requires_grad_() for tensor in (x, weight, bias)]
        y = function(*given, padding=padding)
        pull = torch.linspace(-1, 1, y.numel(), dtype=kind).view(y.shape)
        results.append([y, *torch.autograd.grad(y, given, pull)])
    return zip(*results, strict=True)


@pytest.mark.parametrize("size", [(4, 4), (3, 5), (9, 14), (70, 33)])
@pytest.mark.parametrize("padding", [0, 1, 2])
@pytest.mark.parametrize("last", [True, False])
def test_values_and_gradients_are_those_of_the_convolution(size, padding, last):
    torch.manual_seed(0)
    x, weight, bias = torch.randn(2, 5, *size), torch.randn(7, 5, 3, 3), torch.randn(7)
    if last:
        x = x.contiguous(memory_format=torch.channels_last)
    for found, expected in both(x, weight, bias, padding):
        assert found.dtype == torch.float32
        assert (found - expected).abs().max() < 3e-5 * expected.abs().max().clamp_min(1)


@pytest.mark.parametrize("size", [(2, 2), (4, 4), (3, 5), (9, 14), (70, 33)])
@pytest.mark.parametrize("values", [1, winograd.VALUES])
def test_pads_by_reflection(size, values, monkeypatch):
    monkeypatch.setattr(winograd, "VALUES", values)
    torch.manual_seed(0)
    given = torch.randn(2, 5, *size), torch.randn(7, 5, 3, 3), torch.randn(7)
    results = []
    for kind in (torch.float32, torch.float64):
        x, weight, bias = (tensor.to(kind).requires_grad_() for tensor in given)
        if kind == torch.float32:
            y = convolve(x, weight, bias, 1, reflect=True)
        else:
            y = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), weight, bias)
        pull = torch.linspace(-1, 1, y.numel(), dtype=kind).view(y.shape)
        results.append([y, *torch.autograd.grad(y, (x, weight, bias), pull)])
    for found, expected in zip(*results, strict=True):
        assert (found - expected).abs().max() < 3e-5 * expected.abs().max().clamp_min(1)


def test_one_without_a_bias():
    torch.manual_seed(0)
    x, weight = torch.randn(1, 5, 8, 8), torch.randn(7, 5, 3, 3)
    assert torch.allclose(convolve(x, weight, None, 1), F.conv2d(x, weight, padding=1), atol=1e-4)


def test_rounds_little_with_many_channels():
    torch.manual_seed(0)
    convolution, x = nn.Conv2d(128, 128, 3, padding=1), torch.randn(1, 128, 20, 20)
    with torch.inference_mode():
        found = convolve(x, convolution.weight, convolution.bias, 1)
        expected = convolution.double()(x.double())
        assert (found - expected).abs().max() < 1e-4 * expected.std()


def test_an_image_gives_the_same_alone_as_among_others():
    torch.manual_seed(0)
    x, weight = torch.randn(3, 8, 33, 70), torch.randn(8, 8, 3, 3)
    alone = torch.cat([convolve(image, weight, None, 1) for image in x.split(1)])
    assert torch.equal(convolve(x, weight, None, 1), alone)


def test_it_pays_for_large_maps_in_float32_alone(wide):
    assert pays(wide)
    assert not pays(wide[..., :15])
    assert not pays(wide.double())
    assert not pays(wide.to("meta"))
    with torch.autocast("cpu", torch.bfloat16):
        assert not pays(wide)


@pytest.mark.parametrize("padding", [0, 1])
def test_a_layer_is_computed_so_where_that_pays(padding, wide, monkeypatch):
    torch.manual_seed(0)
    monkeypatch.setitem(NARROWEST, "else", 5)
    layer = converted(nn.Conv2d(5, 5, 3, padding=padding), WinogradConv)
    expected = F.conv2d(wide, layer.weight, layer.bias, padding=padding)
    found = layer(wide)
    assert torch.allclose(found, expected, atol=1e-5)
    assert not torch.equal(found, expected)
    assert torch.equal(layer(wide[:, :, :9]), F.conv2d(wide[:, :, :9], layer.weight, layer.bias, padding=padding))


def test_what_is_exported_is_the_convolution(wide):
    layer = converted(nn.Conv2d(5, 5, 3, padding=1), WinogradConv)
    graph = torch.export.export(layer, (wide,), strict=False).graph
    assert not any("winograd" in str(node.target) for node in graph.nodes)
