"""What a training leaves in its folder: `last.ckpt` to go on from, the checkpoint before it, and the network alone."""

import io
import os
import sys
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.callbacks import Callback, Checkpoint
from lightning.pytorch.utilities import rank_zero_info

from stylenet.errors import Failed, InputError
from stylenet.functional import all_finite
from stylenet.images import written_beside
from stylenet.modules.train import TrainModule
from stylenet.networks.checkpoint import save_network

LAST, BEFORE = "last.ckpt", "before_last.ckpt"


def run_folder(trainer: pl.Trainer) -> Path:
    """Return where a run writes: the logger's folder. Rank 0 tells the others, so all of them must ask."""
    return Path(trainer.log_dir or ".")


def newest_whole(folder: Path) -> Path | None:
    """Return the checkpoint in a run's folder to go on from: `last.ckpt`, or the one before if that is cut short."""
    return next((folder / name for name in (LAST, BEFORE) if zipfile.is_zipfile(folder / name)), None)


class CheckpointFile(TorchCheckpointIO):
    """Writes checkpoints beside their place, waits for the disk, and moves them there; keeps the one before.

    Lightning writes into the temporary folder and copies from there where that is another disk, as it is on clusters:
    killed while it copies, it leaves half a file and nothing older. A checkpoint that cannot be written does not end
    the training either: the next one may find room.

    Attributes:
        error: Why the newest checkpoint is not on the disk; None if it is.
    """

    error: str | None = None

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Write a checkpoint; see the class."""
        content = io.BytesIO()  # torch aborts the process where a disk is full
        torch.save(checkpoint, content)
        try:
            self._replace(Path(path), content.getbuffer())
            self.error = None
        except InputError as error:
            self.error = str(error)
            print(f"warning: {error}; the training goes on and tries again at the next checkpoint", file=sys.stderr)

    @staticmethod
    def _replace(path: Path, content: memoryview) -> None:
        with written_beside(path) as temporary:
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            before = path.with_name(BEFORE)
            with suppress(OSError):  # the first checkpoint, or a file system without links
                before.unlink(missing_ok=True)
                before.hardlink_to(path)


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
        """Save if it is time; under gradient accumulation only the batch that made the step counts.

        Raises:
            Failed: The weights are not finite.
        """
        step = trainer.global_step
        due = step % self.every_n_train_steps == 0 or step >= self.final_step or trainer.should_stop
        if due and step != self.saved_step and not trainer.fast_dev_run:
            self.saved_step = step
            check_finite(trainer, pl_module)
            trainer.save_checkpoint(run_folder(trainer) / LAST, weights_only=False)  # with the optimizer

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Try once more to write a last checkpoint that found no room."""
        file = trainer.strategy.checkpoint_io
        if isinstance(file, CheckpointFile) and file.error:
            file.save_checkpoint(
                trainer._checkpoint_connector.dump_checkpoint(weights_only=False), run_folder(trainer) / LAST
            )


class SlimCheckpoint(Callback):
    """Write the network alone, `stylizer.safetensors` say, into the run's folder when training ends or is stopped.

    Attributes:
        error: Why it could not be written; None if it was.
    """

    error: str | None = None

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write it."""
        folder = run_folder(trainer)
        if not trainer.is_global_zero or trainer.fast_dev_run or not isinstance(pl_module, TrainModule):
            return
        path = folder / pl_module.slim
        try:
            save_network(pl_module.finished(), path, pl_module.described())
            rank_zero_info(f"{path.stem}: {path}")
        except InputError as error:  # there may be room for the checkpoint, which is still to come
            self.error = str(error)


def check_saved(trainer: pl.Trainer) -> None:
    """Raise Failed where a training could not write what it leaves."""
    file = trainer.strategy.checkpoint_io
    errors = [callback.error for callback in trainer.callbacks if isinstance(callback, SlimCheckpoint)]
    errors += [file.error] if isinstance(file, CheckpointFile) else []
    lost = [error for error in errors if error]
    if lost:
        raise Failed(f"{'; '.join(lost)}: make room, and go on with the last checkpoint")


def check_finite(trainer: pl.Trainer, module: pl.LightningModule) -> None:
    """Raise Failed where a weight of the module is not finite."""
    if not all_finite(module.parameters()):
        raise diverged(trainer, "a weight")


def diverged(trainer: pl.Trainer, what: str) -> Failed:
    """Return the error for a training that got something which is not finite; names the last good checkpoint."""
    last = run_folder(trainer) / LAST
    saved = f"; {last} is from before" if last.is_file() else ""
    return Failed(
        f"{what} is not a finite number at step {trainer.global_step}: give a lower model.lr or model.style_weight, "
        f"trainer.gradient_clip_val=1 or trainer.precision=32-true{saved}"
    )
