import pytest
import torch
from torch.nn import functional as F

from stylenet.networks.upsampling import UpsampleBlock, UpsampledConv


def plain(x, convolution):
    """Upsample, pad by reflection, convolve: as it reads in the literature."""
    upsampled = F.pad(x.repeat_interleave(2, -1).repeat_interleave(2, -2), (1, 1, 1, 1), mode="reflect")
    return F.conv2d(upsampled, convolution.weight, convolution.bias)


@pytest.mark.parametrize("size", [(1, 1), (1, 4), (5, 3), (8, 8)])
def test_equals_upsampling_and_convolution_with_all_gradients(size):
    torch.manual_seed(0)
    convolution = UpsampledConv(3, 2).double()
    x = torch.randn(2, 3, *size, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(2, 2, 2 * size[0], 2 * size[1], dtype=torch.float64)
    sought = (x, convolution.weight, convolution.bias)
    ours, expected = convolution(x), plain(x, convolution)
    assert torch.allclose(ours, expected, atol=1e-12)
    gradients = zip(
        torch.autograd.grad((weights * ours).sum(), sought),
        torch.autograd.grad((weights * expected).sum(), sought),
        strict=True,
    )
    assert all(torch.allclose(mine, theirs, atol=1e-12) for mine, theirs in gradients)


def test_equals_it_in_float32():
    torch.manual_seed(0)
    convolution, x = UpsampledConv(64, 32), torch.randn(1, 64, 9, 12)
    assert (convolution(x) - plain(x, convolution)).abs().max() < 1e-5


def test_other_devices_take_the_plain_form():
    assert UpsampledConv(3, 2).to("meta")(torch.rand(1, 3, 5, 4, device="meta")).shape == (1, 2, 10, 8)


def test_the_block_has_the_names_of_existing_checkpoints():
    names = [f"1.{layer}.{kind}" for layer in (0, 1) for kind in ("weight", "bias")]
    assert list(UpsampleBlock(4, 2).state_dict()) == names
