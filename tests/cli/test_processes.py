"""`train.py` as a process: killed, interrupted, requeued."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from support import DEBUG, ROOT, fake_scontrol

Run = Callable[..., subprocess.CompletedProcess]
OWN = ["style=starry_night", DEBUG, "trainer.val_check_interval=1000"]


def weights(checkpoint: Path) -> dict[str, torch.Tensor]:
    return torch.load(checkpoint, weights_only=True)["state_dict"]


def stop(folder: Path, number: int, last: Path, *arguments: str, **environment: str) -> tuple[int, str]:
    """Start train.py, send a signal once it has written `last` anew, and return its exit code and errors."""
    before = last.stat().st_mtime_ns if last.exists() else 0
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "train.py"), *arguments],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 200
    while not last.exists() or last.stat().st_mtime_ns == before:
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline, "no checkpoint in time"
        time.sleep(0.01)
    process.send_signal(number)
    errors = process.communicate(timeout=100)[1]
    return process.returncode, errors


def test_a_run_killed_and_interrupted_in_mid_epoch_ends_bit_for_bit_as_if_it_were_not(
    train: Callable[..., int], photographs: Path, tmp_path: Path
):
    def command(folder: str) -> list[str]:
        data = ["data.source=folder", f"data.root={photographs}", "checkpoint.every_n_train_steps=3"]
        return [*OWN, *data, "trainer.max_steps=24", f"trainer.logger.init_args.save_dir={folder}"]

    assert train(*command("straight")) == 0
    last = tmp_path / "cut/starry_night/version_0/last.ckpt"
    assert stop(tmp_path, signal.SIGKILL, last, *command("cut"))[0] == -signal.SIGKILL
    assert torch.load(last, weights_only=True)["global_step"] < 24
    resume = [*command("cut"), f"--ckpt_path={last.relative_to(tmp_path)}"]
    code, errors = stop(tmp_path, signal.SIGINT, last, *resume)
    assert code == 130, errors
    assert f"--ckpt_path={last.relative_to(tmp_path)}" in errors
    assert (last.parent / "stylizer.safetensors").is_file()
    assert torch.load(last, weights_only=True)["global_step"] < 24
    assert train(*resume) == 0
    resumed, uninterrupted = weights(last), weights(tmp_path / "straight/starry_night/version_0/last.ckpt")
    assert all(torch.equal(resumed[name], uninterrupted[name]) for name in uninterrupted)
    assert sorted(path.name for path in last.parent.glob("*.ckpt")) == ["before_last.ckpt", "last.ckpt"]


def test_a_slurm_job_is_requeued_on_its_signal_and_goes_on_where_it_was(train_command: Run, tmp_path: Path):
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    fake_scontrol(bin_folder, f'echo "$@" > {tmp_path}/requeued')
    slurm = {
        "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
        "SLURM_JOB_ID": "77",
        "SLURM_JOB_NAME": "train",
        "SLURM_NTASKS": "1",
        "SLURM_PROCID": "0",
        "SLURM_LOCALID": "0",
        "SLURM_NODEID": "0",
        "SLURM_NODELIST": "localhost",
    }
    folder = tmp_path / "outputs/debug/starry_night/version_77"
    own = [*OWN, "checkpoint.every_n_train_steps=3"]
    stop(tmp_path, signal.SIGUSR1, folder / "last.ckpt", *own, "trainer.max_steps=24", **slurm)
    assert (tmp_path / "requeued").read_text().split() == ["requeue", "77"]
    saved = torch.load(folder / "last.ckpt", weights_only=True)["global_step"]
    assert 3 <= saved < 24
    done = train_command(*own, f"trainer.max_steps={saved + 2}", **slurm)
    assert "Restored all states" in done.stderr
    assert torch.load(folder / "last.ckpt", weights_only=True)["global_step"] == saved + 2
    assert (folder / "stylizer.safetensors").is_file()
    assert [path.name for path in folder.parent.iterdir()] == ["version_77"]
