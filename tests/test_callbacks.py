from types import SimpleNamespace

import pytest
import torch
from PIL import Image

from stylenet.callbacks import TrainingProgress, ValidationGrid


def trainer(folder, **more):
    return SimpleNamespace(
        log_dir=str(folder),
        sanity_checking=False,
        fast_dev_run=False,
        is_global_zero=True,
        global_step=7,
        loggers=[],
        **more,
    )


@pytest.mark.parametrize(("batches", "shown"), [([2, 2, 2], 4), ([3, 3], 4), ([1], 1)])
def test_the_grid_shows_the_first_photographs_above_their_stylized_selves(tmp_path, batches: list[int], shown: int):
    callback = ValidationGrid(count=4)
    callback.on_validation_epoch_start(trainer(tmp_path), None)
    for size in batches:
        photographs = torch.zeros(size, 3, 8, 8)
        callback.on_validation_batch_end(trainer(tmp_path), None, photographs + 0.5, photographs, 0)
    callback.on_validation_epoch_end(trainer(tmp_path), None)
    sheet = Image.open(tmp_path / "grids" / "step_000007.png")
    assert sheet.size == (4 + shown * 12, 4 + 2 * 12)
    assert sheet.getpixel((8, 8)) == (0, 0, 0)
    assert sheet.getpixel((8, 20)) == (128, 128, 128)


def test_a_grid_that_cannot_be_written_is_a_warning(tmp_path, capsys):
    (tmp_path / "grids").write_text("a file where the folder should be")
    callback = ValidationGrid(count=1)
    callback.on_validation_epoch_start(trainer(tmp_path), None)
    photographs = torch.zeros(1, 3, 8, 8)
    callback.on_validation_batch_end(trainer(tmp_path), None, photographs, photographs, 0)
    callback.on_validation_epoch_end(trainer(tmp_path), None)
    assert capsys.readouterr().err.startswith("warning: cannot write")


def test_a_line_is_printed_only_once_a_step_is_made(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    progress = TrainingProgress(line_seconds=0)
    monkeypatch.setattr(progress, "get_metrics", lambda *_: {"train/loss": 0.5})
    trainer = SimpleNamespace(global_step=0, estimated_stepping_batches=3)
    progress.on_train_start(trainer, None)
    for step in (0, 1, 1, 2, 2, 3):  # two batches to a step
        trainer.global_step = step
        progress.on_train_batch_end(trainer, None)
    assert [line.split()[1] for line in capsys.readouterr().err.splitlines()] == ["1/3", "2/3", "3/3"]
