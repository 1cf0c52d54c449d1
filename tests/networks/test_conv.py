import numpy as np
import pytest
import torch
from torch.nn import functional as F

from stylenet.networks.layers import NARROWEST, Conv, pad


def test_a_wide_convolution_and_its_gradients_are_torchs():
    torch.manual_seed(0)
    conv = Conv(NARROWEST["eager"], NARROWEST["eager"], 3)
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
    conv, x = Conv(4, 6, 3), torch.randn(1, 4, 9, 8)
    with torch.autocast("cpu", torch.bfloat16):
        found = conv(x.bfloat16())
    assert found.dtype == torch.bfloat16
    assert (found.float() - conv(x)).norm() < 0.01 * conv(x).norm()
