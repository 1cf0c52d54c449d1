"""The zoo's networks compute what their papers and torchvision say."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch.testing import assert_close

from stylenet.errors import InputError
from stylenet.features.backbones import BACKBONES, get_backbone, initialize
from stylenet.features.extractor import FeatureExtractor

CONFIGS = {"vgg16": "D", "vgg19": "E"}  # of Simonyan and Zisserman 2015, table 1
VGG_INDICES = {
    "vgg16": {
        "conv1_1": 0, "relu1_1": 1, "relu1_2": 3, "relu2_1": 6, "relu2_2": 8, "relu3_1": 11, "conv3_3": 14,
        "relu3_3": 15, "relu4_3": 22, "conv5_1": 24, "relu5_3": 29,
    },
    "vgg19": {
        "conv1_1": 0, "relu1_1": 1, "relu1_2": 3, "relu2_1": 6, "relu3_1": 11, "relu3_4": 17, "relu4_1": 20,
        "conv4_2": 21, "relu4_2": 22, "relu5_1": 29, "relu5_4": 35,
    },
}  # fmt: skip
KINDS = ("conv", "relu")
WIDTHS_16X = {1: (16, 64), 2: (32, 128), 3: (64, 256), 4: (128, 512), 5: (128, 512)}  # narrow, lifted


@pytest.fixture
def image():
    return torch.rand(1, 3, 48, 40, generator=torch.Generator().manual_seed(0))


def random_extractor(backbone):
    """Return an extractor of every layer, with random weights and biases."""
    extractor = FeatureExtractor(backbone, tuple(get_backbone(backbone).layers), "random")
    generator = torch.Generator().manual_seed(0)
    for name, parameter in extractor.named_parameters():
        if name.endswith("bias"):
            parameter.normal_(std=0.3, generator=generator)
    return extractor


def torchvision_features(backbone, extractor):
    """Return torchvision's own Sequential with the weights of `extractor`."""
    sequential = torchvision.models.vgg.make_layers(torchvision.models.vgg.cfgs[CONFIGS[backbone]]).eval()
    sequential.load_state_dict(extractor.body.features.state_dict())
    return sequential


def run_by_hand(sequential, x):
    """Return what every module of `sequential` gives."""
    outputs = []
    for module in sequential:
        x = module(x).clone()
        outputs.append(x.clone())  # the next one may be an inplace ReLU
    return outputs


@pytest.mark.parametrize("backbone", CONFIGS)
def test_vgg_layers_equal_torchvision_run_by_hand(backbone, image):
    indices = VGG_INDICES[backbone]
    extractor = random_extractor(backbone)
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    normalized = torch.tensor(((image.numpy().transpose(0, 2, 3, 1) - mean) / std).transpose(0, 3, 1, 2)).float()
    with torch.no_grad():
        outputs = run_by_hand(torchvision_features(backbone, extractor), normalized)
        features = extractor(image)
    for layer, index in indices.items():
        assert_close(features[layer], outputs[index], rtol=1e-4, atol=1e-4, msg=lambda text, layer=layer: layer + text)


@pytest.mark.parametrize(("backbone", "depths"), [("vgg16", (2, 2, 3, 3, 3)), ("vgg19", (2, 2, 4, 4, 4))])
def test_vgg_has_a_conv_and_a_relu_for_each_of_the_papers_layers(backbone, depths):
    names = {f"{kind}{k}_{n}" for k, depth in enumerate(depths, 1) for n in range(1, depth + 1) for kind in KINDS}
    assert set(get_backbone(backbone).layers) == names


def vgg16_by_hand(weights, image):
    """Return every relu and lift map, straight from the published topology."""

    def conv(x, name):
        return F.conv2d(x, weights[f"{name}.weight"], weights[f"{name}.bias"])

    maps, x = {}, conv(image, "conv0")
    for block, depth in enumerate((2, 2, 4, 4, 1), start=1):
        if block > 1:
            x = F.max_pool2d(x, 2, 2)
        for n in range(1, depth + 1):
            x = maps[f"relu{block}_{n}"] = conv(F.pad(x, (1, 1, 1, 1), mode="reflect"), f"conv{block}_{n}").relu()
            if n == 1:
                maps[f"lift{block}_1"] = conv(x, f"embed{block}_1").relu()
    return maps


def test_vgg16_equals_its_published_topology(image):
    extractor = random_extractor("vgg16")
    features = extractor(image)
    expected = vgg16_by_hand(extractor.body.state_dict(), image)
    assert set(features) == set(expected)
    for layer, values in expected.items():
        assert_close(features[layer], values, rtol=1e-4, atol=1e-4)
        narrow, lifted = WIDTHS_16X[int(layer[4])]
        assert values.shape[1] == (lifted if layer.startswith("lift") else narrow)


def test_vgg16_has_the_published_number_of_parameters():
    assert sum(parameter.numel() for parameter in BACKBONES["vgg16"].build().parameters()) == 964_188


@pytest.mark.parametrize("backbone", BACKBONES)
def test_default_layers_exist(backbone):
    spec = get_backbone(backbone)
    assert set(spec.style_layers) | set(spec.content_layers) <= set(spec.layers)


def test_default_layers_of_vgg16_are_johnsons_styles_and_a_shallow_content():
    spec = get_backbone("vgg16")
    assert spec.style_layers == ("relu1_2", "relu2_2", "relu3_3", "relu4_3")
    assert spec.content_layers == ("relu2_2",)


@pytest.mark.parametrize("backbone", [name for name in BACKBONES if name != "resnet50"])
def test_random_weights_keep_the_scale_of_activations(backbone):
    layers = get_backbone(backbone).style_layers
    noise = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    scales = [values.square().mean().item() for values in FeatureExtractor(backbone, layers, "random")(noise).values()]
    assert max(scales) < 20 * min(scales)


def test_random_weights_of_a_resnet_double_the_energy_with_each_block():
    noise = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    features = FeatureExtractor("resnet50", ("layer1", "layer3"), "random")(noise)
    first, third = (features[layer].square().mean().item() for layer in ("layer1", "layer3"))
    assert 1.5**10 < third / first < 2.5**10  # ten blocks lie between them


@pytest.mark.parametrize(
    ("backbone", "layer"),
    [("resnet50", "layer1"), ("densenet121", "features.relu0"), ("vit_b_16", "encoder.layers.encoder_layer_0")],
)
def test_random_weights_leave_no_parameter_and_no_buffer_out(backbone, layer):
    body = FeatureExtractor(backbone, (layer,), "random").body
    for tensor in body.state_dict().values():
        tensor.fill_(torch.nan if tensor.is_floating_point() else 7)
    initialize(body)
    assert all(tensor.isfinite().all() for tensor in body.state_dict().values())


def test_random_weights_follow_from_the_seed():
    def weights(seed):
        network = BACKBONES["vgg16"].build()
        initialize(network, seed)
        return network.conv3_2.weight

    assert torch.equal(weights(0), weights(0))
    assert not torch.equal(weights(0), weights(1))


def test_random_weights_differ_from_layer_to_layer():
    network = BACKBONES["vgg16"].build()
    initialize(network)
    assert not torch.equal(network.conv3_2.weight, network.conv3_3.weight)


def test_batch_norm_starts_neutral():
    norm = torch.nn.BatchNorm2d(4)
    for tensor in norm.state_dict().values():
        tensor.fill_(7)
    initialize(torch.nn.Sequential(torch.nn.Conv2d(3, 4, 1, bias=False), norm))
    values = torch.randn(2, 4, 3, 3)
    assert_close(norm.eval()(values), values, rtol=1e-4, atol=1e-4)


def test_an_unknown_backbone_is_answered_with_the_nearest():
    with pytest.raises(InputError, match="unknown backbone 'vgg17': did you mean 'vgg1[69]'"):
        get_backbone("vgg17")


def real_weights():
    """Return the real vgg16.safetensors of STYLENET_WEIGHTS, or None."""
    folders = os.environ.get("STYLENET_WEIGHTS", "").split(os.pathsep)
    paths = [Path(folder) / "vgg16.safetensors" for folder in folders if folder]
    return next((path for path in paths if path.is_file()), None)


@pytest.mark.skipif(real_weights() is None, reason="no vgg16.safetensors in STYLENET_WEIGHTS")
def test_real_lifted_maps_have_a_mean_near_one():
    ramp, noise = torch.linspace(0, 1, 128), torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    blobs = F.interpolate(noise, (128, 128), mode="bicubic").clamp(0, 1)
    picture = (0.5 * (ramp + ramp[:, None]) + blobs) / 2
    layers = get_backbone("vgg16").style_layers
    for layer, values in FeatureExtractor("vgg16", layers, "imagenet")(picture).items():
        assert 0.5 < values.mean().item() < 2, layer
