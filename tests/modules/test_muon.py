import copy

import pytest
import torch
from torch import nn

from stylenet.modules.muon import Muon, orthogonal


@pytest.mark.parametrize("shape", [(8, 20), (20, 8), (12, 12)])
def test_steps_keep_the_singular_vectors_and_level_the_singular_values(shape: tuple[int, int]):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    u, values, vt = torch.linalg.svd(matrix, full_matrices=False)
    matrix = u @ torch.diag(torch.linspace(0.05, 1, len(values), dtype=torch.float64)) @ vt
    found = u.T @ orthogonal(matrix) @ vt.T
    assert (found - torch.diag(found.diag())).abs().max() < 1e-6
    assert 0.6 < found.diag().min() < found.diag().max() < 1.3


def test_biases_go_by_adam():
    one = nn.Parameter(torch.tensor([1.0, -2.0]))
    other = nn.Parameter(one.detach().clone())
    own, adam = Muon([one], lr=0.1), torch.optim.Adam([other], lr=0.1)
    for step in range(5):
        for parameter in (one, other):
            parameter.grad = torch.tensor([1.0, -0.1]) * (step - 1)
        own.step()
        adam.step()
        torch.testing.assert_close(one, other)


def test_the_first_step_of_a_convolution_is_as_large_as_adams():
    weight = nn.Parameter(torch.zeros(16, 32, 3, 3))
    weight.grad = torch.randn(weight.shape, generator=torch.Generator().manual_seed(0))
    Muon([weight], lr=0.5).step()
    assert weight.square().mean().sqrt().item() == pytest.approx(0.5 * 0.2, rel=0.3)  # 0.2: Adam's usual size


def test_a_step_leaves_the_sum_of_each_filter_as_it_was():
    weight = nn.Parameter(torch.randn(16, 32, 3, 3, generator=torch.Generator().manual_seed(0)))
    before, sums = weight.detach().clone(), weight.detach().sum((1, 2, 3))
    weight.grad = torch.rand(weight.shape, generator=torch.Generator().manual_seed(1))  # positive, as after a ReLU
    Muon([weight], lr=0.5).step()
    torch.testing.assert_close(weight.detach().sum((1, 2, 3)), sums, rtol=0, atol=1e-3)
    assert (weight - before).square().mean().sqrt() > 0.05


def test_a_resumed_optimizer_goes_on_exactly():
    layer = nn.Conv2d(3, 4, 3)
    first = Muon(layer.parameters(), lr=0.1)

    def go(network: nn.Module, optimizer: Muon) -> None:
        optimizer.zero_grad()
        network(torch.ones(1, 3, 5, 5)).square().sum().backward()
        optimizer.step()

    go(layer, first)
    twin = copy.deepcopy(layer)
    second = Muon(twin.parameters(), lr=0.1)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    go(layer, first)
    go(twin, second)
    torch.testing.assert_close(twin.state_dict(), layer.state_dict(), rtol=0, atol=0)
