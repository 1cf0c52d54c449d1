"""What every test may use: generated images and a command line run as a user would."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import torch
from PIL import Image
from support import ROOT, files, strip, train_here

from stylenet.modules import adain

torch.set_num_threads(1)  # the networks are tiny: more threads only wait for each other


@pytest.fixture(autouse=True)
def denormal_numbers() -> Iterator[None]:
    """What a training sets for its whole process ends with its test: numbers too small for a normal float count."""
    yield
    torch.set_flush_denormal(False)


@pytest.fixture
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without weights and images of its own."""
    strip(monkeypatch, tmp_path)


@pytest.fixture
def train(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, bare_environment: None) -> Callable[..., int]:
    """Run `train.py` of some arguments in this process and tmp_path, and return its exit code."""
    monkeypatch.chdir(tmp_path)
    quick = partial(adain.feature_scales, images=1, size=32)
    monkeypatch.setattr(adain, "feature_scales", quick)
    return lambda *arguments: train_here(monkeypatch, tmp_path, *arguments)


@pytest.fixture
def refused(capsys: pytest.CaptureFixture) -> Callable[..., None]:
    """Check that a call ends with exit code 2, a line of error with these words, after a card at most; no file."""

    def check(call: Callable[[], int], words: str, card: bool = False) -> None:
        before = files()
        capsys.readouterr()
        assert call() == 2
        captured = capsys.readouterr()
        *others, line = captured.err.splitlines()
        assert line.startswith("error: ")
        assert words in line
        assert captured.out == ""
        assert not [other for other in others if not card or other.startswith(("error", "Traceback"))]
        assert files() == before

    return check


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """A folder of twelve small generated photographs."""
    folder = tmp_path / "photographs"
    folder.mkdir()
    generator = torch.Generator().manual_seed(0)
    for index in range(12):
        coarse = torch.rand(1, 3, 5, 6, generator=generator)
        image = torch.nn.functional.interpolate(coarse, (40, 48), mode="bicubic").clamp(0, 1)[0]
        array = image.mul(255).byte().permute(1, 2, 0).numpy()
        Image.fromarray(array).save(folder / f"{index:02d}.png")
    return folder


@pytest.fixture
def train_command(tmp_path: Path, bare_environment: None) -> Callable[..., subprocess.CompletedProcess]:
    """Run train.py in tmp_path on one thread and return the finished process."""

    def run(*arguments: str, check: bool = True, **environment: str) -> subprocess.CompletedProcess:
        done = subprocess.run(
            [sys.executable, str(ROOT / "train.py"), *arguments],
            cwd=tmp_path,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT / "tests"), **environment},
            capture_output=True,
            text=True,
            timeout=240,
        )
        assert not check or done.returncode == 0, done.stderr
        return done

    return run
