"""The progress bar of training: steps of the whole run, weighted terms, images/s and the time left."""

import sys
import time
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import ProgressBar
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


class TrainingProgress(ProgressBar):
    """Lightning's own bars count an epoch at a time and write nothing into a log file; this one does both jobs.

    On a terminal a bar, else (a SLURM log, say) a line now and then.

    Args:
        refresh_seconds: Between two looks at the metrics on a terminal: reading them waits for the accelerator.
        line_seconds: Between two lines elsewhere.
    """

    def __init__(self, refresh_seconds: float = 0.5, line_seconds: float = 30.0) -> None:
        super().__init__()
        self.console = Console(stderr=True)
        self.pause = refresh_seconds if self.console.is_terminal else line_seconds
        self.enabled = True
        self.bar: Progress | None = None

    def disable(self) -> None:
        """Show nothing."""
        self.enabled = False

    def enable(self) -> None:
        """Show again."""
        self.enabled = True

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock and, on a terminal, the bar."""
        self.began, self.first, self.shown = time.perf_counter(), trainer.global_step, 0.0
        self.step = trainer.global_step
        self.total = float(trainer.estimated_stepping_batches)
        if self.enabled and self.console.is_terminal:
            counts = BarColumn(20), MofNCompleteColumn(), TimeElapsedColumn()
            texts = TextColumn("left"), TimeRemainingColumn(), TextColumn("{task.description}")
            self.bar = Progress(*counts, *texts, console=self.console)
            self.bar.add_task("", total=self.total, completed=trainer.global_step)
            self.bar.start()

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        """Show where the run stands, if a step was made and the last look is long enough ago."""
        if trainer.global_step == self.step:  # gradients are accumulated
            return
        self.step = trainer.global_step
        now = time.perf_counter()
        if self.enabled and (now - self.shown >= self.pause or trainer.global_step >= self.total):
            self.shown = now
            self._show(trainer, pl_module)

    def _show(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        metrics = self.get_metrics(trainer, module)
        metrics.pop("v_num", None)
        text = " ".join(f"{name.removeprefix('train/')} {value:.3g}" for name, value in metrics.items())
        step = trainer.global_step
        if self.bar:
            self.bar.update(self.bar.task_ids[0], completed=step, description=text)
            return
        speed = (step - self.first) / (time.perf_counter() - self.began)
        left = f"{(self.total - step) / speed / 60:.0f} min left" if speed else ""
        print(f"step {step}/{self.total:.0f} {text} {left}", file=sys.stderr, flush=True)

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Leave the bar as it stands; comes after a failure too."""
        if self.bar:
            self.bar.stop()
            self.bar = None
