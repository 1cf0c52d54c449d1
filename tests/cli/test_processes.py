"""`train.py` killed, interrupted, requeued."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from support import DEBUG, fake_scontrol, start_training

from stylenet.stopping import Interrupt

Train = Callable[..., int]
OWN = ["style=starry_night", DEBUG, "trainer.val_check_interval=1000", "checkpoint.every_n_train_steps=3"]


def read(checkpoint: Path) -> dict[str, torch.Tensor]:
    return torch.load(checkpoint, weights_only=True)


def kill(folder: Path, last: Path, *arguments: str) -> None:
    """Start train.py as a process, and kill it once it has written `last`."""
    process = start_training(folder, *arguments)
    deadline = time.monotonic() + 200
    while not last.exists():
        assert process.is_alive(), (folder / "output.txt").read_text()
        assert time.monotonic() < deadline, "no checkpoint in time"
        time.sleep(0.01)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL


@pytest.fixture
def signaled(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], list[int]]:
    """Have a signal sent after a step of the trainings to come, and return the steps that they make."""

    def at(number: int, step: int) -> list[int]:
        real, seen = Interrupt.on_train_batch_end, []

        def press(self: Interrupt, trainer, *given) -> None:
            seen.append(trainer.global_step)
            if trainer.global_step == step:
                signal.raise_signal(number)
            real(self, trainer, *given)

        monkeypatch.setattr(Interrupt, "on_train_batch_end", press)
        return seen

    return at


def test_a_run_killed_and_interrupted_in_mid_epoch_ends_bit_for_bit_as_if_it_were_not(
    train: Train, photographs: Path, tmp_path: Path, signaled, monkeypatch: pytest.MonkeyPatch
):
    def command(folder: str) -> list[str]:
        data = ["data.source=folder", f"data.root={photographs}", f"trainer.logger.init_args.save_dir={folder}"]
        return [*OWN, *data, "trainer.max_steps=12"]

    assert train(*command("straight")) == 0
    last = tmp_path / "cut/starry_night/version_0/last.ckpt"
    kill(tmp_path, last, *command("cut"))
    assert read(last)["global_step"] < 11
    resume = [*command("cut"), f"--ckpt_path={last.relative_to(tmp_path)}"]
    signaled(signal.SIGINT, 11)
    said: list[str] = []
    monkeypatch.setattr("stylenet.stopping.rank_zero_info", said.append)
    assert train(*resume) == 130
    assert said == [f"interrupted; to go on, repeat the command with --ckpt_path={last.relative_to(tmp_path)}"]
    assert (last.parent / "stylizer.safetensors").is_file()
    assert read(last)["global_step"] == 11
    assert train(*resume) == 0
    resumed, uninterrupted = (
        read(path)["state_dict"] for path in (last, tmp_path / "straight/starry_night/version_0/last.ckpt")
    )
    assert all(torch.equal(resumed[name], uninterrupted[name]) for name in uninterrupted)
    assert sorted(path.name for path in last.parent.glob("*.ckpt")) == ["before_last.ckpt", "last.ckpt"]


def test_a_slurm_job_is_requeued_on_its_signal_and_goes_on_where_it_was(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, signaled
):
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    fake_scontrol(bin_folder, f'echo "$@" > {tmp_path}/requeued')
    slurm = {"JOB_ID": "77", "JOB_NAME": "train", "NTASKS": "1", "PROCID": "0", "LOCALID": "0", "NODEID": "0"}
    for name, value in {**slurm, "NODELIST": "localhost"}.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    monkeypatch.setenv("PATH", f"{bin_folder}{os.pathsep}{os.environ['PATH']}")
    folder = tmp_path / "outputs/debug/starry_night/version_77"
    seen = signaled(signal.SIGUSR1, 4)
    train(*OWN, "trainer.max_steps=6")
    assert (tmp_path / "requeued").read_text().split() == ["requeue", "77"]
    assert read(folder / "last.ckpt")["global_step"] == 4
    assert train(*OWN, "trainer.max_steps=6") == 0
    assert seen == [1, 2, 3, 4, 5, 6]
    assert read(folder / "last.ckpt")["global_step"] == 6
    assert (folder / "stylizer.safetensors").is_file()
    assert [path.name for path in folder.parent.iterdir()] == ["version_77"]
