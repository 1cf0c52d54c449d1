"""From `stylenet pseudo-label` to a training that learns from what it made."""

import sys

import pytest
from support import ROOT

from stylenet.cli import pseudo_label
from stylenet.cli.commands import _train
from stylenet.cli.exits import guarded

MODELS = {
    "johnson": ["style=starry_night", "model.style_size=32"],
    "multistyle": ["style=[starry_night,great_wave]", "model.style_size=32"],
    "adain": ["model=adain", "data.paintings=auto", "model.reconstruction_steps=0"],
}


@pytest.fixture
def labels(photographs, tmp_path, bare_environment):
    """A folder of six labels, at 32 pixels, by one step of Gatys' method."""
    folder = tmp_path / "labels"
    flags = [f"--content={photographs}", "--style=starry_night", "--limit=6", "--size=32", "--steps=1"]
    assert (
        pseudo_label.run([*flags, "--method=gatys", "--backbone=vgg16", "--weights=bundled", f"--output={folder}"]) == 0
    )
    return folder


def train(arguments, monkeypatch):
    config = ROOT / "configs" / ("debug_adain.yaml" if "model=adain" in arguments else "debug.yaml")
    shared = [f"--config={config}", "model.backbone=vgg16", "model.weights=bundled", "trainer.max_steps=1"]
    monkeypatch.setattr(sys, "argv", ["train.py", *arguments, *shared, "trainer.val_check_interval=1"])
    return guarded(_train)


@pytest.mark.parametrize("model", MODELS)
def test_every_model_learns_from_pseudo_labels(model, labels, monkeypatch, tmp_path, capfd):
    monkeypatch.chdir(tmp_path)
    assert train([*MODELS[model], f"data.pseudo_labels={labels}"], monkeypatch) == 0
    printed = capfd.readouterr()
    assert "pseudo-labels" in printed.out + printed.err
    (events,) = tmp_path.glob("outputs/debug/*/version_0/events*")
    logged = events.read_bytes()
    assert b"raw/pixel" in logged
    assert b"raw/perceptual" in logged
    assert b"val/label_mse" in logged


def test_a_weight_without_labels_is_refused(monkeypatch, tmp_path, capfd, bare_environment):
    monkeypatch.chdir(tmp_path)
    assert train([*MODELS["johnson"], "model.pixel_weight=1"], monkeypatch) == 2
    assert "need data.pseudo_labels=FOLDER" in capfd.readouterr().err


def test_labels_in_another_style_are_refused_and_a_path_counts_by_its_stem(labels, monkeypatch, tmp_path, capfd):
    monkeypatch.chdir(tmp_path)
    assert train(["style=great_wave", f"data.pseudo_labels={labels}"], monkeypatch) == 2
    assert "has no labels in great_wave, only in starry_night" in capfd.readouterr().err
    assert not list(tmp_path.rglob("version_*"))
    path = ROOT / "data" / "styles" / "starry_night.jpg"
    assert train([f"style={path}", "model.style_size=32", f"data.pseudo_labels={labels}"], monkeypatch) == 0
