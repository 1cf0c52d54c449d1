"""`infer --camera`, a film playing the camera, and the window replaced."""

import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from films import drawn, facts_of, make_film, pixels_of

from stylenet.cli import infer, infer_camera
from stylenet.cli.exits import guarded
from stylenet.inference.stylizer import Stylizer
from stylenet.networks.checkpoint import describe, save_network
from stylenet.networks.johnson import JohnsonNet


class Glass:
    """A window that keeps what it is shown, and presses keys."""

    def __init__(self, keys=""):
        self.keys, self.shown, self.titles = iter(keys), [], []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.closed = True

    def show(self, pixels, title):
        self.shown.append(pixels)
        self.titles.append(title)
        return next(self.keys, "")


class Patient:
    """A camera that waits for whoever looks: twelve frames, none of which is lost."""

    def __init__(self, source):
        self.frames = [torch.from_numpy(drawn(index)).permute(2, 0, 1)[None] / 255 for index in range(12)]

    def __enter__(self):
        return self.frames

    def __exit__(self, *_):
        pass


@pytest.fixture
def patient(monkeypatch):
    monkeypatch.setattr(infer_camera, "Camera", Patient)


@pytest.fixture
def show(tmp_path, monkeypatch):
    """Run `infer.py --camera=film.mp4` with keys, and return exit code and window; there are two networks."""
    monkeypatch.chdir(tmp_path)
    for name, styles in (("net", 1), ("many", 2)):
        torch.manual_seed(0)
        network = JohnsonNet(width=1, blocks=1, num_styles=styles)
        if styles > 1:  # whose styles differ
            for parameter in network.parameters():
                torch.nn.init.normal_(parameter, std=0.5)
        save_network(network, f"{name}.safetensors", describe(network, styles=["one", "two"][:styles]))
    make_film("film.mp4")

    def run(keys="", *options, ckpt="net.safetensors", camera="film.mp4"):
        glass = Glass(keys)
        monkeypatch.setattr(infer_camera, "Window", lambda: glass)
        argv = [f"--ckpt={ckpt}", "--device=cpu", f"--camera={camera}", *options]
        return guarded(lambda: infer.run(argv)), glass

    return run


def test_a_camera_is_shown_stylized_until_it_ends(show, capsys):
    code, glass = show()
    assert code == 0
    assert 1 <= len(glass.shown) <= 10
    assert glass.closed
    stylizer = Stylizer.from_checkpoint("net.safetensors", "cpu")
    last = torch.from_numpy(pixels_of("film.mp4", 6)[-1]).permute(2, 0, 1)[None] / 255
    expected = 255 * stylizer(last)[0].permute(1, 2, 0).numpy()
    assert np.abs(glass.shown[-1] - expected).max() < 0.6
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("keys: + and - strength")
    assert lines[-1].startswith(f"{len(glass.shown)} frames, ")


def test_keys_change_the_strength(show, patient):
    _, glass = show("---+")
    assert [title.split(", ")[0] for title in glass.titles[:5]] == ["100%", "90%", "80%", "70%", "80%"]
    _, glass = show("-" * 12)
    assert glass.titles[-1].startswith("0%")


def test_strength_0_is_the_picture_of_the_camera(show):
    _, glass = show("", "--alpha=0")
    assert np.abs(glass.shown[-1].astype(int) - pixels_of("film.mp4", 6)[-1]).max() <= 1


def test_keys_choose_one_of_the_styles_or_all(show, patient):
    _, glass = show("1203q", "--style=one", "--style=two", ckpt="many.safetensors")
    assert [title.split(", ")[0] for title in glass.titles] == ["one+two", "one", "two", "one+two", "one+two"]
    assert np.abs(glass.shown[1].astype(int) - glass.shown[2]).mean() > 2


def test_q_ends_it(show):
    assert len(show("q")[1].shown) == len(show("\x1b")[1].shown) == 1


def test_ctrl_c_ends_it_and_keeps_the_record(show, patient, monkeypatch):
    real, calls = Glass.show, []

    def press(self, *given):
        calls.append(1)
        if len(calls) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return real(self, *given)

    monkeypatch.setattr(Glass, "show", press)
    code, glass = show("", "--record=out.mp4")
    assert code == 130
    assert len(pixels_of("out.mp4")) == len(glass.shown) == 2


def test_what_is_shown_is_recorded(show, capsys):
    code, glass = show("", "--record=out.mp4", "--size=32", "--stabilize=0.5")
    assert code == 0
    assert facts_of("out.mp4")["size"] == (24, 32)
    assert len(pixels_of("out.mp4")) == len(glass.shown)
    difference = pixels_of("out.mp4", 1)[-1].astype(float) - glass.shown[-1]
    assert np.abs(difference @ [0.299, 0.587, 0.114]).mean() < 8  # H.264 at this size
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"wrote out.mp4: {len(glass.shown)} frames, ")


def test_without_a_number_it_is_the_first_camera(monkeypatch, show):
    asked = []
    monkeypatch.setattr(infer_camera, "run_camera", lambda stylizer, options: asked.append(options.camera) or 0)
    monkeypatch.setattr("stylenet.cli.infer_job.run_camera", infer_camera.run_camera)
    assert guarded(lambda: infer.run(["--ckpt=net.safetensors", "--camera"])) == 0
    assert guarded(lambda: infer.run(["--ckpt=net.safetensors", "--camera", "--size=32"])) == 0
    assert guarded(lambda: infer.run(["--ckpt=net.safetensors", "--camera", "2"])) == 0
    Path("given.yaml").write_text("ckpt: net.safetensors\ncamera: 3\n")
    assert guarded(lambda: infer.run(["--config=given.yaml"])) == 0
    assert asked == ["0", "0", "2", "3"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--input=film.mp4"], "--input is for files: leave it out, or --camera"),
        (["--output=out.mp4"], "--output is for files: leave it out, or --camera"),
        (["--start=1"], "--start is for files"),
        (["--record=out.png"], "cannot write out.png: a film ends with one of .gif"),
        (["--record=film.mp4/out.mp4"], "cannot write into film.mp4"),
        (["--camera=none.mp4"], "cannot read none.mp4"),
    ],
)
def test_bad_requests(show, refused, options, message):
    refused(lambda: show("", *options)[0], message)


def test_a_record_needs_a_camera(show, capsys):
    argv = ["--ckpt=net.safetensors", "--input=film.mp4", "--output=o.mp4", "--record=r.mp4"]
    assert guarded(lambda: infer.run(argv)) == 2
    assert "--record is for --camera: leave it out, or give --output" in capsys.readouterr().err


def test_without_a_display_the_mend_is_named(monkeypatch, show, capsys):
    window = infer_camera.Window
    show("q")
    monkeypatch.setattr(infer_camera, "Window", window)
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    capsys.readouterr()
    assert guarded(lambda: infer.run(["--ckpt=net.safetensors", "--camera=film.mp4"])) == 2
    assert capsys.readouterr().err == "error: there is no display for a window: run it on a desktop\n"


def test_a_film_is_its_own_size(show):
    assert show("q")[1].shown[0].shape == drawn(0).shape
