from types import SimpleNamespace

import pytest

from stylenet.progress import TrainingProgress


def test_a_line_is_printed_only_once_a_step_is_made(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    progress = TrainingProgress(line_seconds=0)
    monkeypatch.setattr(progress, "get_metrics", lambda *_: {"train/loss": 0.5})
    trainer = SimpleNamespace(global_step=0, estimated_stepping_batches=3)
    progress.on_train_start(trainer, None)
    for step in (0, 1, 1, 2, 2, 3):  # two batches to a step
        trainer.global_step = step
        progress.on_train_batch_end(trainer, None)
    assert [line.split()[1] for line in capsys.readouterr().err.splitlines()] == ["1/3", "2/3", "3/3"]
