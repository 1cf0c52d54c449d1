import pytest
import torch
from torch.nn import functional as F

from stylenet.networks.row_convolution import RowConv


def plain(x, convolution, kernel):
    """Pad by reflection and convolve."""
    padded = F.pad(x, (kernel // 2,) * 4, mode="reflect")
    return F.conv2d(padded, convolution.weight, convolution.bias)


@pytest.mark.parametrize(("kernel", "size"), [(9, (5, 5)), (9, (7, 12)), (3, (2, 6)), (1, (3, 2))])
def test_equals_a_convolution_with_all_gradients(kernel, size):
    torch.manual_seed(0)
    convolution = RowConv(4, 3, kernel).double()
    x = torch.randn(2, 4, *size, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(2, 3, *size, dtype=torch.float64)
    sought = (x, convolution.weight, convolution.bias)
    ours, expected = convolution(x), plain(x, convolution, kernel)
    assert torch.allclose(ours, expected, atol=1e-12)
    gradients = zip(
        torch.autograd.grad((weights * ours).sum(), sought),
        torch.autograd.grad((weights * expected).sum(), sought),
        strict=True,
    )
    assert all(torch.allclose(mine, theirs, atol=1e-12) for mine, theirs in gradients)


def test_equals_it_in_float32():
    torch.manual_seed(0)
    convolution, x = RowConv(32, 3, 9), torch.randn(1, 32, 11, 14)
    assert (convolution(x) - plain(x, convolution, 9)).abs().max() < 1e-5


def test_the_rows_are_added_in_float32_under_autocast():
    convolution, x = RowConv(4, 3, 9), torch.rand(1, 4, 8, 8)
    with torch.autocast("cpu", torch.bfloat16):
        assert convolution(x).dtype == torch.float32


def test_other_devices_take_the_plain_form():
    assert RowConv(4, 3, 9).to("meta")(torch.rand(1, 4, 8, 6, device="meta")).shape == (1, 3, 8, 6)
