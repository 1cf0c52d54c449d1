"""The zoo's networks compute what their papers and torchvision say."""

import numpy as np
import pytest
import torch
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


def test_random_weights_follow_from_the_seed_and_differ_from_layer_to_layer():
    def weights(seed):
        body = FeatureExtractor("vgg16", ("relu3_3",), "random").body
        initialize(body, seed)
        return [body.get_parameter(f"features.{place}.weight") for place in (12, 14)]  # 256 to 256 channels

    (first, second), (again, _), (other, _) = weights(0), weights(0), weights(1)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert not torch.equal(first, second)


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
