"""What happens around the training: the run's folder, grids, throughput, slim checkpoints, Ctrl-C."""

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback, Checkpoint
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.plugins.environments import SLURMEnvironment
from lightning.pytorch.utilities import rank_zero_info
from torch import Tensor

from stylenet.images import grid, save_image
from stylenet.modules.train import TrainModule, columns
from stylenet.networks.checkpoint import save_network

LAST = "last.ckpt"


def run_folder(trainer: pl.Trainer) -> Path:
    """Return where a run writes: the logger's folder. Rank 0 tells the others, so all of them must ask."""
    return Path(trainer.log_dir or ".")


def slurm_job() -> int | None:
    """Return the number of the SLURM batch job that this process belongs to, None outside of one."""
    return int(os.environ["SLURM_JOB_ID"]) if SLURMEnvironment.detect() else None


class LastCheckpoint(Checkpoint):
    """Keep `last.ckpt` in the run's own folder, beside config.yaml and the TensorBoard events.

    Written every so many steps and at the last one, so that a longer run can go on from there. (Lightning's
    ModelCheckpoint leaves `last.ckpt` stale beside `last-v1.ckpt` in a folder used again.)

    Args:
        every_n_train_steps: Optimizer steps between two writings.
    """

    def __init__(self, every_n_train_steps: int = 500) -> None:
        self.every_n_train_steps = every_n_train_steps

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Learn which step is the last."""
        self.final_step, self.saved_step = trainer.estimated_stepping_batches, trainer.global_step

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        """Save if it is time; under gradient accumulation only the batch that made the step counts."""
        step = trainer.global_step
        due = step % self.every_n_train_steps == 0 or step >= self.final_step or trainer.should_stop
        if due and step != self.saved_step and not trainer.fast_dev_run:
            self.saved_step = step
            trainer.save_checkpoint(run_folder(trainer) / LAST, weights_only=False)  # with the optimizer


class SlimCheckpoint(Callback):
    """Write the network alone, `stylizer.safetensors` say, into the run's folder when training ends or is stopped."""

    def _save(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        folder = run_folder(trainer)
        if trainer.is_global_zero and not trainer.fast_dev_run and isinstance(module, TrainModule):
            path = folder / module.slim
            save_network(module.finished(), path, module.described())
            rank_zero_info(f"{path.stem}: {path}")

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write it."""
        self._save(trainer, pl_module)


class Interrupt(Callback):
    """Ctrl-C finishes the step at hand, saves `last.ckpt` and the slim file and stops; a second one stops at once.

    SIGUSR1, by which SLURM tells a job that its time is nearly up, does the same and has the job requeued. Lightning's
    own answers to both may strike within an optimizer step, and a checkpoint written then would not resume exactly.
    """

    def __init__(self) -> None:
        self.asked, self.requeue = False, False
        self._previous: dict[int, Any] = {}

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Listen."""
        self.step = trainer.global_step
        numbers = [signal.SIGINT, *([signal.SIGUSR1] if slurm_job() is not None else [])]
        self._previous = {number: signal.signal(number, self._ask) for number in numbers}

    def _ask(self, number: int, _: Any) -> None:
        self.asked, self.requeue = True, self.requeue or number != signal.SIGINT
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
            self.asked = trainer.strategy.reduce_boolean_decision(self.asked, all=False)
        if self.asked and not trainer.should_stop:
            trainer.should_stop = True  # LastCheckpoint, which Lightning calls after the other callbacks, sees it
            trainer.limit_val_batches = 0  # Lightning would validate first
            path = run_folder(trainer) / LAST
            rank_zero_info(f"interrupted; to go on, repeat the command with --ckpt_path={path}")

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Have SLURM start the job again; it goes on from `last.ckpt`."""
        if self.requeue and trainer.is_global_zero:
            subprocess.run(["scontrol", "requeue", str(slurm_job())], check=True)

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Stop listening."""
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous = {}


class ValidationGrid(Callback):
    """Show the first validation photographs above their stylized selves: PNG files and TensorBoard images.

    Paintings, where each photograph comes with its own, stand between them.

    Args:
        count: Photographs shown.
    """

    def __init__(self, count: int = 8) -> None:
        self.count = count
        self.columns: list[tuple[Tensor, ...]] = []

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin a new grid."""
        self.columns = []

    def on_validation_batch_end(
        self, trainer: pl.Trainer, module: pl.LightningModule, outputs: Any, batch: Any, *_: Any
    ) -> None:
        """Keep what the grid still lacks; a module that makes no images gives none."""
        missing = self.count - len(self.columns)
        if missing > 0 and outputs is not None:
            given = columns(batch)
            rows = [given[name] for name in ("photographs", "paintings", "labels") if name in given] + [outputs]
            self.columns += list(zip(*(row[:missing].cpu().split(1) for row in rows), strict=True))

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the grid."""
        folder = run_folder(trainer)
        if trainer.sanity_checking or trainer.fast_dev_run or not trainer.is_global_zero or not self.columns:
            return
        sheet = grid([list(row) for row in zip(*self.columns, strict=True)])
        save_image(sheet, folder / "grids" / f"step_{trainer.global_step:06d}.png")
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                logger.experiment.add_image("val/grid", sheet[0], trainer.global_step)


class Throughput(Callback):
    """Log images/s over all devices, data loading included, and the peak of the accelerator's memory in MiB."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock."""
        self.images, self.since = 0, time.perf_counter()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, *_: Any
    ) -> None:
        """Log at every logging step; reading the clock alone does not wait for the accelerator."""
        self.images += len(columns(batch)["photographs"]) * trainer.world_size
        if trainer.global_step % trainer.log_every_n_steps == 0 and self.images:
            now = time.perf_counter()
            pl_module.log("images/s", self.images / (now - self.since), prog_bar=True)
            self.images, self.since = 0, now
            if pl_module.device.type == "cuda":
                pl_module.log("memory/peak_mib", torch.cuda.max_memory_allocated(pl_module.device) / 2**20)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Leave validation out of the count."""
        self.images, self.since = 0, time.perf_counter()
