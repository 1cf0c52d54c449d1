"""The wheel holds all that a user needs: built, installed into an empty folder, and run from another."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from PIL import Image
from support import ROOT

PROGRAM = """
import ast, sys
from stylenet import resources
from stylenet.cli.main import run
print("from", resources.ROOT)
for arguments in ast.literal_eval(sys.argv[1]):
    sys.argv = ["stylenet", *arguments]
    if code := run(arguments):
        sys.exit(code)
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the package as the wheel brings it, and nothing else."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "--wheel-dir", str(folder), str(ROOT)], check=True, timeout=120)
    (wheel,) = folder.glob("*.whl")
    target = folder / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    return target


@pytest.fixture
def stylenet(installed: Path, tmp_path: Path):
    """Run `stylenet` of the wheel several times in a process in an empty folder, and return what it printed."""
    keep = {name: value for name, value in os.environ.items() if not name.startswith("STYLENET_")}

    def run(*commands: list[str]) -> str:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, repr(commands)],
            cwd=tmp_path,
            env=keep | {"PYTHONPATH": str(installed), "OMP_NUM_THREADS": "1", "TORCH_HOME": str(tmp_path / "torch")},
            capture_output=True,
            text=True,
            timeout=240,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    Image.effect_noise((72, 64), 60).convert("RGB").save(tmp_path / "photo.png")
    return run


def test_networks_paintings_and_loss_network_of_the_wheel_are_found(installed: Path, stylenet, tmp_path: Path):
    infer = ["infer", "--ckpt=starry_night", "--input=photo.png", "--output=out.png"]
    gatys = ["gatys", "--content=photo.png", "--style=great_wave", "--output=own.png", "--steps=2", "--size=48"]
    printed = stylenet(infer, gatys)
    assert f"from {(installed / 'stylenet' / 'shipped').resolve()}\n" in printed
    assert "vgg16, bundled weights" in " ".join(printed.split())
    assert Image.open(tmp_path / "out.png").size == (72, 64)
    assert (tmp_path / "own.png").is_file()


@pytest.mark.slow
def test_a_training_finds_its_configs_and_styles(stylenet, tmp_path: Path):
    stylenet(["train", "style=tahiti", f"--config={ROOT / 'configs' / 'debug.yaml'}"])
    assert list(tmp_path.glob("outputs/debug/tahiti/version_0/stylizer.safetensors"))


@pytest.mark.slow
def test_an_evaluation_and_a_study_run(stylenet, tmp_path: Path):
    evaluate = ["evaluate", "--photographs=.", "--styles=starry_night", "--output=compared", "--size=48"]
    stylenet([*evaluate, "--methods=photograph,starry_night"], ["study", "init", "--quick"])
    assert list((tmp_path / "compared").glob("*.md"))
    assert (tmp_path / "studies" / "init-quick").is_dir()
