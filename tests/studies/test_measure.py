"""Figures of one image, LPIPS, and the choice of the judge."""

import numpy as np
import pytest
import torch
from torchmetrics.functional.image import structural_similarity_index_measure
from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity
from torchvision import models

from stylenet.errors import InputError
from stylenet.features.extractor import FeatureExtractor
from stylenet.studies.measure import (
    FIGURES,
    LPIPS_FILES,
    Evaluator,
    Lpips,
    choose_judge,
    describe_judge,
    figures,
    lpips_at_hand,
)

STYLES, CONTENT = ("relu1_2", "relu2_2", "relu3_3", "relu4_3"), "relu2_2"


@pytest.fixture(scope="module")
def pictures():
    """Return an image, a photograph, a painting and a label."""
    return torch.rand(4, 3, 48, 48, generator=torch.Generator().manual_seed(0)).split(1)


@pytest.fixture(scope="module")
def judge(pictures):
    return Evaluator("vgg16", "bundled").judge(pictures[2])


def test_figures_against_numpy(pictures, judge):
    image, photograph, painting, label = pictures
    maps = FeatureExtractor("vgg16", STYLES, "bundled")
    of = [{name: value[0].double().numpy() for name, value in maps(x).items()} for x in (image, photograph, painting)]
    grams = [
        [(flat := x[name].reshape(len(x[name]), -1)) @ flat.T / flat.size for name in STYLES] for x in (of[0], of[2])
    ]
    expected = {
        "ssim": structural_similarity_index_measure(image, photograph, data_range=1.0).item(),
        "mse": np.mean((image.numpy() - photograph.numpy()) ** 2),
        "gram_difference": np.mean([np.linalg.norm(g - a) / np.linalg.norm(a) for g, a in zip(*grams, strict=True)]),
        "content_distance": np.linalg.norm(of[0][CONTENT] - of[1][CONTENT]) / np.linalg.norm(of[1][CONTENT]),
    }
    assert figures(image, photograph, judge) == pytest.approx(expected, rel=1e-3)
    expected |= {
        "label_ssim": structural_similarity_index_measure(image, label, data_range=1.0).item(),
        "label_mse": np.mean((image.numpy() - label.numpy()) ** 2),
    }
    assert figures(image, photograph, judge, label) == pytest.approx(expected, rel=1e-3)
    assert set(expected) | {"lpips"} == set(FIGURES)


def test_the_untouched_photograph(pictures, judge):
    found = figures(pictures[1], pictures[1], judge)
    assert found["ssim"] == pytest.approx(1, abs=1e-5)
    assert (found["mse"], found["content_distance"]) == (0, 0)
    assert found["gram_difference"] > 0.01


@pytest.mark.parametrize("network", [pytest.param("alex", marks=pytest.mark.slow), "squeeze"])
def test_lpips_is_that_of_torchmetrics(network, pictures, judge, bare_environment, monkeypatch, tmp_path):
    weights = {"alex": models.alexnet, "squeeze": models.squeezenet1_1}[network]().state_dict()
    features = {name: tensor for name, tensor in weights.items() if name.startswith("features")}
    monkeypatch.setattr(torch.hub, "download_url_to_file", lambda *_: pytest.fail("a download"))
    assert lpips_at_hand() is None
    torch.save(features, tmp_path / LPIPS_FILES[network])
    monkeypatch.setenv("STYLENET_WEIGHTS", str(tmp_path))
    assert lpips_at_hand() == (network, tmp_path / LPIPS_FILES[network])

    lpips = Lpips(network, tmp_path / LPIPS_FILES[network])
    monkeypatch.setattr(models._api.WeightsEnum, "get_state_dict", lambda *_, **__: weights)
    reference = LearnedPerceptualImagePatchSimilarity(net_type=network, normalize=True)
    assert lpips(pictures[0], pictures[1]) == pytest.approx(float(reference(pictures[0], pictures[1])), rel=1e-4)
    assert figures(pictures[1], pictures[1], judge, lpips=lpips)["lpips"] == 0  # it remembers nothing


def at_hand(monkeypatch, *names):
    monkeypatch.setattr("stylenet.studies.measure._is_at_hand", lambda name: name in names or name == "vgg16")


def test_the_judge_trained_no_method(monkeypatch):
    at_hand(monkeypatch, "vgg19", "squeezenet1_1", "resnet50")
    assert choose_judge({}) == ("vgg19", "imagenet")
    assert choose_judge({"gatys": "vgg19", "photograph": None}) == ("squeezenet1_1", "imagenet")
    assert choose_judge({"gatys": "vgg19", "net": "squeezenet1_1"}) == ("resnet50", "imagenet")
    assert choose_judge({"gatys": "vgg19", "net": "squeezenet1_1", "a": "resnet50"}) == ("vgg16", "bundled")
    at_hand(monkeypatch, "squeezenet1_1")
    assert choose_judge({"net": "vgg16", "gatys": "vgg16"}) == ("squeezenet1_1", "imagenet")
    assert choose_judge({"net": "vgg16"}, "vgg16") == ("vgg16", "bundled")
    assert choose_judge({"net": "vgg16"}, "resnet50") == ("resnet50", "imagenet")
    with pytest.raises(InputError, match="unknown backbone 'vgg61'"):
        choose_judge({}, "vgg61")


def test_where_every_network_at_hand_trained_a_method_the_first_of_them_judges(monkeypatch):
    at_hand(monkeypatch)
    assert choose_judge({"net": "vgg16"}) == ("vgg16", "bundled")
    at_hand(monkeypatch, "resnet50")
    assert choose_judge({"net": "vgg16", "other": "resnet50"}) == ("resnet50", "imagenet")


def test_only_what_is_found_or_ships_is_at_hand(bare_environment, monkeypatch, tmp_path):
    monkeypatch.setattr(torch.hub, "download_url_to_file", lambda *_, **__: pytest.fail("a download"))
    assert choose_judge({"net": "vgg16"}) == choose_judge({}) == ("vgg16", "bundled")
    (tmp_path / "squeezenet1_1-b8a52dc0.pth").touch()
    monkeypatch.setenv("STYLENET_WEIGHTS", str(tmp_path))
    assert choose_judge({"net": "vgg16"}) == choose_judge({}) == ("squeezenet1_1", "imagenet")
    (tmp_path / "vgg19-dcbb9e9d.pth").touch()
    assert choose_judge({}) == ("vgg19", "imagenet")


def test_a_partial_judge_is_told():
    seen = {"gatys": "vgg19", "a": "vgg16", "b": None}
    assert describe_judge("resnet50", "imagenet", seen) == (
        "resnet50, imagenet weights; not known to be the loss network of any method"
    )
    assert describe_judge("vgg16", "bundled", seen) == (
        "vgg16, bundled weights; THE LOSS NETWORK OF a: its figures flatter that"
    )
    assert describe_judge("vgg_normalised", "imagenet", seen) == (
        "vgg_normalised, imagenet weights; not known to be the loss network of any method; "
        "but it is kin of vgg19, the loss network of gatys"
    )
    assert describe_judge("vgg19", "imagenet", {"any": "vgg_normalised"}).endswith(
        "but it is kin of vgg_normalised, the loss network of any"
    )
