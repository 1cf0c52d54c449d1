"""Adversarially trained weights, in the robustness library's files."""

import os
import pickle
import shlex
import sys

import numpy as np
import pytest
import torch
import torchvision
from torch.testing import assert_close

from stylenet.features.backbones import BACKBONES
from stylenet.features.extractor import FeatureExtractor

FILE = "resnet50_l2_eps3.ckpt"
MEAN, STD = [0.4, 0.5, 0.6], [0.2, 0.3, 0.4]


@pytest.fixture(scope="module")
def extractor():
    return FeatureExtractor("resnet50", ("layer1",), "random")


@pytest.fixture
def image():
    return torch.rand(1, 3, 40, 40, generator=torch.Generator().manual_seed(0))


def checkpoint(state, mean=MEAN, std=STD):
    """Return what the library saves of an attacker model in DataParallel."""
    mean, std = torch.tensor(mean).view(3, 1, 1), torch.tensor(std).view(3, 1, 1)
    tensors = {"module.attacker.normalize.new_mean": mean + 1, "module.attacker.normalize.new_std": std + 1}
    tensors |= {f"module.attacker.model.{key}": value + 1 for key, value in state.items()}
    tensors |= {"module.normalizer.new_mean": mean, "module.normalizer.new_std": std}
    tensors |= {f"module.model.{key}": value for key, value in state.items()}
    return {"model": tensors, "optimizer": {"param_groups": [{"lr": 0.1}]}, "schedule": None, "epoch": 90}


def network_features(state, image, mean, std):
    """Return layer1 of torchvision's network on an image that is normalized so."""
    network = torchvision.models.resnet50().eval()
    network.load_state_dict(state, strict=False)
    x = torchvision.transforms.functional.normalize(image, mean, std)
    with torch.no_grad():
        return network.layer1(network.maxpool(network.relu(network.bn1(network.conv1(x)))))


def test_the_models_own_weights_and_normalization_are_used(hub, extractor, image):
    hub.mkdir(parents=True)
    torch.save(checkpoint(extractor.body.state_dict()), hub / FILE)
    robust = FeatureExtractor("resnet50", ("layer1",), "robust")
    expected = network_features(extractor.body.state_dict(), image, MEAN, STD)
    assert_close(robust(image)["layer1"], expected, rtol=1e-4, atol=1e-3)
    assert_close(robust.up_to(("layer1",))(image)["layer1"], expected, rtol=1e-4, atol=1e-3)


def test_a_file_without_a_normalization_has_imagenets(extractor, image, tmp_path):
    content = checkpoint(extractor.body.state_dict())
    content["model"] = {key: value for key, value in content["model"].items() if "new_" not in key}
    torch.save(content, tmp_path / "mine.ckpt")
    features = FeatureExtractor("resnet50", ("layer1",), str(tmp_path / "mine.ckpt"))(image)["layer1"]
    assert_close(features, extractor(image)["layer1"])


def test_a_missing_file_is_named_with_the_places_and_its_home(hub, tmp_path, monkeypatch, refusal):
    monkeypatch.setenv("STYLENET_WEIGHTS", str(tmp_path / "own"))
    message = refusal("robust", "resnet50")
    assert message.startswith(f"no {FILE} in {tmp_path / 'own'}, {hub}: fetch it from https://huggingface.co/madrylab/")
    assert message.endswith("into a folder named by STYLENET_WEIGHTS")


def test_other_backbones_have_no_robust_weights(refusal):
    robust = [name for name, spec in BACKBONES.items() if spec.robust_file]
    assert robust == ["resnet50"]
    message = "no robust weights for vgg16: give imagenet, bundled, random or a file"
    assert refusal("robust", "vgg16") == message


def test_a_file_of_more_than_tensors_names_the_command_that_keeps_the_tensors(
    hub, extractor, image, monkeypatch, refusal
):
    hub.mkdir(parents=True)
    content = checkpoint(extractor.body.state_dict()) | {"nat_prec1": np.float64(57.9)}  # as the library leaves it
    torch.save(content, hub / FILE)
    message = refusal("robust", "resnet50")
    assert message.startswith(f"{hub / FILE} cannot be read safely: it holds more than tensors (numpy.")
    assert "only if you trust it, run `" in message
    _, command, rest = message.split("`")
    program, *arguments = shlex.split(command)
    assert program == "python"
    option, script, *paths = arguments
    assert option == "-c"
    monkeypatch.setattr(sys, "argv", [option, *paths])
    exec(script, {})
    kept = hub / "resnet50_l2_eps3.tensors.pt"
    assert rest == f" and give {kept}"
    features = FeatureExtractor("resnet50", ("layer1",), str(kept))(image)["layer1"]
    expected = network_features(extractor.body.state_dict(), image, MEAN, STD)
    assert_close(features, expected, rtol=1e-4, atol=1e-3)


def test_broken_files_and_those_that_call_the_system_name_no_such_command(hub, refusal):
    hub.mkdir(parents=True)
    for raw in (b"no pickle", pickle.dumps({"model": os.getcwd}, protocol=2)):
        (hub / FILE).write_bytes(raw)
        assert "python" not in refusal("robust", "resnet50").removeprefix(str(hub))
