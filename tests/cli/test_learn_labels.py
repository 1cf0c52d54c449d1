"""From `stylenet pseudo-label` to a training that learns from what it made."""

import pytest
from support import ROOT, picture, strip

from stylenet.cli import pseudo_label
from stylenet.images import save_image

PATH = ROOT / "data" / "styles" / "starry_night.jpg"
MODELS = {
    "johnson": [f"style={PATH}", "model.style_size=32"],  # a path counts by its stem
    "multistyle": ["style=[starry_night,great_wave]", "model.style_size=32"],
    "adain": ["model=adain", "data.paintings=auto", "model.reconstruction_steps=0"],
}


@pytest.fixture(scope="module")
def labels(tmp_path_factory):
    """A folder of six labels, at 32 pixels, by one step of Gatys' method."""
    place = tmp_path_factory.mktemp("place")
    for index in range(6):
        save_image(picture(index), place / "photographs" / f"{index}.png")
    flags = [f"--content={place / 'photographs'}", "--style=starry_night", "--size=32", "--steps=1"]
    flags += ["--method=gatys", "--backbone=vgg16", "--weights=bundled", f"--output={place / 'labels'}"]
    with pytest.MonkeyPatch.context() as monkeypatch:
        strip(monkeypatch, place)
        assert pseudo_label.run(flags) == 0
    return place / "labels"


@pytest.fixture
def train(train):
    """Train for a step on tiny images."""

    def run(*arguments):
        config = ROOT / "configs" / ("debug_adain.yaml" if "model=adain" in arguments else "debug.yaml")
        return train(*arguments, f"--config={config}", "trainer.max_steps=1", "trainer.val_check_interval=1")

    return run


@pytest.mark.parametrize("model", MODELS)
def test_every_model_learns_from_pseudo_labels(model, labels, train, tmp_path, capfd):
    assert train(*MODELS[model], f"data.pseudo_labels={labels}") == 0
    printed = capfd.readouterr()
    assert "pseudo-labels" in printed.out + printed.err
    (events,) = tmp_path.glob("outputs/debug/*/version_0/events*")
    logged = events.read_bytes()
    assert b"raw/pixel" in logged
    assert b"raw/perceptual" in logged
    assert b"val/label_mse" in logged


def test_labels_in_another_style_are_refused(labels, train, tmp_path, capfd):
    assert train("style=great_wave", f"data.pseudo_labels={labels}") == 2
    assert "has no labels in great_wave, only in starry_night" in capfd.readouterr().err
    assert not list(tmp_path.rglob("version_*"))
