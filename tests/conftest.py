"""What every test may use: generated images and trainings in this process."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

# torch is imported where it is used: xdist's first process reads this file, and runs no test


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """The networks are tiny: more threads only wait for each other."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def denormal_numbers() -> Iterator[None]:
    """What a training sets for its whole process ends with its test: numbers too small for a normal float count."""
    import torch

    yield
    torch.set_flush_denormal(False)


@pytest.fixture
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without weights and images of its own."""
    from support import strip

    strip(monkeypatch, tmp_path)


@pytest.fixture
def train(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, bare_environment: None) -> Callable[..., int]:
    """Run `train.py` of some arguments in this process and tmp_path, and return its exit code."""
    from support import train_here

    from stylenet.modules import adain

    monkeypatch.chdir(tmp_path)
    quick = partial(adain.feature_scales, images=1, size=32)
    monkeypatch.setattr(adain, "feature_scales", quick)
    return lambda *arguments: train_here(monkeypatch, tmp_path, *arguments)


@pytest.fixture
def refused(capsys: pytest.CaptureFixture) -> Callable[..., None]:
    """Check that a call ends with exit code 2, a line of error with these words, after a card at most; no file."""
    from support import files

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
    import torch
    from PIL import Image

    folder = tmp_path / "photographs"
    folder.mkdir()
    generator = torch.Generator().manual_seed(0)
    for index in range(12):
        coarse = torch.rand(1, 3, 5, 6, generator=generator)
        image = torch.nn.functional.interpolate(coarse, (40, 48), mode="bicubic").clamp(0, 1)[0]
        array = image.mul(255).byte().permute(1, 2, 0).numpy()
        Image.fromarray(array).save(folder / f"{index:02d}.png")
    return folder
