"""Average pooling in the places of max pooling, against torch's."""

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import nn
from torch.testing import assert_close

from stylenet.errors import InputError
from stylenet.features.extractor import FeatureExtractor

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


@pytest.fixture
def image():
    return torch.rand(1, 3, 45, 34, generator=torch.Generator().manual_seed(0))


def conv(extractor, name, x, **options):
    module = extractor.body.get_submodule(name)
    return F.conv2d(x, module.weight, module.bias, **options)


def average(x):
    """Return 3x3 averages at stride 2 of maps padded by one, each over the pixels that are there."""
    ones = torch.ones_like(x)
    sums, counts = (9 * F.avg_pool2d(F.pad(values, (1, 1, 1, 1)), 3, 2) for values in (x, ones))
    return sums / counts


def test_vgg_averages_between_its_blocks(image):
    layers = ("relu1_2", "conv2_1", "relu3_1")
    features = FeatureExtractor("vgg16", layers, "random", pooling="avg")
    x = torchvision.transforms.functional.normalize(image, MEAN, STD)
    expected = {}
    for name, index in (("relu1_1", 0), ("relu1_2", 2), ("conv2_1", 5), ("relu2_2", 7), ("relu3_1", 10)):
        if index in (5, 10):
            x = x[..., : x.shape[-2] // 2 * 2, : x.shape[-1] // 2 * 2]  # (B, C, H, W), even
            x = (x[..., ::2, ::2] + x[..., 1::2, ::2] + x[..., ::2, 1::2] + x[..., 1::2, 1::2]) / 4
        expected[name] = conv(features, f"features.{index}", x, padding=1)
        x = expected[name].relu()
        if name.startswith("relu"):
            expected[name] = x
    for layer, values in features(image).items():
        assert_close(values, expected[layer], rtol=1e-4, atol=1e-4)


def test_padding_does_not_count_into_averages(image):
    extractor = FeatureExtractor("resnet50", ("relu1", "layer1"), "random", pooling="avg")
    stem = extractor(image)["relu1"]
    expected = average(stem)
    blocks = torchvision.models.resnet50().layer1.eval()
    state = extractor.body.state_dict()
    blocks.load_state_dict({key.removeprefix("layer1."): state[key] for key in state if key.startswith("layer1.")})
    with torch.no_grad():
        assert_close(extractor(image)["layer1"], blocks(expected), rtol=1e-4, atol=1e-3)


def test_geometry_is_kept(image):
    maxima, averages = (
        FeatureExtractor("squeezenet1_1", ("features.12",), "random", pooling=p) for p in ("max", "avg")
    )
    assert maxima(image)["features.12"].shape == averages(image)["features.12"].shape
    pools = [module for module in averages.body.modules() if isinstance(module, nn.AvgPool2d)]
    assert len(pools) == 3
    assert all((pool.kernel_size, pool.stride, pool.padding, pool.ceil_mode) == (3, 2, 0, True) for pool in pools)


def test_max_pooling_is_the_default(image):
    layers = ("relu2_1",)
    default, maxima = FeatureExtractor("vgg16", layers, "random"), FeatureExtractor("vgg16", layers, "random", "max")
    assert torch.equal(default(image)["relu2_1"], maxima(image)["relu2_1"])


@pytest.mark.parametrize(("backbone", "layer"), [("vgg16", "relu2_1"), ("squeezenet1_1", "features.3")])
def test_up_to_keeps_the_pooling(backbone, layer, image):
    extractor = FeatureExtractor(backbone, (layer,), "random", pooling="avg")
    features = extractor.up_to((layer,))(image)[layer]
    assert torch.equal(features, extractor(image)[layer])
    assert not torch.allclose(features, FeatureExtractor(backbone, (layer,), "random")(image)[layer])


def test_an_unknown_pooling_is_answered_with_the_nearest():
    with pytest.raises(InputError, match="unknown pooling 'mean': .*known are avg, max"):
        FeatureExtractor("vgg16", ("relu1_1",), "random", pooling="mean")
