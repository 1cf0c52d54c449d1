"""ResNet, DenseNet and SqueezeNet give what torchvision's own networks compute at the modules of the same names."""

import re

import pytest
import torch
import torchvision
from torch.testing import assert_close

from stylenet.features.backbones import get_backbone
from stylenet.features.extractor import FeatureExtractor

NAMES = ("resnet50", "densenet121", "squeezenet1_1")
ALIASES = {"relu1": "relu", "rb1": "layer1", "rb2": "layer2", "rb3": "layer3", "rb4": "layer4"}
CHANNELS = {
    "conv1": 64, "relu1": 64, "layer1": 256, "layer2": 512, "layer3": 1024, "layer4": 2048, "rb1": 256, "rb2": 512,
    "rb3": 1024, "rb4": 2048, "features.conv0": 64, "features.relu0": 64, "features.denseblock1": 256,
    "features.transition1": 128, "features.denseblock2": 512, "features.transition2": 256,
    "features.denseblock3": 1024, "features.transition3": 512, "features.denseblock4": 1024, "features.norm5": 1024,
    "features.0": 64, "features.1": 64, "features.3": 128, "features.4": 128, "features.6": 256, "features.7": 256,
    "features.9": 384, "features.10": 384, "features.11": 512, "features.12": 512,
}  # fmt: skip


@pytest.fixture
def image():
    return torch.rand(2, 3, 67, 45, generator=torch.Generator().manual_seed(0))  # odd


@pytest.fixture(scope="module")
def extractors():
    """Return extractors of every layer whose biases, norms and statistics are random too."""
    return {name: disturbed(FeatureExtractor(name, tuple(get_backbone(name).layers), "random")) for name in NAMES}


def disturbed(extractor):
    generator = torch.Generator().manual_seed(0)
    for name, tensor in extractor.body.state_dict().items():
        if name.endswith(("bias", "running_mean")):
            tensor.normal_(std=0.3, generator=generator)
        elif tensor.ndim == 1:  # weights and variances of norms
            tensor.uniform_(0.5, 1.5, generator=generator)
    return extractor


def torchvision_network(backbone, extractor):
    """Return torchvision's own network with the weights of `extractor`, in eval mode."""
    with torch.device("meta"):
        network = torchvision.models.get_model(backbone)
    network.to_empty(device="cpu")
    amiss = network.load_state_dict(extractor.body.state_dict(), strict=False)
    assert not amiss.unexpected_keys
    assert {key.split(".")[0] for key in amiss.missing_keys} <= {"fc", "classifier"}
    return network.eval()


def hooked(network, image, modules):
    """Return what the modules of these names give during a forward pass of `network`."""
    outputs = {}
    for name in modules:
        network.get_submodule(name).register_forward_hook(
            lambda module, args, output, name=name: outputs.update({name: output.clone()})  # the next may be inplace
        )
    mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    with torch.no_grad():
        network(torchvision.transforms.functional.normalize(image, mean, std))
    return outputs


@pytest.mark.parametrize("backbone", NAMES)
def test_every_layer_equals_torchvisions_module(backbone, extractors, image):
    extractor = extractors[backbone]
    modules = {layer: ALIASES.get(layer, layer) for layer in extractor.layers}
    expected = hooked(torchvision_network(backbone, extractor), image, set(modules.values()))
    features = extractor(image)
    assert tuple(features) == tuple(get_backbone(backbone).layers)
    for layer, values in features.items():
        assert values.shape[:2] == (2, CHANNELS[layer])
        scale = expected[modules[layer]].abs().max()
        assert_close(
            values / scale, expected[modules[layer]] / scale, rtol=1e-4, atol=1e-5, msg=lambda m, n=layer: n + m
        )


@pytest.mark.parametrize("backbone", NAMES)
def test_a_part_gives_the_same_as_the_whole(backbone, extractors, image):
    features = extractors[backbone](image)
    for layer in get_backbone(backbone).style_layers:
        part = extractors[backbone].up_to((layer,))
        again = part.up_to((layer,))  # of what is in no module of the traced network any more
        assert_close(part(image)[layer], features[layer])
        assert_close(again(image)[layer], features[layer])


@pytest.mark.parametrize("backbone", NAMES)
def test_default_styles_have_four_doubling_strides(backbone, extractors):
    image = torch.rand(1, 3, 128, 128)
    sizes = [
        values.shape[-1] for values in extractors[backbone].up_to(get_backbone(backbone).style_layers)(image).values()
    ]
    assert [round(128 / size) for size in sizes] == pytest.approx([2, 4, 8, 16], rel=0.15)


@pytest.mark.parametrize("backbone", NAMES)
def test_gradients_reach_the_image_and_no_weight(backbone, extractors, image):
    deepest = {"resnet50": "layer4", "densenet121": "features.norm5", "squeezenet1_1": "features.12"}[backbone]
    image.requires_grad_()
    extractors[backbone](image)[deepest].square().mean().backward()
    assert image.grad.isfinite().all()
    assert image.grad.abs().sum((1, 2, 3)).min() > 0
    assert not any(parameter.requires_grad for parameter in extractors[backbone].parameters())


@pytest.mark.parametrize("backbone", NAMES)
def test_batch_norm_ignores_the_batch(backbone, extractors, image):
    extractor = extractors[backbone]
    before = {key: value.clone() for key, value in extractor.body.state_dict().items()}
    together = extractor.train()(image)
    alone = extractor(image[1:])
    for layer, values in together.items():
        scale = values.abs().max()
        assert_close(values[1:] / scale, alone[layer] / scale, rtol=1e-4, atol=1e-5)
    assert all(torch.equal(value, before[key]) for key, value in extractor.body.state_dict().items())


@pytest.mark.parametrize(
    ("backbone", "layer", "parameters"),
    [
        ("resnet50", "conv1", 64 * 147),
        ("resnet50", "relu1", 64 * 147 + 128),
        ("densenet121", "features.relu0", 64 * 147 + 128),
        ("squeezenet1_1", "features.3", 64 * 28 + 16 * 65 + 64 * 17 + 64 * 145),
    ],
)
def test_nothing_deeper_than_the_layer_is_held(backbone, layer, parameters, extractors):
    def count(extractor):
        return sum(parameter.numel() for parameter in extractor.parameters())

    assert count(FeatureExtractor(backbone, (layer,), "random")) == parameters
    assert count(extractors[backbone].up_to((layer,))) == parameters


def test_aliases_may_be_asked_for_together(extractors, image):
    features = extractors["resnet50"].up_to(("rb1", "layer2", "layer1"))(image)
    assert tuple(features) == ("rb1", "layer2", "layer1")
    assert torch.equal(features["rb1"], features["layer1"])


@pytest.mark.parametrize("old", [False, True])
def test_densenet_files_of_either_naming_are_read(old, extractors, image, tmp_path):
    state = extractors["densenet121"].body.state_dict()
    if old:  # torchvision's files say norm.1 and relu.2 within dense layers, its modules norm1 and relu2
        state = {re.sub(r"(denselayer\d+\.[a-z]+)([12])", r"\1.\2", key): value for key, value in state.items()}
        assert "features.denseblock1.denselayer1.conv.2.weight" in state
    torch.save(state, tmp_path / "densenet.pth")
    layer = "features.denseblock1"
    extractor = FeatureExtractor("densenet121", (layer,), str(tmp_path / "densenet.pth"))
    assert_close(extractor(image)[layer], extractors["densenet121"](image)[layer])
