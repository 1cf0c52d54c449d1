"""`stylenet gatys` in this process: what it writes, how it ends, what it refuses."""

import math
import os
import signal
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch
from support import picture
from torch import Tensor

from stylenet.cli import gatys
from stylenet.cli.exits import guarded
from stylenet.color import luminance
from stylenet.errors import InputError
from stylenet.features.extractor import FeatureExtractor
from stylenet.gatys import objective
from stylenet.gatys.optimize import optimize
from stylenet.gatys.run import Progress
from stylenet.images import load_image, save_image
from stylenet.losses.options import LossOptions
from stylenet.losses.perceptual import PerceptualLoss
from stylenet.losses.weighting import strength_shares

Command = Callable[..., int]


def halves(height: int = 36, width: int = 48) -> Tensor:
    """A mask: white on the left."""
    return (torch.arange(width) < width // 2).float().expand(1, 3, height, width)


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bare_environment: None) -> Command:
    """Run the command in tmp_path with a photograph and two paintings, and return its exit code."""
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate(("photo", "one", "two")):
        save_image(picture(seed, 36, 48), f"{name}.png")
    save_image(halves(), "left.png")
    save_image(1 - halves(), "right.png")

    def run(*options: str, **named: str | None) -> int:
        arguments = {"content": "photo.png", "style": "one.png", "output": "out.png", "steps": "3", "device": "cpu"}
        arguments |= {"backbone": "vgg16", "weights": "bundled"} | named
        given = [f"--{key.replace('_', '-')}={value}" for key, value in arguments.items() if value is not None]
        return guarded(lambda: gatys.run([*given, *options]))

    return run


def files() -> list[str]:
    return sorted(str(path) for path in Path().rglob("*"))


INPUTS = ["left.png", "one.png", "photo.png", "right.png", "two.png"]


# What it writes


def test_the_image_is_that_of_optimize(command: Command):
    assert (
        command(
            "style_weight=3",
            "tv_weight=0",
            "style_layers={relu1_1: 1, relu2_1: 2}",
            "schedule=cosine",
            optimizer="adam",
        )
        == 0
    )
    layers = {"relu1_1": 1.0, "relu2_1": 2.0}
    options = LossOptions(style_weight=3, tv_weight=0, style_layers=layers, content_layers=["relu4_2"])
    photograph, painting = load_image("photo.png"), load_image("one.png")
    loss = PerceptualLoss(FeatureExtractor("vgg16", options.layers, "bundled"), painting, options)
    expected = optimize(photograph, painting, loss, optimizer="adam", schedule="cosine", steps=3)
    assert (load_image("out.png") - expected.image).abs().max() < 0.6 / 255
    assert (load_image("out.png") - photograph).abs().max() > 5 / 255
    assert files() == sorted([*INPUTS, "out.png"])


def test_each_step_computes_in_the_floats_asked_for(command: Command, monkeypatch: pytest.MonkeyPatch):
    asked: list[str] = []
    monkeypatch.setattr(objective, "autocast", lambda name, device: asked.append(name) or nullcontext())
    assert command("precision=bf16-mixed") == 0
    assert asked == ["bf16-mixed"] * 3


def test_the_card_comes_first_then_a_line_now_and_then(command: Command, capsys: pytest.CaptureFixture):
    assert command(steps="4", pyramid="1", style_strength="2") == 0
    printed = " ".join(capsys.readouterr().err.split())
    assert printed.startswith("content photo.png size 48x36 pixels style one at 48x36 pixels (one.png) loss network")
    assert "loss network vgg16, bundled weights optimizer lbfgs, 4 steps, from content, style strength 2" in printed
    assert "device cpu output out.png step 1/4 content" in printed
    assert printed.endswith("wrote out.png")
    assert printed.count(" left ") == 2


def test_the_loss_network_is_the_vgg16_that_ships_unless_told_otherwise(
    command: Command, capsys: pytest.CaptureFixture
):
    images = []
    for loss_network in ({"backbone": None, "weights": None}, {}, {"weights": "random"}):
        assert command(steps="2", **loss_network) == 0
        images.append(load_image("out.png"))
    cards = " ".join(capsys.readouterr().err.split())
    assert cards.count("loss network vgg16, bundled weights optimizer") == 2
    assert torch.equal(images[0], images[1])
    assert not torch.equal(images[0], images[2])


@pytest.mark.parametrize(
    ("size", "style_size", "photograph", "painting"),
    [(None, None, (48, 36), (48, 36)), ("80", None, (80, 60), (80, 60)), ("80", "40", (80, 60), (53, 40))],
)
def test_sizes(
    command: Command, capsys: pytest.CaptureFixture, size: str, style_size: str, photograph: tuple, painting: tuple
):
    assert command(steps="1", size=size, style_size=style_size) == 0
    assert load_image("out.png").shape[:1:-1] == photograph
    assert f"one at {painting[0]}x{painting[1]} pixels" in capsys.readouterr().err


def test_large_photographs_are_scaled_down_to_512(command: Command):
    save_image(picture(0, 40, 600), "photo.png")
    assert command(steps="1") == 0
    assert load_image("out.png").shape == (1, 3, 34, 512)


def test_one_mask_says_where_to_stylize(command: Command):
    assert command(mask="left.png") == 0
    changed = (load_image("out.png") - load_image("photo.png")).abs().amax(1)[0]
    assert changed[:, 25:].max() == 0
    assert changed[:, :23].max() > 5 / 255


def redness(path: str = "out.png") -> Tensor:
    """Red less blue, (H, W)."""
    red, _, blue = load_image(path)[0]
    return red - blue


QUICK = ("content_weight=0", "tv_weight=0", "style_layers=[relu1_1]")
"""Style alone, by its colors above all, which random weights of a first layer see best."""
RED, BLUE = (torch.tensor(rgb).view(1, 3, 1, 1) for rgb in ([0.9, 0.1, 0.1], [0.1, 0.1, 0.9]))


def test_a_mask_of_each_style_says_where_it_belongs(command: Command):
    save_image(RED.expand(1, 3, 36, 48), "one.png")
    save_image(BLUE.expand(1, 3, 36, 48), "two.png")
    assert command("--style=two.png", "--mask=left.png", "--mask=right.png", *QUICK, weights="random", steps="20") == 0
    assert redness()[:, :20].mean() > redness()[:, 28:].mean() + 0.3


def test_a_style_mask_says_where_to_look(command: Command):
    save_image(torch.where(halves() > 0, RED, BLUE), "one.png")
    assert command(*QUICK, style_mask="left.png", weights="random", steps="10", output="red.png") == 0
    assert command(*QUICK, style_mask="right.png", weights="random", steps="10", output="blue.png") == 0
    assert redness("red.png").mean() > redness("blue.png").mean() + 0.3


def test_styles_are_blended_by_weight(command: Command):
    save_image(RED.expand(1, 3, 36, 48), "one.png")
    save_image(BLUE.expand(1, 3, 36, 48), "two.png")
    shades = []
    for weights in ("0.9,0.1", "0.5,0.5", "0.1,0.9"):
        assert command("--style=two.png", *QUICK, style_weights=weights, weights="random", steps="10") == 0
        shades.append(redness().mean())
    assert shades[0] > shades[1] + 0.05 > shades[2] + 0.1


def test_luminance_keeps_the_chroma(command: Command):
    assert command(preserve_color="luminance") == 0
    difference = load_image("out.png") - load_image("photo.png")
    assert (difference - luminance(difference)).abs().max() < 2 / 255  # the same for R, G and B: chroma stays
    assert difference.abs().max() > 5 / 255


def test_an_image_to_start_from_and_noise_by_its_seed(command: Command):
    images = []
    for init, seed in (("two.png", "0"), ("noise", "0"), ("noise", "0"), ("noise", "1"), ("style", "0")):
        assert command(init=init, seed=seed) == 0
        images.append(load_image("out.png"))
    assert torch.equal(images[1], images[2])
    for i, j in ((0, 1), (1, 3), (0, 4)):
        assert (images[i] - images[j]).abs().mean() > 5 / 255


def test_a_film_of_the_optimization(command: Command):
    av = pytest.importorskip("av")
    assert command(video="new/film.mp4", steps="5", pyramid="2") == 0  # the coarse size is too small: one size is left
    with av.open("new/film.mp4") as container:
        frames = [frame.to_ndarray()[:36] for frame in container.decode(video=0)]  # luminance comes first
    assert len(frames) == 10 * 24 + 2 * 24
    assert frames[0].shape == (36, 48)
    wanted = 16 + 219 * np.tensordot([0.2126, 0.7152, 0.0722], load_image("out.png")[0].numpy(), 1)  # BT.709
    assert abs(frames[-1] - wanted).mean() < 3


# How it ends


def interrupting(monkeypatch: pytest.MonkeyPatch, at: int, times: int) -> None:
    real = gatys.Watch.__call__

    def press(self: gatys.Watch, progress: Progress) -> bool:
        if progress.record.step == at:
            for _ in range(times):
                os.kill(os.getpid(), signal.SIGINT)
        return real(self, progress)

    monkeypatch.setattr(gatys.Watch, "__call__", press)


def test_ctrl_c_saves_the_image_so_far(
    command: Command, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    interrupting(monkeypatch, at=2, times=1)
    handler = signal.getsignal(signal.SIGINT)
    assert command(steps="1000", video="film.mp4") == 130
    assert capsys.readouterr().err.endswith("interrupted; wrote out.png and film.mp4\n")
    assert files() == sorted([*INPUTS, "out.png", "film.mp4"])
    assert signal.getsignal(signal.SIGINT) is handler


def test_a_second_ctrl_c_stops_at_once(
    command: Command, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    interrupting(monkeypatch, at=2, times=2)
    assert command(steps="1000", video="film.mp4") == 130
    assert capsys.readouterr().err.endswith("interrupted\n")
    assert files() == INPUTS


def test_a_diverged_run_saves_the_last_good_image(
    command: Command, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    real, calls = PerceptualLoss.per_item, []

    def per_item(self: PerceptualLoss, *given: object) -> dict[str, Tensor]:
        calls.append(1)
        terms = real(self, *given)
        return {name: term * float("nan") for name, term in terms.items()} if len(calls) > 3 else terms

    monkeypatch.setattr(PerceptualLoss, "per_item", per_item)
    assert command(steps="40") == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("diverged: ")
    assert last.endswith("; wrote out.png, the last good image")
    assert (load_image("out.png") - load_image("photo.png")).abs().max() > 5 / 255


def test_out_of_memory_is_one_line(command: Command, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    def fail(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(PerceptualLoss, "per_item", fail)
    assert command() == 2
    assert capsys.readouterr().err.endswith(
        "photo.png does not fit into the memory at this size: give a smaller --size\n"
    )
    assert files() == INPUTS


# Bad input: one line, exit code 2, nothing written


@pytest.mark.parametrize(("most", "warned"), [(8 * 10**8, True), (2 * 10**9, False), (None, False)])
def test_a_photograph_beyond_memory_is_told_of(
    command: Command, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, most: int | None, warned: bool
):
    monkeypatch.setattr(gatys, "most_memory", lambda: most)
    assert command() == 0
    line = "photo.png at 48x36 pixels takes over 1.0 GB, and 0.8 GB are there: if the system ends this, give a smaller"
    assert (line in capsys.readouterr().err) == warned


def mistake(message: str, *options: str, **named: str | None) -> tuple[str, tuple[str, ...], dict[str, str | None]]:
    return message, options, named


BAD = {
    "missing photograph": mistake("no such file or folder: missing.jpg", content="missing.jpg"),
    "folder as photograph": mistake("--content=folder is a folder: give one image", content="folder"),
    "text as photograph": mistake("text.jpg is not an image", content="text.jpg"),
    "missing painting": mistake("unknown style 'scream': did you mean 'the_scream'?", style="scream"),
    "missing path of a painting": mistake("no style image at a/gone.jpg", style="a/gone.jpg"),
    "tiny painting": mistake("style image tiny.png has 3x3 pixels: take one of at least 16", style="tiny.png"),
    "unknown suffix": mistake("cannot write out.xyz: end it with / or one of .bmp", output="out.xyz"),
    "output under a file": mistake("cannot write into text.jpg: text.jpg is no folder", output="text.jpg/out.png"),
    "over the photograph": mistake("photo.png would overwrite a photograph", output="./photo.png"),
    "over the painting": mistake("one.png would overwrite an input: give another --output", output="./one.png"),
    "over the mask": mistake("left.png would overwrite an input", output="left.png", mask="left.png"),
    "unknown kind of film": mistake("cannot write f.avi: a film ends with one of .mkv, .mov, .mp4", video="f.avi"),
    "film under a file": mistake("cannot write into text.jpg: text.jpg is no folder", video="text.jpg/film.mp4"),
    "film onto a folder": mistake("cannot write folder.mp4: it is a folder", video="folder.mp4"),
    "missing mask": mistake("cannot read gone.png: No such file", mask="gone.png"),
    "broken mask": mistake("text.jpg is not an image", mask="text.jpg"),
    "black mask": mistake("mask black.png is black everywhere: paint white what it is for", mask="black.png"),
    "mask of another shape": mistake("mask wide.png has 60x36 pixels, its picture 48x36: give both", mask="wide.png"),
    "one mask, two styles": mistake("1 masks for 2 styles: give one --mask for", "--style=two.png", mask="left.png"),
    "two masks, one style": mistake("2 masks for 1 styles: give one --mask", "--mask=left.png", mask="right.png"),
    "one style mask, two styles": mistake(
        "1 style masks for 2 styles: give one --style-mask for", "--style=two.png", style_mask="left.png"
    ),
    "three weights, one style": mistake("3 style weights for 1 styles: give one", style_weights="1,2,3"),
    "weights in words": mistake("style_weights=much: give a number", style_weights="much"),
    "negative weight": mistake("style weight -1: give more than 0, or leave", style_weights="-1"),
    "weight of zero": mistake("style weight 0: give more than 0", style_weights="0"),
    "weight that is no number": mistake("style_weights=nan: give a number", style_weights="nan"),
    "tiny photograph": mistake("tiny.png has 3x3 pixels at this size: vgg16 needs at least 16", content="tiny.png"),
    "tiny size": mistake("photo.png has 20x15 pixels at this size: vgg16 needs at least 16 on", size="20"),
    "unknown optimizer": mistake("unknown optimizer 'lbgfs': did you mean 'lbfgs'?", optimizer="lbgfs"),
    "learning rate of lbfgs": mistake("leave out lr", lr="0.1"),
    "negative learning rate": mistake("lr is -1.0: give more than 0", optimizer="adam", lr="-1"),
    "unknown init": mistake("'content'? known are content, noise, style, or the path of an image", init="contents"),
    "missing init": mistake("cannot read nope.png: No such file", init="nope.png"),
    "folder as init": mistake("cannot read folder: Is a directory", init="folder"),
    "unknown way of colors": mistake("unknown way to preserve color 'luma'", preserve_color="luma"),
    "no strength": mistake("style_strength is 0.0: give more than 0", style_strength="0"),
    "unknown precision": mistake("unknown precision 'bf16': did you mean 'bf16-mixed'?", precision="bf16"),
    "precision in figures": mistake("unknown precision '16': known are 32-true, bf16-mixed", precision="16"),
    "unknown device": mistake("unknown device 'gpu'", device="gpu"),
    "unknown backbone": mistake("unknown backbone 'vgg18': did you mean 'vgg19'?", backbone="vgg18"),
    "missing weights": mistake("no weights 'gone.pth': give auto, bundled, imagenet", weights="gone.pth"),
    "weights without a file": mistake("no robust weights for vgg16: give imagenet, bundled, random", weights="robust"),
    "unknown key": mistake("unknown option 'style_wieght': did you mean 'loss.style_weight'?", "style_wieght=3"),
    "unknown key with dashes": mistake("option '--tv-wieght': did you mean '--loss.tv-weight'?", "--tv-wieght=3"),
    "flag without dashes": mistake("unknown option 'sizes': did you mean 'size'?", "sizes=3"),
    "unknown layer": mistake("unknown layer of vgg16 'relu9_1': did you mean", "style_layers=[relu9_1]"),
    "unknown statistic": mistake("unknown statistic 'grams': did you mean 'gram'?", "statistic=grams"),
    "unknown normalization": mistake("unknown normalization 'gaty': did you mean 'gatys'?", "normalization=gaty"),
    "unknown schedule": mistake("unknown schedule 'cosin': did you mean 'cosine'?", "schedule=cosin", optimizer="adam"),
    "weight in words": mistake("loss.style_weight=much: give a number", "style_weight=much"),
    "one layer without brackets": mistake("style_layers=a: give a list as [a,b] or a mapping", "style_layers=a"),
    "half a scale": mistake("loss.scales=1.5: give a whole number", "scales=1.5"),
    "negative loss weight": mistake("style_weight is -1.0: give 0 or more", "style_weight=-1"),
    "no weight at all": mistake("every weight is 0", "style_weight=0", "content_weight=0", "tv_weight=0"),
    "pixels of pseudo-labels": mistake("unknown option 'pixel_weight'", "pixel_weight=1"),
    "features of pseudo-labels": mistake("unknown option 'perceptual_weight'", "perceptual_weight=1"),
    "strength without content": mistake("give neither a weight of 0", "content_weight=0", style_strength="5"),
    "strength without style": mistake("give neither a weight of 0", "style_weight=0", style_strength="5"),
    "no patience": mistake("patience is 0: give at least 1", "patience=0"),
}  # fmt: skip


@pytest.fixture
def bad_place(command: Command) -> Command:
    Path("folder.mp4").mkdir()
    Path("folder").mkdir()
    Path("text.jpg").write_text("words")
    save_image(picture(0, 3, 3), "tiny.png")
    save_image(torch.zeros(1, 3, 36, 48), "black.png")
    save_image(torch.ones(1, 3, 36, 60), "wide.png")
    return command


@pytest.mark.parametrize("case", BAD)
def test_bad_input(bad_place: Command, monkeypatch: pytest.MonkeyPatch, refused, case: str):
    message, options, named = BAD[case]
    monkeypatch.setattr(gatys.Watch, "__call__", lambda *_: pytest.fail("a step was made"))
    refused(lambda: bad_place(*options, **named), message, card=True)


def test_a_film_without_pyav_is_refused_first(
    command: Command, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    monkeypatch.setitem(sys.modules, "av", None)
    assert command(video="film.mp4") == 2
    assert "pip install 'stylenet[video]'" in capsys.readouterr().err
    assert files() == INPUTS


def test_the_usual_strength_of_the_help_is_that_of_the_error():
    with pytest.raises(InputError, match="; 5 is a usual one"):
        strength_shares(0)
    assert "5 is usual" in str(gatys.gatys.__doc__)


def test_a_loss_that_is_never_finite_is_exit_code_1(
    command: Command, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    original = PerceptualLoss.weighted
    monkeypatch.setattr(
        PerceptualLoss, "weighted", lambda *given: {name: term * math.nan for name, term in original(*given).items()}
    )
    assert command(steps="3", pyramid="1") == 1
    assert "diverged: the loss is not a number from the first step on" in capsys.readouterr().err
