"""The bundled student: a file in the package, read by a forward pass written out here."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch.testing import assert_close

import stylenet.features.vgg_small as module
from stylenet.errors import InputError
from stylenet.features.backbones import BACKBONES, get_backbone
from stylenet.features.extractor import FeatureExtractor

FILE = Path(module.__file__).with_suffix(".safetensors")
WIDTHS = {1: (16, 64), 2: (32, 128), 3: (64, 256), 4: (128, 512)}  # narrow, lifted
LAYERS = ("relu1_2", "relu3_1", "lift1_1", "lift2_1", "lift3_1", "lift4_1")


@pytest.fixture
def image():
    return torch.rand(1, 3, 48, 40, generator=torch.Generator().manual_seed(0))


def by_hand(weights, image):
    """Return every map to lift4_1 from the tensors of a file: reflection, 3x3 convolution, ReLU; 2x2 pools."""

    def conv(x, name):
        return F.conv2d(x, weights[f"{name}.weight"].float(), weights[f"{name}.bias"].float())

    maps, x = {}, (image - 0.5) * 4
    for block, depth in enumerate((2, 2, 4, 1), start=1):
        if block > 1:
            x = F.max_pool2d(x, 2, 2)
        for n in range(1, depth + 1):
            x = maps[f"relu{block}_{n}"] = conv(F.pad(x, (1, 1, 1, 1), mode="reflect"), f"conv{block}_{n}").relu()
            if f"embed{block}_{n}.weight" in weights:
                maps[f"lift{block}_{n}"] = conv(x, f"embed{block}_{n}").relu()
    return maps


def test_the_bundled_file_is_small_and_in_16_bits():
    assert FILE.stat().st_size < 2_000_000
    assert {tensor.dtype for tensor in load_file(FILE).values()} == {torch.float16}


def test_the_bundled_network_equals_a_forward_pass_by_hand(image):
    features = FeatureExtractor("vgg_small", LAYERS, "bundled")(image)
    expected = by_hand(load_file(FILE), image)
    assert set(LAYERS) < set(expected)
    for layer in LAYERS:
        assert_close(features[layer], expected[layer], rtol=1e-4, atol=1e-4)
        narrow, lifted = WIDTHS[int(layer[4])]
        assert features[layer].shape[1] == (lifted if layer.startswith("lift") else narrow)


def test_the_bundled_weights_see_something_in_every_layer(image):
    for layer, maps in FeatureExtractor("vgg_small", LAYERS, "bundled")(image).items():
        assert maps.isfinite().all()
        assert 0.01 < maps.square().mean().sqrt() < 100, layer


def test_the_bundled_weights_are_float32_once_loaded():
    extractor = FeatureExtractor("vgg_small", ("lift4_1",), "bundled")
    assert {parameter.dtype for parameter in extractor.parameters()} == {torch.float32}


def test_features_exist_at_the_smallest_size_and_not_below():
    spec = get_backbone("vgg_small")
    extractor = FeatureExtractor("vgg_small", spec.style_layers, "bundled")
    assert extractor(torch.rand(1, 3, spec.smallest, spec.smallest))["lift4_1"].shape == (1, 512, 2, 2)
    with pytest.raises(ValueError, match=f"{spec.smallest}x{spec.smallest}"):
        extractor(torch.rand(1, 3, spec.smallest - 1, spec.smallest))


def test_places_without_a_trained_embedding_are_refused(refusal):
    assert "vgg_small.safetensors holds no embed" in refusal("bundled", "vgg_small")


def test_layers_deeper_than_the_file_are_refused():
    with pytest.raises(InputError, match="vgg_small.safetensors holds no conv4_2.weight: ask for other layers"):
        FeatureExtractor("vgg_small", ["relu4_2"], "bundled")


def test_vgg_small_has_bundled_weights_and_no_other_backbone_has(refusal):
    assert [name for name, spec in BACKBONES.items() if spec.bundled_file] == ["vgg_small"]
    assert refusal("imagenet", "vgg_small") == "no imagenet weights for vgg_small: give bundled, random or a file"
    assert refusal("bundled", "vgg16") == "no bundled weights for vgg16: give imagenet, random or a file"


def test_a_student_of_another_teacher_is_read_from_its_file(image, tmp_path):
    student = module.VGGSmall(["1_2", "2_2"])
    torch.save(student.state_dict(), tmp_path / "student.pt")
    features = FeatureExtractor("vgg_small", ("lift1_2", "lift2_2"), str(tmp_path / "student.pt"))(image)
    with torch.no_grad():
        assert_close(features["lift2_2"], student(image)["lift2_2"])
