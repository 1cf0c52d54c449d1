"""Convolutions for a CPU: equal to torch's, at once and in strips of rows, and in less memory."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from stylenet.acceleration import convolutions
from stylenet.acceleration.accelerate import converted
from stylenet.acceleration.convolutions import NARROWEST, RowConv, StripConv, TransposedConv, WinogradConv, pad
from stylenet.networks.layers import Conv, ConvBlock, UpsampledConv


def rows(channels, out_channels, kernel):
    return converted(Conv(channels, out_channels, kernel), RowConv)


def transposed(channels, out_channels):
    return converted(UpsampledConv(channels, out_channels), TransposedConv)


def strips(channels, out_channels, kernel, stride=1):
    return converted(Conv(channels, out_channels, kernel, stride), StripConv)


def reflected(x, convolution):
    """Pad by reflection and convolve."""
    padded = F.pad(x, (convolution.kernel_size[0] // 2,) * 4, mode="reflect")
    return F.conv2d(padded, convolution.weight, convolution.bias)


def upsampled(x, convolution):
    """Upsample, pad by reflection, convolve: as it reads in the literature."""
    return reflected(x.repeat_interleave(2, -1).repeat_interleave(2, -2), convolution)


def assert_same_with_gradients(convolution, plain, x, pull):
    sought = (x, convolution.weight, convolution.bias)
    ours, expected = convolution(x), plain(x, convolution)
    assert torch.allclose(ours, expected, atol=1e-12)
    gradients = [torch.autograd.grad((pull * y).sum(), sought) for y in (ours, expected)]
    assert all(torch.allclose(mine, theirs, atol=1e-12) for mine, theirs in zip(*gradients, strict=True))


@pytest.mark.parametrize(("kernel", "size"), [(9, (5, 5)), (9, (7, 12)), (3, (2, 6)), (1, (3, 2))])
def test_a_convolution_by_rows_is_the_convolution(kernel, size):
    torch.manual_seed(0)
    x = torch.randn(2, 4, *size, dtype=torch.float64, requires_grad=True)
    assert_same_with_gradients(rows(4, 3, kernel).double(), reflected, x, torch.randn(2, 3, *size, dtype=torch.float64))
    convolution, x = rows(32, 3, 9), torch.randn(1, 32, 11, 14)
    assert (convolution(x) - reflected(x, convolution)).abs().max() < 1e-5


def test_rows_are_added_in_float32_under_autocast():
    with torch.autocast("cpu", torch.bfloat16):
        assert rows(4, 3, 9)(torch.rand(1, 4, 8, 8)).dtype == torch.float32


@pytest.mark.parametrize("size", [(1, 1), (1, 4), (5, 3), (8, 8)])
def test_a_transposed_convolution_is_upsampling_and_convolution(size):
    torch.manual_seed(0)
    x = torch.randn(2, 3, *size, dtype=torch.float64, requires_grad=True)
    pull = torch.randn(2, 2, 2 * size[0], 2 * size[1], dtype=torch.float64)
    assert_same_with_gradients(transposed(3, 2).double(), upsampled, x, pull)
    convolution, x = transposed(64, 32), torch.randn(1, 64, 9, 12)
    assert (convolution(x) - upsampled(x, convolution)).abs().max() < 1e-5


@pytest.fixture
def counted(monkeypatch):
    """Strips of few rows; notes the heights of what convolutions are given."""
    monkeypatch.setattr(convolutions, "FEWEST", 3)
    monkeypatch.setattr(convolutions, "VALUES", 1)
    heights = []

    def count(module):
        convolve = module.at_once
        module.at_once = lambda x: (heights.append(x.shape[-2]), convolve(x))[1]
        return module

    return count, heights


@pytest.mark.parametrize("height", [3, 11, 12, 40, 57, 64])
@pytest.mark.parametrize(
    "layer", [strips(4, 6, 3), strips(4, 6, 9), strips(4, 6, 3, stride=2), transposed(4, 6), rows(4, 3, 9)]
)
def test_equals_the_convolution_at_once(counted, layer, height):
    count, heights = counted
    halo = -(-(layer.kernel_size[0] // 2) // layer.stride[0]) * layer.stride[0]
    x = torch.rand(2, 4, max(height, halo + 1), 13)
    with torch.inference_mode():
        expected = layer.at_once(x)
        found = count(layer)(x)
    assert found.shape == expected.shape
    assert torch.allclose(found, expected, atol=1e-6)
    assert x.shape[-2] < 4 * halo or max(heights) < x.shape[-2]


@pytest.mark.parametrize("padding", [{"padding": 1}, {"padding": 1, "padding_mode": "reflect"}, {}])
@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
def test_equals_the_convolutions_of_other_networks(counted, padding, order):
    layer, x = nn.Conv2d(4, 6, 3, **padding), torch.rand(2, 4, 30, 13).to(memory_format=order)
    with torch.inference_mode():
        expected = layer(x)
        found = converted(layer, StripConv)(x)
    assert torch.allclose(found, expected, atol=1e-6)
    assert found.stride() == expected.stride()


def test_training_is_done_at_once(counted):
    count, heights = counted
    count(strips(4, 6, 3))(torch.rand(1, 4, 40, 8)).sum().backward()
    assert heights == [40]


def test_relu_in_place_leaves_the_gradients():
    block, x = ConvBlock(3, 4, 3).double(), torch.rand(1, 3, 8, 8, dtype=torch.float64, requires_grad=True)
    sought = [x, *block.parameters()]
    block[2].inplace = False
    expected = torch.autograd.grad(block(x).square().sum(), sought)
    block[2].inplace = True
    found = torch.autograd.grad(block(x).square().sum(), sought)
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(found, expected, strict=True))


def test_a_wide_convolution_and_its_gradients_are_torchs():
    torch.manual_seed(0)
    conv = converted(Conv(NARROWEST["else"], NARROWEST["else"], 3), WinogradConv)
    x, pull = torch.randn(2, 128, 33, 34), torch.randn(2, 128, 33, 34)
    results = []
    for kind in (torch.float32, torch.float64):
        given = [tensor.detach().to(kind).requires_grad_() for tensor in (x, conv.weight, conv.bias)]
        if kind == torch.float32:
            given[1:] = conv.weight, conv.bias
            y = conv(given[0])
        else:
            y = F.conv2d(F.pad(given[0], (1, 1, 1, 1), mode="reflect"), *given[1:])
        results.append([y, *torch.autograd.grad(y, given, pull.to(kind))])
    for found, expected in zip(*results, strict=True):
        torch.testing.assert_close(found.double(), expected, rtol=1e-4, atol=2e-3)


@pytest.mark.parametrize(("mode", "numpys"), [("reflect", "reflect"), ("replicate", "edge")])
@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float32])
def test_padding_keeps_the_kind_of_the_maps_under_autocast(mode, numpys, kind):
    x = torch.randn(1, 2, 5, 6).to(kind)
    with torch.autocast("cpu", torch.bfloat16):
        padded = pad(x, 2, mode)
    assert padded.dtype == kind
    expected = np.pad(x.float().numpy(), ((0, 0), (0, 0), (2, 2), (2, 2)), mode=numpys)
    assert np.array_equal(padded.float().numpy(), expected)


def test_convolutions_are_in_16_bits_under_autocast():
    torch.manual_seed(0)
    conv, x = strips(4, 6, 3), torch.randn(1, 4, 9, 8)
    with torch.autocast("cpu", torch.bfloat16):
        found = conv(x.bfloat16())
    assert found.dtype == torch.bfloat16
    assert (found.float() - conv(x)).norm() < 0.01 * conv(x).norm()
