import math
import signal
import threading
import time
from types import SimpleNamespace

import pytest
from tiny_training import TinyModule, train

from stylenet.errors import Failed
from stylenet.saving import CheckpointFile, LastCheckpoint
from stylenet.stopping import Interrupt, StopIfDiverged, Watchdog


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_ends_the_training_at_once(tmp_path, loss: float):
    with pytest.raises(Failed, match=r"the loss is not a finite number at step 4: .*last.ckpt is from before"):
        train(
            tmp_path,
            [StopIfDiverged(), LastCheckpoint(2)],
            module=TinyModule({3: loss}),
            plugins=[CheckpointFile()],
        )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["last.ckpt"]


class Raise(Interrupt):
    """Gets a signal after the second step."""

    def on_train_batch_end(self, trainer, *given):
        if trainer.global_step == 2:
            signal.raise_signal(self.number)
        super().on_train_batch_end(trainer, *given)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1"])
def test_a_signal_saves_the_step_at_hand_and_stops(tmp_path, name: str):
    callback = Raise()
    callback.number = getattr(signal, name)
    before = signal.getsignal(callback.number)
    trainer = train(tmp_path, [callback, LastCheckpoint(100)], plugins=[CheckpointFile()])
    assert (trainer.global_step, callback.asked) == (2, callback.number)
    assert (tmp_path / "last.ckpt").is_file()
    assert signal.getsignal(callback.number) == before


def test_a_signal_that_the_shell_has_had_ignored_stays_so(tmp_path):
    callback = Raise()
    callback.number = signal.SIGHUP
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert train(tmp_path, [callback], steps=4).global_step == 4
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize(("processes", "said"), [(2, 1), (1, 0)])
def test_a_process_that_waits_for_another_says_so_once(capsys, processes: int, said: int):
    threads = threading.active_count()
    watchdog = Watchdog(0.05)
    watchdog.on_train_start(SimpleNamespace(world_size=processes, global_rank=0), None)
    time.sleep(0.3)
    assert capsys.readouterr().err.count("process 0 has waited") == said
    watchdog.teardown(None, None, "fit")
    time.sleep(0.05)
    assert threading.active_count() == threads
