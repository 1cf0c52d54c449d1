"""Convolutions in strips of rows: equal to those at once, and in less memory."""

import pytest
import torch
from torch import nn

from stylenet.networks import strips
from stylenet.networks.layers import Conv, ConvBlock
from stylenet.networks.row_convolution import RowConv
from stylenet.networks.strips import convolve_in_strips
from stylenet.networks.upsampling import UpsampledConv


@pytest.fixture
def counted(monkeypatch):
    """Strips of few rows; notes the heights of what convolutions are given."""
    monkeypatch.setattr(strips, "FEWEST", 3)
    monkeypatch.setattr(strips, "VALUES", 1)
    heights = []

    def count(module):
        convolve = module.at_once
        module.at_once = lambda x: (heights.append(x.shape[-2]), convolve(x))[1]
        return module

    return count, heights


@pytest.mark.parametrize("height", [3, 11, 12, 40, 57, 64])
@pytest.mark.parametrize(
    "layer", [Conv(4, 6, 3), Conv(4, 6, 9), Conv(4, 6, 3, stride=2), UpsampledConv(4, 6), RowConv(4, 3, 9)]
)
def test_equals_the_convolution_at_once(counted, layer, height):
    count, heights = counted
    x = torch.rand(2, 4, max(height, layer.halo + 1), 13)
    with torch.inference_mode():
        expected = layer.at_once(x)
        found = count(layer)(x)
    assert found.shape == expected.shape
    assert torch.allclose(found, expected, atol=1e-6)
    assert x.shape[-2] < 4 * layer.halo or max(heights) < x.shape[-2]


@pytest.mark.parametrize("padding", [{"padding": 1}, {"padding": 1, "padding_mode": "reflect"}, {}])
@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
def test_equals_the_convolutions_of_other_networks(counted, padding, order):
    network, x = nn.Sequential(nn.Conv2d(4, 6, 3, **padding)), torch.rand(2, 4, 30, 13).to(memory_format=order)
    with torch.inference_mode():
        expected = network(x)
        convolve_in_strips(network)
        found = network(x)
    assert torch.allclose(found, expected, atol=1e-6)
    assert found.stride() == expected.stride()
    assert list(network.state_dict()) == ["0.weight", "0.bias"]


def test_training_is_done_at_once(counted):
    count, heights = counted
    count(Conv(4, 6, 3))(torch.rand(1, 4, 40, 8)).sum().backward()
    assert heights == [40]


def test_relu_in_place_leaves_the_gradients():
    block, x = ConvBlock(3, 4, 3).double(), torch.rand(1, 3, 8, 8, dtype=torch.float64, requires_grad=True)
    sought = [x, *block.parameters()]
    expected = torch.autograd.grad(block(x).square().sum(), sought)
    block[2].inplace = True
    found = torch.autograd.grad(block(x).square().sum(), sought)
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(found, expected, strict=True))
