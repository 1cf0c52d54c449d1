"""What several tests share."""

import multiprocessing
import os
import signal
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from stylenet.images import save_image
from stylenet.inference.stylizer import Stylizer

ROOT = Path(__file__).resolve().parents[1]
DEBUG = f"--config={ROOT / 'configs' / 'debug.yaml'}"
FORK = sys.platform == "linux" and not torch.cuda.is_available()  # the threads of a GPU do not survive one
PROCESSES = multiprocessing.get_context("fork" if FORK else "spawn")


def strip(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Make the environment that of a machine without weights and images of its own."""
    for name in ("STYLENET_WEIGHTS", "STYLENET_IMAGES", "STYLENET_COCO"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TORCH_HOME", str(folder / "torch"))


def train_here(monkeypatch: pytest.MonkeyPatch, folder: Path, *arguments: str) -> int:
    """Run `train.py` of these arguments in this process and that folder, and return its exit code."""
    from stylenet.cli.exits import guarded
    from stylenet.cli.train import _train

    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["train.py", *arguments])
    return guarded(_train)


def start_training(folder: Path, *arguments: str) -> multiprocessing.process.BaseProcess:
    """Start `train.py` in that folder as a process; forked from this one where that can be, it need not import torch.

    What it prints goes into `output.txt` of the folder.
    """
    process = PROCESSES.Process(target=_train_program, args=(folder, arguments))
    process.start()
    return process


def _train_program(folder: Path, arguments: tuple[str, ...]) -> None:
    from stylenet.cli.main import train

    os.chdir(folder)
    os.environ |= {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT / "tests")}
    torch.set_num_threads(1)
    sys.modules["__main__"].__spec__ = None  # else the other processes of a DDP would run pytest
    sys.argv = [str(ROOT / "train.py"), *arguments]
    with open("output.txt", "w") as file:
        for number in (1, 2):
            os.dup2(file.fileno(), number)
        sys.stdout = sys.stderr = file  # pytest's are others
        train()


def picture(seed: int, height: int = 40, width: int = 60) -> Tensor:
    """Return a smooth image, (1, 3, H, W) in [0, 1]."""
    coarse = torch.rand(1, 3, 5, 6, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic").clamp(0, 1)


def files(folder: str | Path = ".") -> list[str]:
    """Return the files in a folder and below it, by their places there, sorted."""
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file())


def painted(settings, photographs, style, evaluator, folder):
    """A method of a study that is done at once."""
    for path in photographs:
        for name in (f"{path.stem}.png", f"{path.stem}.photograph.png"):
            save_image(torch.zeros(1, 3, 8, 8), folder / name)
    return {"ssim": 0.5, "gram_difference": 0.5}


def fill(evaluation):
    """Fill every row of an evaluation, and return them by method, style and photograph."""
    for cell in evaluation.cells():
        evaluation.fill(cell, lambda: False)
    return {(row["method"], row["style"], row["photograph"]): row for row in evaluation.rows}


def interrupt_at(monkeypatch: pytest.MonkeyPatch, *calls: int) -> None:
    """Send a Ctrl-C while the images or frames of these numbers, from 0, are stylized."""
    real, count = Stylizer.__call__, iter(range(1000))

    def press(self, *given):
        if next(count) in calls:
            os.kill(os.getpid(), signal.SIGINT)
        return real(self, *given)

    monkeypatch.setattr(Stylizer, "__call__", press)


def fake_scontrol(folder: Path, script: str) -> None:
    """Write a program `scontrol` that runs a line of shell."""
    program = folder / "scontrol"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
