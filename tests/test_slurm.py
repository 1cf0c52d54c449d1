import pytest

from stylenet.slurm import requeue, slurm_job


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
