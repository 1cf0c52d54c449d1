import signal
from pathlib import Path

import pytest
from support import fake_scontrol

from stylenet.slurm import requeue, slurm_job, to_be_requeued


def test_an_interactive_job_is_no_batch_job(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SLURM_JOB_ID", "5")
    monkeypatch.setenv("SLURM_NTASKS", "1")
    monkeypatch.setenv("SLURM_JOB_NAME", "bash")
    assert slurm_job() is None
    monkeypatch.setenv("SLURM_JOB_NAME", "train")
    assert slurm_job() == 5


def test_a_job_that_cannot_be_queued_again_is_told(monkeypatch: pytest.MonkeyPatch, capsys):
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setenv("SLURM_JOB_ID", "5")
    requeue()
    assert capsys.readouterr().err.startswith("error: the job could not be queued again")
    monkeypatch.setenv("SLURM_PROCID", "1")
    requeue()
    assert not capsys.readouterr().err


@pytest.mark.parametrize(("preempt_time", "expected"), [("2026-01-02T03:04:05", True), ("None", False)])
def test_a_job_that_is_preempted_is_queued_again_and_one_that_is_cancelled_is_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, preempt_time: str, expected: bool
):
    fake_scontrol(tmp_path, f"echo PreemptEligibleTime=2026-01-01T00:00:00 PreemptTime={preempt_time}")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert not to_be_requeued(signal.SIGUSR1)  # no job
    for name, value in {"JOB_ID": "5", "NTASKS": "1", "JOB_NAME": "train"}.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    assert to_be_requeued(signal.SIGUSR1)
    assert to_be_requeued(signal.SIGTERM) is expected
    assert not to_be_requeued(signal.SIGHUP)
