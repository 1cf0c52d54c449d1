"""`stylenet pseudo-label`: killed and resumed, shared by processes, and what it refuses."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support import ROOT, files, picture

from stylenet.cli import pseudo_label
from stylenet.cli.exits import guarded
from stylenet.data.pairs import read_manifest
from stylenet.images import save_image
from stylenet.inference.label_shards import Shard, made
from stylenet.inference.labelers import GatysLabeler
from stylenet.inference.pseudo_labels import Picture
from stylenet.networks.adain import AdaIN
from stylenet.networks.checkpoint import describe, save_network
from stylenet.networks.johnson import JohnsonNet

Command = Callable[..., int]
COUNT = 4
VGG16 = {"backbone": "vgg16", "weights": "bundled"}
KEYS = {f"photographs/{folder}.png" for folder in ("0", "1", "2", "sub/3")}


def options(**named: Any) -> list[str]:
    given = {"content": "photos", "style": "one.png", "method": "gatys", "output": "out", "steps": "2", "size": "32"}
    given |= {"backbone": "squeezenet1_1", "weights": "random", "device": "cpu"} | named
    return [f"--{key.replace('_', '-')}={value}" for key, value in given.items() if value is not None]


def write_inputs() -> None:
    """Write four photographs and two paintings."""
    for seed in range(COUNT):
        save_image(picture(seed, 36, 44), f"photos/{'sub/' if seed == 3 else ''}{seed}.png")
    for seed, name in enumerate(("one", "two"), start=10):
        save_image(picture(seed, 36, 44), f"{name}.png")


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bare_environment: None) -> Command:
    """Run the command in tmp_path with four photographs and two paintings, and return its exit code."""
    monkeypatch.chdir(tmp_path)
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    write_inputs()

    def run(*more: str, rank: int = 0, ranks: int = 1, **named: Any) -> int:
        with monkeypatch.context() as patch:
            if ranks > 1:
                patch.setenv("RANK", str(rank))
                patch.setenv("WORLD_SIZE", str(ranks))
            return guarded(lambda: pseudo_label.run([*options(**named), *more]))

    return run


def manifest(folder: str = "out") -> list[dict[str, Any]]:
    """Return a manifest but for the seconds, after a look at the files that it names."""
    for pair in read_manifest(folder):
        for part in ("photograph", "label", "style"):
            raw = (Path(folder) / getattr(pair, part)).read_bytes()
            assert hashlib.sha256(raw).hexdigest() == getattr(pair, f"{part}_sha256")
    lines = (Path(folder) / "manifest.jsonl").read_text().splitlines()
    return [{name: value for name, value in json.loads(line).items() if name != "seconds"} for line in lines]


@dataclass(frozen=True)
class Straight:
    """What an uninterrupted run of one process leaves."""

    manifest: list[dict[str, Any]]
    files: list[str]


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Straight:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("straight"))
        write_inputs()
        assert pseudo_label.run(options()) == 0
        return Straight(manifest(), files("out"))


def start(folder: Path, *more: str, **environment: str) -> subprocess.Popen:
    """Start the command as a process."""
    return subprocess.Popen(
        [sys.executable, "-m", "stylenet.cli.main", "pseudo-label", *options(), *more],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), **environment},
        stderr=subprocess.PIPE,
        text=True,
    )


# Whole runs


def test_pairs_of_every_photograph_and_style(command: Command, capsys: pytest.CaptureFixture):
    assert command("--style=two.png", "style_weight=3", "optimizer=adam") == 0
    pairs = manifest()
    assert [(pair["style_name"], pair["photograph"]) for pair in pairs] == [
        (style, name) for style in ("one", "two") for name in sorted(KEYS)
    ]
    first = pairs[0]
    assert (first["source"], first["label"], first["style"]) == ("photos/0.png", "labels/one/0.png", "styles/one.png")
    assert (first["width"], first["height"]) == (32, 26)
    wanted = {"size": 32, "style_size": 24, "steps": 2, "style_weight": 3, "optimizer": "adam", "init": "content"}
    assert wanted.items() <= first["settings"].items()
    named = {pair[part] for pair in pairs for part in ("photograph", "label", "style")}
    assert files("out") == sorted([*named, "manifest.jsonl"])
    printed = " ".join(capsys.readouterr().err.split())
    assert "photographs 4 of photos, 32 pixels at most styles one, two, at 24 pixels method gatys, 2 steps" in printed
    assert printed.endswith("8 pairs made out/manifest.jsonl holds 8 pairs")


def test_the_same_command_again_makes_nothing(
    command: Command, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    assert command() == 0
    before = Path("out/manifest.jsonl").read_bytes()
    monkeypatch.setattr(GatysLabeler, "stylist", lambda *_: lambda _: pytest.fail("a label was made"))
    assert command() == 0
    assert Path("out/manifest.jsonl").read_bytes() == before
    assert "4 of this process's pairs are there, 0 are to be made" in " ".join(capsys.readouterr().err.split())


def test_a_limit_is_raised_and_a_style_added_later(command: Command):
    assert command(limit=2) == 0
    assert len(manifest()) == 2
    assert command() == 0
    assert command(style="two.png") == 0
    assert command("--style=two.png", output="straight") == 0
    assert manifest() == manifest("straight")


def test_labels_by_an_adain_network(command: Command):
    network = AdaIN("vgg16", "bundled", width=2)
    save_network(network, "net.safetensors", describe(network))
    assert command("alpha=0.5", method="adain", ckpt="net.safetensors", steps=None, **VGG16) == 0
    pairs = manifest()
    assert len(pairs) == COUNT
    assert pairs[0]["settings"]["alpha"] == 0.5
    assert pairs[0]["losses"]["content/relu4_2"] > 0  # as `gatys` would measure them


def test_labels_are_by_the_vgg16_that_ships_unless_told_otherwise(command: Command):
    assert command(backbone=None, weights=None, limit=1) == 0
    (pair,) = manifest()
    assert (pair["settings"]["backbone"], pair["settings"]["weights"]) == ("vgg16", "bundled")


def test_the_manifest_tells_the_floats(command: Command):
    assert command(limit="1", precision="bf16-mixed") == 0
    (pair,) = manifest()
    assert pair["settings"]["precision"] == "bf16-mixed"


# Killed, interrupted, shared


@pytest.mark.slow
def test_a_run_killed_and_resumed_has_the_manifest_of_one_that_was_not(command: Command, tmp_path: Path):
    process = start(tmp_path, "--output=cut", "--steps=20")
    deadline = time.monotonic() + 200
    while len(made(tmp_path / "cut")) < 2:
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline, "no pairs in time"
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not Path("cut/manifest.jsonl").exists()
    with Path("cut/manifest.0.jsonl").open("a") as part:
        part.write('{"photograph": "photographs/sub')  # as if killed in the middle of a line
    assert command(steps=20, output="cut") == 0
    assert command(steps=20, output="straight") == 0
    assert manifest("cut") == manifest("straight")
    assert [name for name in files("cut") if not name.endswith(".tmp")] == files("straight")


class Killed(BaseException):
    """Ends the run where it stands, as SIGKILL does."""


@pytest.mark.parametrize("at", ["before the photograph", "before the label", "before the line"])
def test_killed_between_any_two_files(command: Command, straight: Straight, monkeypatch: pytest.MonkeyPatch, at: str):
    owner, method = (Shard, "add") if at == "before the line" else (Picture, "write")
    real, left = getattr(owner, method), [1]

    def killed(self: Any, given: Any) -> None:
        if owner is Shard or self.path.startswith("photographs" if at == "before the photograph" else "labels"):
            if not left[0]:
                raise Killed
            left[0] -= 1
        real(self, given)

    with monkeypatch.context() as patch:
        patch.setattr(owner, method, killed)
        with pytest.raises(Killed):
            command()
    assert len(made(Path("out"))) == 1
    assert command() == 0
    assert (manifest(), files("out")) == (straight.manifest, straight.files)


@pytest.mark.slow
def test_two_processes_label_every_photograph_once(command: Command, straight: Straight, tmp_path: Path):
    processes = [start(tmp_path, RANK=str(rank), WORLD_SIZE="2") for rank in range(2)]
    errors = [process.communicate(timeout=200)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], errors
    assert sum(error.count("2 pairs made") for error in errors) == 2
    assert (manifest(), files("out")) == (straight.manifest, straight.files)


def test_ranks_take_turns_and_another_number_of_them_goes_on(command: Command, straight: Straight):
    assert command(rank=1, ranks=3) == 0
    assert [photograph for _, photograph in made(Path("out"))] == ["photographs/1.png"]
    for rank in (1, 0):
        assert not Path("out/manifest.jsonl").exists()
        assert command(rank=rank, ranks=2) == 0
    assert (manifest(), files("out")) == (straight.manifest, straight.files)


def test_ctrl_c_stops_after_the_pair_and_says_what_is_left(
    command: Command, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    real = Shard.add

    def press(self: Shard, pair: Any) -> None:
        real(self, pair)
        os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(Shard, "add", press)
        assert command("--style=two.png") == 130
    assert capsys.readouterr().err.endswith("1 pairs made; interrupted with 7 left: the same command goes on\n")
    assert len(made(Path("out"))) == 1
    assert command("--style=two.png") == 0
    assert len(manifest()) == 8


# Photographs that cannot be used


def test_broken_photographs_are_named_and_skipped(command: Command, capsys: pytest.CaptureFixture):
    Path("photos/00.jpg").write_text("words")
    assert command("--style=two.png") == 1
    lines = capsys.readouterr().err.splitlines()[-3:]
    assert lines[0] == "failed: photos/00.jpg is not an image that can be read"
    assert lines[1] == "8 pairs made, 2 failed"
    assert lines[2] == "out/manifest.jsonl holds 8 pairs, 2 are missing: the same command tries them again"
    save_image(picture(9, 36, 44), "mended.png")
    Path("mended.png").rename("photos/00.jpg")
    assert command("--style=two.png") == 0
    assert len(manifest()) == 10


def test_only_the_last_process_ends_with_an_error(command: Command):
    """Torchrun would kill the others."""
    Path("photos/0.png").write_text("words")
    assert command(rank=0, ranks=2) == 0
    assert command(rank=1, ranks=2) == 1
    assert len(manifest()) == COUNT - 1


def test_a_photograph_that_changed_is_not_mixed_with_its_old_labels(command: Command, capsys: pytest.CaptureFixture):
    assert command() == 0
    before = manifest()
    save_image(picture(9, 36, 44), "photos/1.png")
    assert command(style="two.png") == 1
    assert "failed: photos/1.png has changed since other labels of it were made" in capsys.readouterr().err
    assert [pair for pair in manifest() if pair["style_name"] == "one"] == before


# Bad input: one line, exit code 2, nothing written

BAD = {
    "no method": ("give --method; see stylenet pseudo-label --help", {"method": None}, ()),
    "unknown method": ("unknown method 'gaty': did you mean 'gatys'?", {"method": "gaty"}, ()),
    "adain without a network": ("--method=adain needs --ckpt", {"method": "adain"}, ()),
    "steps of adain": ("--steps is of no use to --method=adain", {"method": "adain", "ckpt": "net.safetensors"}, ()),
    "network for gatys": ("--ckpt is of no use to --method=gatys", {"ckpt": "net.safetensors"}, ()),
    "another network": (
        "net.safetensors holds a JohnsonNet: give an AdaIN checkpoint",
        {"method": "adain", "ckpt": "net.safetensors", "steps": None},
        (),
    ),
    "alpha": ("alpha is 2.0: give 0 to 1", {"method": "adain", "ckpt": "net.safetensors", "steps": None}, ["alpha=2"]),
    "missing folder": ("--content=gone is no folder: give one of photographs", {"content": "gone"}, ()),
    "one photograph": ("--content=one.png is no folder", {"content": "one.png"}, ()),
    "empty folder": ("no images in empty", {"content": "empty"}, ()),
    "output is content": ("--output is the input folder photos", {"output": "photos"}, ()),
    "output under a file": ("cannot write into one.png/out", {"output": "one.png/out"}, ()),
    "unknown style": ("unknown style 'great_wav': did you mean 'great_wave'?", {"style": "great_wav"}, ()),
    "one name": ("two styles of one name in one.png, photos/one.jpg: rename one", {}, ["--style=photos/one.jpg"]),
    "unknown key": ("unknown option 'style_wieght': did you mean 'loss.style_weight'?", {}, ["style_wieght=2"]),
    "label weights": ("unknown option 'pixel_weight'", {}, ["pixel_weight=1"]),
    "no steps": ("steps=0: give a whole number from 1 to 1000000", {"steps": "0"}, ()),
    "unknown init": ("unknown init 'nose': did you mean 'noise'?", {"init": "nose"}, ()),
    "unknown optimizer": ("unknown optimizer 'adams': did you mean 'adam'?", {}, ["optimizer=adams"]),
    "no pyramid": ("pyramid=0: give a whole number from 1 to 8", {}, ["pyramid=0"]),
    "unknown colors": ("unknown way to preserve color 'luma'", {}, ["preserve_color=luma"]),
    "unknown backbone": ("unknown backbone 'vgg18': did you mean 'vgg19'?", {"backbone": "vgg18"}, ()),
    "missing weights": ("no weights 'gone.pth': give auto, bundled, imagenet", {"weights": "gone.pth"}, ()),
    "unknown device": ("unknown device 'gpu'", {"device": "gpu"}, ()),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(command: Command, refused, case: str):
    message, named, more = BAD[case]
    Path("empty").mkdir()
    save_image(picture(0, 36, 44), "photos/one.jpg")
    save_network(JohnsonNet(width=1, blocks=1), "net.safetensors", describe(JohnsonNet(width=1, blocks=1)))
    refused(lambda: command(*more, **named), message)
    assert not Path("out").exists()


def test_a_folder_of_other_settings_is_refused(command: Command, capsys: pytest.CaptureFixture):
    assert command() == 0
    before = {name: Path(name).read_bytes() for name in files()}
    for message, named in (("steps=2, now steps=3", {"steps": 3}), ("size=32, now size=40", {"size": 40})):
        assert command(**named) == 2
        assert f"error: out holds pairs made with {message}: give another --output\n" in capsys.readouterr().err
    save_image(picture(5, 36, 44), "one.png")
    before["one.png"] = Path("one.png").read_bytes()
    assert command() == 2
    assert "out holds pairs of another painting called one: give another --output" in capsys.readouterr().err
    assert {name: Path(name).read_bytes() for name in files()} == before


def test_variables_of_torchrun_that_make_no_sense(
    command: Command, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    monkeypatch.setenv("RANK", "2")
    assert command() == 2
    assert "RANK=2 and WORLD_SIZE=1 make no sense: unset them, or start with torchrun" in capsys.readouterr().err
