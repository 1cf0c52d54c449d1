"""What a training shows while it goes on: a progress bar, grids of its validation photographs, images per second."""

import math
import sys
import time
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback, ProgressBar
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor

from stylenet.console import LINE_SECONDS, Bar
from stylenet.errors import InputError
from stylenet.images import grid, save_image
from stylenet.modules.train import columns
from stylenet.saving import run_folder


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
        """Write the grid; a disk that has no room for it does not end the training."""
        folder = run_folder(trainer)
        if trainer.sanity_checking or trainer.fast_dev_run or not trainer.is_global_zero or not self.columns:
            return
        sheet = grid([list(row) for row in zip(*self.columns, strict=True)])
        try:
            save_image(sheet, folder / "grids" / f"step_{trainer.global_step:06d}.png")
            for logger in trainer.loggers:
                if isinstance(logger, TensorBoardLogger):
                    logger.experiment.add_image("val/grid", sheet[0], trainer.global_step)
        except (InputError, OSError) as error:
            print(f"warning: {error}", file=sys.stderr)


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


class TrainingProgress(ProgressBar):
    """Steps of the whole run, weighted terms, images/s and the time left, as `Bar` shows them.

    Lightning's own bars count an epoch at a time and write nothing into a log file.

    Args:
        refresh_seconds: Between two looks at the metrics on a terminal: reading them waits for the accelerator.
        line_seconds: Between two lines elsewhere, in a SLURM log, say.
    """

    def __init__(self, refresh_seconds: float = 0.5, line_seconds: float = LINE_SECONDS) -> None:
        super().__init__()
        self.pauses = {True: refresh_seconds, False: line_seconds}
        self.bar: Bar | None = None
        self.enabled = True

    def disable(self) -> None:
        """Show nothing: Lightning asks for it in all processes but the first."""
        self.enabled = False

    def enable(self) -> None:
        """Show again."""
        self.enabled = True

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Show the bar."""
        self.step, self.shown, total = trainer.global_step, 0.0, trainer.estimated_stepping_batches
        self.total = int(total) if math.isfinite(total) else None
        if self.enabled:
            self.bar = Bar("step", first=self.step).__enter__()

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        """Show where the run stands, if a step was made and the last look is long enough ago."""
        step, now = trainer.global_step, time.perf_counter()
        if step == self.step or self.bar is None:  # gradients are accumulated
            return
        self.step = step
        if now - self.shown >= self.pauses[self.bar.console.is_terminal] or (self.total and step >= self.total):
            self.shown = now
            metrics = {name: value for name, value in self.get_metrics(trainer, pl_module).items() if name != "v_num"}
            text = " ".join(f"{name.removeprefix('train/')} {value:.3g}" for name, value in metrics.items())
            self.bar.move(step, self.total, text, line=True)

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Leave the bar as it stands; comes after a failure too."""
        if self.bar:
            self.bar.__exit__(None, None, None)
            self.bar = None
