"""What ends a training before its last step, or holds it up: a signal, a loss that is not finite, a stopped process."""

import signal
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities import rank_zero_info
from torch import Tensor

from stylenet.saving import LAST, diverged, run_folder
from stylenet.slurm import requeue, to_be_requeued

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)


class Interrupt(Callback):
    """Ctrl-C finishes the step at hand, saves `last.ckpt` and the slim file and stops; a second one stops at once.

    So do SIGTERM, SIGHUP and SIGUSR1. A SLURM job whose time is nearly up or that is preempted is queued again.
    Lightning's own answers may strike within an optimizer step, and a checkpoint written then would not resume exactly.

    Attributes:
        asked: The signal that asked to stop, 0 for none; SIGTERM where another process got one.
    """

    def __init__(self) -> None:
        self.asked = 0
        self._previous: dict[int, Any] = {}

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Listen, but for signals that the shell has had ignored, as `nohup` does."""
        self.step = trainer.global_step
        heard = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
        self._previous = {number: signal.signal(number, self._ask) for number in heard}

    def _ask(self, number: int, _: Any) -> None:
        self.asked = number
        signal.signal(number, self._previous[number])

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Stop if asked, after a whole optimizer step.

        Processes agree at every logging step, or one would wait for the other for ever.
        """
        if trainer.global_step == self.step:
            return
        self.step = trainer.global_step
        if trainer.world_size > 1:
            if trainer.global_step % trainer.log_every_n_steps:
                return
            if trainer.strategy.reduce_boolean_decision(bool(self.asked), all=False):
                self.asked = self.asked or signal.SIGTERM
        if self.asked and not trainer.should_stop:
            trainer.should_stop = True  # LastCheckpoint, which Lightning calls after the other callbacks, sees it
            trainer.limit_val_batches = 0  # Lightning would validate first
            path = run_folder(trainer) / LAST
            rank_zero_info(f"interrupted; to go on, repeat the command with --ckpt_path={path}")

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Have SLURM start the job again, if it was not cancelled; it goes on from `last.ckpt`."""
        if to_be_requeued(self.asked):
            requeue()
        self._stop_listening()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Stop listening."""
        self._stop_listening()

    def _stop_listening(self) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous = {}


class StopIfDiverged(Callback):
    """Stop at the first loss that is not finite: all that follows would be lost.

    A CPU looks at every step; elsewhere, where a look waits for the accelerator, and with several processes, every
    logging step looks back at those before it.
    """

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin."""
        self.finite = torch.ones((), dtype=torch.bool, device=pl_module.device)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Tensor | Mapping[str, Any] | None, *_: Any
    ) -> None:
        """Look.

        Raises:
            Failed: A loss was not finite.
        """
        loss = outputs["loss"] if isinstance(outputs, Mapping) else outputs
        if loss is not None:
            self.finite &= loss.detach().isfinite().all()
        alone = trainer.world_size == 1
        if not (alone and pl_module.device.type == "cpu") and trainer.global_step % trainer.log_every_n_steps:
            return
        finite = bool(self.finite)
        if not (finite if alone else trainer.strategy.reduce_boolean_decision(finite)):
            raise diverged(trainer, "the loss")


class Watchdog(Callback):
    """Say so when no step ends for long in a training of several processes: one of them may have stopped.

    Args:
        seconds: How long.
    """

    def __init__(self, seconds: float = 60) -> None:
        self.seconds = seconds
        self._ended = threading.Event()

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin to watch."""
        self.since = time.monotonic()
        if trainer.world_size > 1:
            threading.Thread(target=self._watch, args=(trainer.global_rank,), daemon=True).start()

    def _watch(self, rank: int) -> None:
        said = 0.0
        while not self._ended.wait(self.seconds / 10):
            if time.monotonic() - self.since > self.seconds and said != self.since:
                said = self.since
                print(
                    f"warning: process {rank} has waited for {self.seconds:.0f} s: another one is slow, or has stopped",
                    file=sys.stderr,
                )

    def on_train_batch_end(self, *_: Any) -> None:
        """Begin anew."""
        self.since = time.monotonic()

    on_validation_batch_end = on_train_batch_end

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """End."""
        self._ended.set()
