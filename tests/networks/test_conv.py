import torch
from torch.nn import functional as F

from stylenet.networks.layers import NARROWEST, Conv


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
