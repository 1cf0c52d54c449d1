import pytest
import torch
from torch import nn
from torch.nn import functional as F

from stylenet.inference.winograd import WinogradConv, fits, with_winograd
from stylenet.networks.adain import AdaIN
from stylenet.networks.layers import Conv
from stylenet.networks.row_convolution import RowConv
from stylenet.networks.upsampling import UpsampledConv


@pytest.mark.parametrize("size", [(4, 4), (2, 3), (9, 14), (70, 33)])
@pytest.mark.parametrize("mode", ["zeros", "reflect"])
def test_equals_the_convolution(size, mode):
    torch.manual_seed(0)
    convolution = nn.Conv2d(5, 7, 3, padding=1, padding_mode=mode)
    x = torch.randn(2, 5, *size)
    padded = F.pad(x.double(), (1, 1, 1, 1), mode="constant" if mode == "zeros" else mode)
    expected = F.conv2d(padded, convolution.weight.double(), convolution.bias.double())
    with torch.inference_mode():
        assert (WinogradConv(convolution)(x) - expected).abs().max() < 2e-5


def test_equals_it_without_padding():
    torch.manual_seed(0)
    convolution, x = nn.Conv2d(5, 7, 3), torch.randn(1, 5, 11, 8)
    with torch.inference_mode():
        assert torch.allclose(WinogradConv(convolution)(x), convolution(x), atol=2e-5)


def test_rounds_little_with_many_channels():
    torch.manual_seed(0)
    convolution, x = nn.Conv2d(128, 128, 3, padding=1, bias=False), torch.randn(1, 128, 20, 20)
    with torch.inference_mode():
        expected = convolution.double()(x.double())
        assert (WinogradConv(convolution)(x) - expected).abs().max() < 1e-4 * expected.std()


@pytest.mark.parametrize(
    ("convolution", "expected"),
    [
        (Conv(64, 64, 3), True),
        (nn.Conv2d(64, 128, 3, padding=1), True),
        (nn.Conv2d(64, 128, 3, padding="same"), False),
        (nn.Conv2d(64, 64, 3), True),
        (nn.Conv2d(64, 64, 3, padding=2), False),
        (Conv(32, 64, 3), False),
        (Conv(64, 64, 3, stride=2), False),
        (Conv(64, 64, 5), False),
        (nn.Conv2d(128, 128, 3, padding=1, groups=2), False),
        (RowConv(64, 64, 3), False),
        (UpsampledConv(64, 64), False),
        (nn.ReLU(), False),
    ],
)
def test_only_plain_ones_fit(convolution, expected):
    assert fits(convolution, 64) is expected


def test_a_network_is_copied():
    network = nn.Sequential(Conv(64, 64, 3), nn.ReLU(), Conv(64, 3, 3))
    quick, x = with_winograd(network, 64), torch.rand(1, 64, 8, 8)
    assert [type(layer) for layer in quick] == [WinogradConv, nn.ReLU, Conv]
    assert [type(layer) for layer in network] == [Conv, nn.ReLU, Conv]
    with torch.inference_mode():
        assert torch.allclose(quick(x), network(x), atol=1e-5)


def test_a_network_without_such_convolutions_stays():
    network = nn.Sequential(Conv(3, 64, 3), nn.ReLU())
    assert with_winograd(network, 64) is network


def test_the_encoder_of_an_adain_is_replaced_too():
    torch.manual_seed(0)
    network = AdaIN("vgg_small", "bundled").eval()
    quick, image = with_winograd(network, 16), torch.rand(1, 3, 40, 56)
    assert any(isinstance(module, WinogradConv) for module in quick._encoder[0].modules())
    with torch.inference_mode():
        palette = network.palette(torch.rand(2, 3, 32, 32))
        assert (quick(image, palette) - network(image, palette)).abs().max() < 1e-4
