"""Every command that writes, onto a disk that is full and into one that is read-only: one line, and nothing is lost.

The disks are tmpfs of 2 MB, which only root may mount.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from films import make_film
from support import DEBUG, picture, strip

from stylenet.cli import main
from stylenet.cli.exits import guarded
from stylenet.images import save_image
from stylenet.networks.checkpoint import describe, save_network
from stylenet.networks.johnson import JohnsonNet

pytestmark = pytest.mark.slow
SMALL = ("--size=32", "--steps=2", "--device=cpu", "--weights=random")
STUDY = """
question: How many?
kind: gatys
base: {backbone: vgg16, weights: random, size: 32}
grid: {steps: [1]}
photographs: [photo.png]
styles: [starry_night]
"""
COMMANDS = {
    "infer": ("infer", "--ckpt=net.safetensors", "--input=photo.png", "--output=disk/old.png"),
    "infer, a film": ("infer", "--ckpt=net.safetensors", "--input=film.mp4", "--output=disk/old.mp4"),
    "infer, frames": ("infer", "--ckpt=net.safetensors", "--input=film.mp4", "--frames=disk/frames"),
    "infer, a folder": ("infer", "--ckpt=net.safetensors", "--input=photos", "--output=disk/out"),
    "gatys": ("gatys", "--content=photo.png", "--style=starry_night", "--output=disk/old.png", *SMALL),
    "gatys, a film": ("gatys", "--content=film.mp4", "--style=starry_night", "--output=disk/old.mp4", *SMALL),
    "gatys, its own film": (
        *("gatys", "--content=photo.png", "--style=starry_night", "--output=out.png", "--video=disk/old.mp4"),
        *SMALL,
    ),
    "pseudo-label": (
        "pseudo-label",
        "--content=photos",
        "--style=starry_night",
        "--output=disk/out",
        "--method=gatys",
        *SMALL,
    ),
    "evaluate": (
        *("evaluate", "--photographs=photos", "--styles=starry_night", "--methods=net.safetensors"),
        *("--size=32", "--judge=vgg16", "--output=disk/out"),
    ),
    "study": ("study", "study.yaml", "--output=disk/out"),
    "export": ("export", "--ckpt=net.safetensors", "--output=disk/old.pt2", "--format=torch"),
    "import": ("import", "--source=net.safetensors", "--target=disk/old.safetensors"),
    "train": ("train", DEBUG, "style=starry_night", "trainer.logger.init_args.save_dir=disk/runs"),
}


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A folder `disk` of 2 MB in a working folder with inputs; what it is asked for happens to it: "full", "ro"."""
    strip(monkeypatch, tmp_path)
    monkeypatch.chdir(tmp_path)
    network = JohnsonNet(width=8, blocks=1)
    save_network(network, "net.safetensors", describe(network, style="starry_night"))
    Path("study.yaml").write_text(STUDY)
    make_film("film.mp4", times=[0, 40])
    for path in ("photo.png", "photos/one.png", "photos/two.png"):
        save_image(picture(0), path)
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", place], capture_output=True).returncode:
        pytest.skip("mounting a tmpfs takes root")
    for suffix in ("png", "mp4", "pt2", "safetensors"):
        (place / f"old.{suffix}").write_bytes(b"old")

    def become(state: str) -> None:
        if state == "ro":
            subprocess.run(["mount", "-o", "remount,ro", place], check=True)
            return
        with open(place / "filler", "wb", buffering=0) as file:
            try:
                while file.write(bytes(4096)):
                    pass
            except OSError:
                pass

    yield become
    subprocess.run(["umount", "--lazy", place], check=True)


@pytest.mark.parametrize("state", ["full", "ro"])
@pytest.mark.parametrize("name", COMMANDS)
def test_it_is_one_line_and_what_was_there_stays(
    name: str, state: str, disk: Callable, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    disk(state)
    argv = list(COMMANDS[name])
    monkeypatch.setattr(sys, "argv", ["stylenet", *argv])
    assert guarded(lambda: main.run(argv)) in (1, 2)
    said = capsys.readouterr().err
    assert "Traceback" not in said
    last = "0 stylized, 2 failed: " if (name, state) == ("infer, a folder", "full") else "error: "
    assert said.splitlines()[-1].startswith(last), said
    assert any(words in said for words in ("No space left", "Read-only file", "may not be written to")), said
    for path in Path("disk").rglob("*"):
        if path.is_file() and path.name != "filler":
            log = path.suffix == ".jsonl" or path.name.startswith("events.")
            assert path.read_bytes() == (b"" if log else b"old"), path
