import errno

import pytest
from lightning.pytorch.loggers import TensorBoardLogger

from stylenet.logs import ForgivingTensorBoardLogger


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_full_disk_costs_the_log_and_is_told_once(tmp_path, monkeypatch: pytest.MonkeyPatch, capsys, wrapped: bool):
    def full(*_: object) -> None:
        error = OSError(errno.ENOSPC, "No space left on device")
        if wrapped:
            raise ValueError("you tried to log 1.0") from error
        raise error

    logger = ForgivingTensorBoardLogger(tmp_path)
    for method in ("log_metrics", "save", "finalize"):
        monkeypatch.setattr(TensorBoardLogger, method, full)
    logger.log_metrics({"loss": 1.0}, 3)
    logger.save()
    logger.finalize("success")
    assert capsys.readouterr().err.splitlines() == [
        f"warning: cannot write the log in {logger.log_dir}: No space left on device"
    ]


def test_other_errors_of_a_log_are_raised(tmp_path):
    with pytest.raises(ValueError, match="you tried to log"):
        ForgivingTensorBoardLogger(tmp_path).log_metrics({"loss": "text"}, 3)
