"""A tiny backbone whose weights are to be found, fetched and read."""

import hashlib
import io

import pytest
import torch
from torch import nn

from stylenet.errors import InputError
from stylenet.features.backbones import BACKBONES, Backbone
from stylenet.features.extractor import FeatureExtractor


class Tiny(nn.Module):
    """A classifier in torchvision's fashion."""

    def __init__(self):
        super().__init__()
        convs = nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(4, 5, 3, padding=1), nn.ReLU()
        self.features = nn.Sequential(*convs)
        self.classifier = nn.Linear(5, 2)

    def forward(self, x):
        return self.classifier(self.features(x).mean((2, 3)))


@pytest.fixture
def state():
    torch.manual_seed(0)
    return Tiny().state_dict()


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """Return the folder of checkpoints of an empty torch hub cache whose path holds a space."""
    monkeypatch.delenv("STYLENET_WEIGHTS", raising=False)
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path / "torch hub"))
    return tmp_path / "torch hub" / "checkpoints"


@pytest.fixture
def tiny(hub, state, monkeypatch):
    """Put a backbone called tiny into the zoo, and return the bytes of its weights file."""
    raw = io.BytesIO()
    torch.save(state, raw)
    name = f"tiny-{hashlib.sha256(raw.getvalue()).hexdigest()[:8]}.pth"
    layers = {"relu1_1": "features.1", "relu1_2": "features.3"}
    spec = Backbone(Tiny, layers, ("relu1_1",), ("relu1_2",), name, f"http://127.0.0.1:1/{name}")
    monkeypatch.setitem(BACKBONES, "tiny", spec)
    return raw.getvalue()


@pytest.fixture
def first_bias():
    """Return what gives the bias of the first convolution that an extractor of tiny has read."""

    def first_bias(weights):
        return FeatureExtractor("tiny", ("relu1_2",), weights).body.features.get_submodule("0").bias

    return first_bias


@pytest.fixture
def refusal():
    """Return what gives the one line with which weights are refused."""

    def refusal(weights, backbone="tiny"):
        with pytest.raises(InputError) as caught:
            FeatureExtractor(backbone, tuple(BACKBONES[backbone].layers), weights)
        message = str(caught.value)
        assert "\n" not in message
        return message

    return refusal
