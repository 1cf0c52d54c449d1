"""docs/slurm.sh under a real SLURM: signals, requeues, preemption, a node that fails."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from cluster import Cluster, missing, running
from support import DEBUG, ROOT

REASON = missing()
pytestmark = [pytest.mark.cluster, pytest.mark.skipif(REASON is not None, reason=str(REASON)), pytest.mark.timeout(900)]
STEPS, STEPS_OF_TWO = 120, 40
"""Of a training with one rank, and with two."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


def submit(cluster: Cluster, folder: Path, ranks: int = 1, nodes: int = 1) -> tuple[str, Path]:
    """Submit docs/slurm.sh with a small training into `folder`; return the job's number and the run's folder."""
    sbatch = ["sbatch", "--parsable", f"--ntasks-per-node={ranks}", "--cpus-per-task=1", "--mem=0", "--gpus-per-node=0"]
    sbatch += [f"--nodes={nodes}", f"--partition={'main' if nodes == 1 else 'pair'}"]
    steps = STEPS if ranks * nodes == 1 else STEPS_OF_TWO
    training = ["style=starry_night", DEBUG, f"trainer.max_steps={steps}", "checkpoint.every_n_train_steps=5"]
    training += ["trainer.accelerator=cpu", f"trainer.devices={ranks}"]
    training += ["trainer.log_every_n_steps=2", "trainer.val_check_interval=10000"]
    training += [f"trainer.logger.init_args.save_dir={folder}"]
    number = cluster.call(*sbatch, f"--output={folder}/job.out", ROOT / "docs/slurm.sh", *training, cwd=ROOT)
    return number, folder / "starry_night" / f"version_{number}"


def requeued(cluster: Cluster, number: str) -> None:
    """Wait until a job is back in the queue, and spare it the two minutes that SLURM lets it wait there.

    Some seconds it has to wait: a node refuses what starts in the second in which it was killed.
    """
    cluster.wait(lambda: cluster.job(number)["Restarts"] == "1", 120, "the requeue")
    cluster.wait(lambda: cluster.job(number)["JobState"] == "PENDING", 60, "the queue")
    cluster.call("scontrol", "update", f"jobid={number}", "starttime=now+3")


def step(folder: Path) -> int:
    return torch.load(folder / "last.ckpt", weights_only=True)["global_step"]


def ended(cluster: Cluster, number: str, folder: Path, steps: int = STEPS) -> dict[str, str]:
    """Wait for a job's end, which is after so many steps, and return what SLURM knows of it."""
    output = folder.parents[1] / "job.out"
    try:
        cluster.wait(lambda: cluster.job(number)["JobState"] in ("COMPLETED", "FAILED", "CANCELLED"), 300, "the end")
    except AssertionError as error:
        raise AssertionError(f"{error}: {cluster.job(number)}; {output.read_text()[-3000:]}") from None
    job = cluster.job(number)
    assert job["JobState"] == "COMPLETED", output.read_text()[-3000:]
    assert step(folder) == steps
    return job


def weights_of(cluster: Cluster, folder: Path, ranks: int, steps: int) -> dict[str, torch.Tensor]:
    """Return the weights of a run on one node that nothing disturbs."""
    number, run = submit(cluster, folder, ranks)
    ended(cluster, number, run, steps)
    return torch.load(run / "last.ckpt", weights_only=True)["state_dict"]


@pytest.fixture(scope="module")
def uninterrupted(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> dict[str, torch.Tensor]:
    """The weights of a run that nothing disturbs."""
    return weights_of(cluster, tmp_path_factory.mktemp("straight"), 1, STEPS)


def assert_same(folder: Path, expected: dict[str, torch.Tensor]) -> None:
    found = torch.load(folder / "last.ckpt", weights_only=True)["state_dict"]
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


def processes(folder: Path, program: str = "") -> list[int]:
    """Return what runs train.py into a folder: srun, and `python` in a step of the job."""
    lines = [line.split() for line in os.popen("ps -ww -eo pid,args").read().splitlines()]
    of_training = [line for line in lines if "train.py" in line and any(str(folder) in word for word in line)]
    return [int(line[0]) for line in of_training if line[1].endswith(program)]


def wait_for_a_checkpoint(cluster: Cluster, folder: Path) -> None:
    cluster.wait((folder / "last.ckpt").is_file, 200, "a checkpoint")


def test_a_job_whose_time_is_nearly_up_is_requeued_and_ends_as_if_it_were_not(
    cluster: Cluster, tmp_path: Path, uninterrupted: dict[str, torch.Tensor]
):
    number, folder = submit(cluster, tmp_path)
    wait_for_a_checkpoint(cluster, folder)
    cluster.call("scancel", "--signal=USR1", number)  # as --signal=SIGUSR1@90 sends it
    requeued(cluster, number)
    assert step(folder) < STEPS
    assert ended(cluster, number, folder)["Restarts"] == "1"
    assert_same(folder, uninterrupted)


def test_a_signal_before_the_first_step_requeues_too(cluster: Cluster, tmp_path: Path):
    number, folder = submit(cluster, tmp_path)
    cluster.wait(lambda: bool(processes(tmp_path, "python")), 60, "the start")
    time.sleep(3)  # the job has a step to send a signal to, and PyTorch is being imported
    assert not (folder / "last.ckpt").exists()
    cluster.call("scancel", "--signal=USR1", number)
    requeued(cluster, number)
    assert ended(cluster, number, folder)["Restarts"] == "1"


def test_a_preempted_job_saves_and_goes_on(cluster: Cluster, tmp_path: Path, uninterrupted: dict[str, torch.Tensor]):
    number, folder = submit(cluster, tmp_path)
    wait_for_a_checkpoint(cluster, folder)
    urgent = ["--partition=urgent", "--ntasks=2", "--mem=0", f"--output={tmp_path}/urgent.out", "--wrap=sleep 2"]
    cluster.call("sbatch", *urgent)
    requeued(cluster, number)
    assert "interrupted; to go on" in (tmp_path / "job.out").read_text()
    ended(cluster, number, folder)
    assert_same(folder, uninterrupted)


def test_a_cancelled_job_saves_and_stays_cancelled(cluster: Cluster, tmp_path: Path):
    number, folder = submit(cluster, tmp_path)
    wait_for_a_checkpoint(cluster, folder)
    cluster.call("scancel", number)
    cluster.wait(lambda: cluster.job(number)["JobState"] == "CANCELLED", 60, "the cancellation")
    cluster.wait((folder / "stylizer.safetensors").is_file, 60, "the slim file")
    assert cluster.job(number)["Restarts"] == "0"


def test_a_job_goes_on_after_its_node_has_failed(
    cluster: Cluster, tmp_path: Path, uninterrupted: dict[str, torch.Tensor]
):
    number, folder = submit(cluster, tmp_path)
    wait_for_a_checkpoint(cluster, folder)
    cluster.call("scontrol", "update", f"nodename={cluster.host}", "state=down", "reason=failed")
    for process in processes(tmp_path):
        os.kill(process, signal.SIGKILL)
    cluster.call("scontrol", "update", f"nodename={cluster.host}", "state=resume")
    assert int(ended(cluster, number, folder)["Restarts"]) >= 1
    assert_same(folder, uninterrupted)


@pytest.fixture(scope="module")
def two_ranks(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> dict[str, torch.Tensor]:
    """The weights of a run of two ranks on one node, which nothing disturbs."""
    return weights_of(cluster, tmp_path_factory.mktemp("pair"), 2, STEPS_OF_TWO)


@pytest.mark.parametrize(("ranks", "nodes"), [(2, 1), (1, 2)], ids=["one node", "two nodes"])
def test_two_ranks_are_requeued_together(
    cluster: Cluster, tmp_path: Path, two_ranks: dict[str, torch.Tensor], ranks: int, nodes: int
):
    number, folder = submit(cluster, tmp_path, ranks, nodes)
    wait_for_a_checkpoint(cluster, folder)
    assert cluster.job(number)["NumNodes"] == str(nodes)
    assert "Starting with 2 processes" in (tmp_path / "job.out").read_text()
    cluster.call("scancel", "--signal=USR1", number)
    requeued(cluster, number)
    assert ended(cluster, number, folder, STEPS_OF_TWO)["Restarts"] == "1"
    assert "Traceback" not in (tmp_path / "job.out").read_text()
    assert_same(folder, two_ranks)
