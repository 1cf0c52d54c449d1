"""`train.py` on two processes at once, against one."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from support import DEBUG, ROOT, start_training

OWN = ["style=starry_night", DEBUG, "trainer.val_check_interval=1000"]


def gradients(folder: Path) -> list[dict[str, torch.Tensor]]:
    return [torch.load(path, weights_only=True) for path in sorted(folder.glob("gradients_*.pt"))]


@pytest.mark.parametrize("launcher", ["subprocess", pytest.param("torchrun", marks=pytest.mark.slow)])
def test_two_processes_have_the_gradients_of_one_with_twice_the_batch(
    train: Callable[..., int], photographs: Path, tmp_path: Path, launcher: str
):
    data = [
        "data.source=folder",
        f"data.root={photographs}",
        "trainer.max_steps=2",
        "model.lr=1e-5",
        "trainer.precision=64-true",
    ]
    record = "--trainer.callbacks+=recorder.GradientRecorder"
    assert train(*OWN, *data, "data.batch_size=4", record, "--trainer.callbacks.folder=one") == 0
    pair = [*OWN, *data, "data.batch_size=2", record, "--trainer.callbacks.folder=two"]
    pair += ["trainer.devices=2", "trainer.strategy=ddp"]
    if launcher == "subprocess":
        first = start_training(tmp_path, *pair)
        first.join()
        assert first.exitcode == 0, (tmp_path / "output.txt").read_text()
    else:
        subprocess.run(
            [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
            + [str(ROOT / "train.py"), *pair],
            cwd=tmp_path,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT / "tests")},
            check=True,
            timeout=200,
        )
    one, two = gradients(tmp_path / "one"), gradients(tmp_path / "two")
    assert len(one) == len(two) == 2
    for alone, together in zip(one, two, strict=True):
        largest = max(gradient.abs().max() for gradient in alone.values())
        for name, gradient in alone.items():
            torch.testing.assert_close(together[name], gradient, rtol=1e-9, atol=1e-12 * float(largest))
    assert len(list((tmp_path / "outputs/debug/starry_night").glob("version_*"))) == 2
