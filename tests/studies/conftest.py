"""A study and an evaluation, tiny and in a folder of their own."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from support import picture

from stylenet.images import save_image
from stylenet.networks.checkpoint import describe, save_network
from stylenet.networks.johnson import JohnsonNet
from stylenet.studies.evaluation import Evaluation
from stylenet.studies.methods import find_methods
from stylenet.studies.pictures import find_styles, photographs_in
from stylenet.studies.study import Plot, Study

TINY = {"backbone": "vgg16", "weights": "bundled", "size": 32, "steps": 2}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bare_environment: None) -> Path:
    """A working folder with two photographs, two paintings and a network for one of them."""
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate(("in/a.png", "in/b.png", "one.png", "two.png")):
        save_image(picture(seed), name)
    torch.manual_seed(0)
    network = JohnsonNet(width=1, blocks=1)
    made = {"style": "one", "steps": 600, "loss_network": {"backbone": "vgg16"}}
    save_network(network, "net.safetensors", describe(network, **made))
    return tmp_path


@pytest.fixture
def evaluation(place: Path) -> Callable[..., Evaluation]:
    """Make an evaluation of some methods on two photographs and two paintings."""

    def make(*methods: str, size: int = 48, labels: dict | None = None, steps: int = 2) -> Evaluation:
        styles, cpu = find_styles(["one.png", "two.png"]), torch.device("cpu")
        found = find_methods(methods, list(styles), steps, cpu)
        return Evaluation(found, photographs_in("in"), styles, Path("out"), size, cpu, labels=labels)

    return make


@pytest.fixture
def study(photographs: Path, bare_environment: None) -> Callable[..., Study]:
    """A study of two variants, two photographs and a painting."""
    torch.manual_seed(0)
    save_image(torch.rand(1, 3, 40, 40), photographs / "painting.png")

    def make(**changes: object) -> Study:
        given = {
            "name": "mine",
            "question": "Which?",
            "kind": "gatys",
            "base": TINY,
            "grid": [{"style_weight": [1, 10]}],
            "photographs": [str(photographs / "00.png"), str(photographs / "01.png")],
            "styles": [str(photographs / "painting.png")],
            "claims": [{"source": "Somebody 1999", "says": "Ten."}],
            "baseline": "1",
            "plots": [Plot("style_weight", ["ssim"]), Plot("step", ["loss"], history=True)],
        }
        return Study(**given | changes)

    return make
