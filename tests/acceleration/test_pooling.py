"""Max pooling that keeps less for its gradient, against torch's."""

import pytest
import torch
from torch import nn

from stylenet.acceleration.pooling import ShortPool


@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("size", [(8, 12), (9, 11), (40, 3)])
@pytest.mark.parametrize(
    "geometry", [{"kernel_size": 2}, {"kernel_size": 3, "stride": 2, "padding": 1}, {"kernel_size": 3, "stride": 2}]
)
@pytest.mark.parametrize("ceil_mode", [True, False])
def test_values_and_gradients_are_torchs(geometry, ceil_mode, size, order):
    torch.manual_seed(0)
    x = torch.randint(0, 5, (2, 3, *size)).float().to(memory_format=order)  # with many ties
    results = []
    for kind in (ShortPool, nn.MaxPool2d):
        given = x.clone(memory_format=torch.preserve_format).requires_grad_()
        y = kind(**geometry, ceil_mode=ceil_mode)(given)
        pull = torch.linspace(-1, 1, y.numel()).view(y.shape)
        results.append((y, *torch.autograd.grad(y, given, pull)))
    for found, expected in zip(*results, strict=True):
        assert torch.equal(found, expected)


def test_keeps_a_quarter_of_the_indices():
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor) or tensor, lambda tensor: tensor):
        x = torch.rand(1, 3, 8, 8, requires_grad=True)
        y = ShortPool(2)(x)
    assert sorted(tensor.element_size() * tensor.numel() for tensor in kept) == [2 * y.numel(), 4 * x.numel()]
