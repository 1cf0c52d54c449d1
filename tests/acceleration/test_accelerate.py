"""Accelerated networks, losses and extractors beside plain ones: values, gradients, names, graphs."""

import copy

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from stylenet.acceleration.accelerate import VARIABLE, accelerate, is_plain_3x3
from stylenet.acceleration.convolutions import RowConv, StripConv, TransposedConv, WinogradConv
from stylenet.acceleration.instance_norm import FastInstanceNorm
from stylenet.acceleration.pooling import ShortPool
from stylenet.features.extractor import FeatureExtractor
from stylenet.networks.adain import AdaIN
from stylenet.networks.johnson import JohnsonNet

NETWORKS = {
    "johnson": (lambda: JohnsonNet(), {}),
    "batch norm": (lambda: JohnsonNet(norm="batch", output="residual"), {}),
    "multistyle": (lambda: JohnsonNet(num_styles=3), {"mixture": torch.tensor([[0.2, 0.5, 0.3]])}),
    "adain": (
        lambda: AdaIN(weights="random", width=32, exchange=("relu4_1", "relu2_1"), padding="reflect"),
        {"palette": 0.5 + torch.rand(1, 1, 2, 640, generator=torch.Generator().manual_seed(0))},
    ),
}
BACKBONES = {
    "vgg16": "relu3_1",
    "vgg19": "relu3_1",
    "vgg_normalised": "relu3_1",
    "resnet50": "layer2",
    "squeezenet1_1": "features.7",
    "vit_b_16": "encoder.layers.encoder_layer_0",
}


def pair(build):
    torch.manual_seed(0)
    plain = build()
    return plain, accelerate(copy.deepcopy(plain))


def smooth(network):
    """Put activations and pools without kinks in place of a network's own, and return it.

    Rounding decides on which side of a ReLU a value near 0 lies, and which of two near values is the largest. That
    differs from processor to processor, and changes gradients by the square root of the share of such values. What is
    put in place of a ReLU works in place too.
    """
    for part in [network, *([network.encoder] if isinstance(network, AdaIN) else [])]:
        for path, layer in list(part.named_modules(remove_duplicate=False)):
            if isinstance(layer, nn.ReLU):
                part.set_submodule(path, nn.ELU(inplace=layer.inplace))
            elif isinstance(layer, nn.MaxPool2d):
                part.set_submodule(path, nn.AvgPool2d(layer.kernel_size, layer.stride, layer.padding, layer.ceil_mode))
    return network


def assert_near(expected, found):
    largest = max(tensor.norm() for tensor in expected)
    for plain, fast in zip(expected, found, strict=True):
        assert (fast - plain).norm() < 1e-4 * plain.norm() + 1e-7 * largest


def image(size=70):
    return torch.rand(2, 3, size, size + 5, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize(("name", "training"), [*((name, True) for name in NETWORKS), ("batch norm", False)])
def test_networks_have_the_values_and_gradients_of_plain_ones(name, training):
    build, condition = NETWORKS[name]
    results = []
    for network in map(smooth, pair(build)):
        network.train(training)
        x = image().requires_grad_()
        y = network(x, **condition)
        results.append([y, *torch.autograd.grad(y.square().sum(), [x, *network.parameters()])])
    assert_near(*results)


@pytest.mark.parametrize("name", NETWORKS)
def test_without_gradients_too_and_the_state_dict_stays(name):
    build, condition = NETWORKS[name]
    plain, fast = pair(build)
    assert list(fast.state_dict()) == list(plain.state_dict())
    with torch.inference_mode():
        assert_close(fast.eval()(image(), **condition), plain.eval()(image(), **condition), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("backbone", "padding"), [*((backbone, "zeros") for backbone in BACKBONES), ("vgg16", "reflect")]
)
def test_extractors_have_the_values_and_gradients_of_plain_ones(backbone, padding):
    results, layer = [], BACKBONES[backbone]
    extractors = pair(lambda: FeatureExtractor(backbone, (layer,), "random", padding=padding))
    x = image(224 if backbone == "vit_b_16" else 70).requires_grad_()
    assert_near(*([extractor(x)[layer]] for extractor in extractors))
    for extractor in map(smooth, extractors):
        y = extractor(x)[layer]
        results.append([y, *torch.autograd.grad(y.square().sum(), x)])
    assert_near(*results)


def test_which_layers_are_exchanged():
    kinds = {type(layer) for layer in accelerate(JohnsonNet()).modules()}
    assert kinds >= {RowConv, TransposedConv, WinogradConv, StripConv, FastInstanceNorm}
    assert not kinds & {nn.Upsample, nn.InstanceNorm2d}
    kinds = {type(layer) for layer in accelerate(FeatureExtractor("vgg16", ("relu3_1",), "random")).modules()}
    assert kinds >= {WinogradConv, ShortPool}
    assert not kinds & {nn.Conv2d, nn.MaxPool2d}


def test_parameters_are_the_same_objects_and_a_second_time_changes_nothing():
    network = JohnsonNet()
    before = dict(network.named_parameters())
    assert accelerate(network) is network
    assert all(parameter is before[name] for name, parameter in network.named_parameters())
    layers = list(network.modules())
    assert all(one is other for one, other in zip(accelerate(network).modules(), layers, strict=True))


def test_extractors_that_share_layers_are_each_accelerated():
    whole = FeatureExtractor("vgg16", ("relu1_1", "relu3_1"), "random")
    part, expected = whole.up_to(("relu1_1",)), whole(image())
    for extractor in (accelerate(whole), accelerate(part)):
        for layer, maps in extractor(image()).items():
            assert_close(maps, expected[layer], rtol=1e-3, atol=1e-3)
        assert not any(type(layer) is nn.Conv2d for layer in extractor.modules())


def test_a_norm_writes_over_a_convolution_s_maps_alone():
    x = torch.rand(1, 4, 40, 40)
    behind, alone = nn.Sequential(nn.Conv2d(4, 4, 1), nn.InstanceNorm2d(4)), nn.Sequential(nn.InstanceNorm2d(4))
    assert accelerate(behind)[1].inplace
    given = x.clone()
    with torch.no_grad():
        accelerate(alone)(given)
    assert torch.equal(given, x)


def test_a_variable_leaves_all_as_it_is(monkeypatch):
    monkeypatch.setenv(VARIABLE, "0")
    assert {type(layer) for layer in accelerate(JohnsonNet()).modules()} == {type(m) for m in JohnsonNet().modules()}


def test_other_devices_keep_the_plain_layers():
    assert {type(layer) for layer in accelerate(JohnsonNet(), "cuda").modules()} == {
        type(layer) for layer in JohnsonNet().modules()
    }


@pytest.mark.parametrize("fast", [True, False])
def test_networks_are_exported_with_and_without(fast):
    network = JohnsonNet(width=8, blocks=1).eval()
    expected = network(image(32))
    network = accelerate(network) if fast else network
    with torch.no_grad():
        program = torch.export.export(network, (image(32),), strict=False)
    assert_close(program.module()(image(32)), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("convolution", "expected"),
    [
        (nn.Conv2d(64, 128, 3, padding=1), True),
        (nn.Conv2d(64, 64, 3), True),
        (nn.Conv2d(64, 128, 3, padding="same"), False),
        (nn.Conv2d(64, 128, 3, padding=1, padding_mode="reflect"), True),
        (nn.Conv2d(64, 64, 3, padding=2), False),
        (nn.Conv2d(64, 64, 3, padding=2, padding_mode="reflect"), False),
        (nn.Conv2d(64, 64, 3, stride=2), False),
        (nn.Conv2d(64, 64, 3, dilation=2), False),
        (nn.Conv2d(64, 64, 5), False),
        (nn.Conv2d(128, 128, 3, padding=1, groups=2), False),
        (StripConv(64, 64, 3), False),
    ],
)
def test_which_convolutions_of_an_extractor_are_exchanged(convolution, expected):
    assert is_plain_3x3(convolution) is expected


def test_large_maps_are_convolved_by_winograds_method_to_the_same_values():
    layers = ("relu1_2", "relu2_1")
    direct, extractor = pair(lambda: FeatureExtractor("vgg16", layers, "random"))
    image = torch.rand(1, 3, 80, 72, generator=torch.Generator().manual_seed(0)).requires_grad_()
    found, usual = extractor(image), direct(image)
    assert not any(torch.equal(found[layer], usual[layer]) for layer in layers)
    expected = direct.double()(image.double())
    for layer in layers:
        assert_close(found[layer].double(), expected[layer], rtol=0, atol=1e-4)
    slopes = [torch.autograd.grad(maps["relu2_1"].mean(), image)[0] for maps in (found, expected)]
    assert (slopes[0] - slopes[1]).norm() < 1e-3 * slopes[1].norm()


@pytest.mark.parametrize("padding", ["zeros", "reflect"])
def test_under_autocast_an_extractor_s_maps_have_their_channels_last(padding):
    plain, fast = pair(lambda: FeatureExtractor("vgg16", ("relu1_2", "relu4_3"), "bundled", padding=padding))
    expected = plain(image())
    with torch.autocast("cpu", torch.bfloat16):
        found = fast(image())
    for layer, maps in found.items():
        assert maps.dtype == torch.bfloat16
        assert maps.is_contiguous(memory_format=torch.channels_last)
        assert (maps.float() - expected[layer]).norm() < 0.02 * expected[layer].norm()
