"""The folder of a run, `checkpoints/STYLE/version_N`: its name, its config.yaml, and its end if the run is refused."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import lightning.pytorch as pl
from lightning.pytorch.cli import Namespace, SaveConfigCallback

from stylenet.callbacks import LAST, run_folder, slurm_job
from stylenet.errors import InputError

HOME = "checkpoints"
"""Where runs are, unless the logger's `save_dir` says otherwise."""


class ConfigFile(SaveConfigCallback):
    """Write config.yaml once the training begins: a run that is refused before leaves an earlier file as it was.

    It holds no `ckpt_path`, so that it repeats the run anew instead of going on with it.
    """

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Wait."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write it."""
        self.config: Namespace = Namespace(**{**vars(self.config), "ckpt_path": None})
        super().setup(trainer, pl_module, "fit")


def name_folder(config: Namespace, name: str) -> None:
    """Set the run's folder; a requeued SLURM job goes on from the `last.ckpt` that it has there.

    It is the SLURM job's, or that of the checkpoint to go on from if that is a run of the same name, or a new one. All
    processes of a run come to the same answer but for the number of a new one, which rank 0 tells the others.

    Args:
        config: What the command line amounts to; is changed.
        name: The style's name or the model's.
    """
    trainer, job = config.trainer, slurm_job()
    tensorboard = getattr(trainer.logger, "class_path", "").endswith("TensorBoardLogger")
    place = Path(trainer.logger.init_args.save_dir if tensorboard else HOME)
    version = job
    if job is None and config.ckpt_path:
        place, version = _own_place(config.ckpt_path, name, place)
    root = place / name
    if tensorboard:
        arguments = trainer.logger.init_args
        arguments.save_dir, arguments.name, arguments.version = str(place), name, version
    elif version is None:
        version = _next_version(root)
    folder = root if version is None else root / f"version_{version}"
    trainer.default_root_dir = trainer.default_root_dir or str(folder)
    if job is not None and (folder / LAST).is_file():
        config.ckpt_path = str(folder / LAST)


def _own_place(checkpoint: str, name: str, place: Path) -> tuple[Path, int | None]:
    """Return the place and the version of a checkpoint's run; `place` and None if it is not to be gone on with there.

    That is so where it is no run of this name, or `place` was chosen and is another.
    """
    folder = Path(checkpoint).resolve().parent
    version, home = _version(folder), folder.parent.parent
    if version is None or folder.parent.name != name:
        return place, None
    if home == place.resolve():
        return place, version
    return (home, version) if place == Path(HOME) else (place, None)


def _version(folder: Path) -> int | None:
    """Return N of a folder named `version_N`."""
    found = re.fullmatch(r"version_(\d+)", folder.name)
    return int(found[1]) if found else None


def _next_version(root: Path) -> int:
    """Return the first number above those of all runs in a folder, as the logger counts."""
    taken = [version for folder in root.glob("version_*") if (version := _version(folder)) is not None]
    return max(taken, default=-1) + 1


@contextmanager
def removed_if_refused(trainer: pl.Trainer) -> Iterator[None]:
    """Remove the folder of a run that bad input ends, unless it was there before or holds a checkpoint."""
    folder = run_folder(trainer)
    mine = trainer.is_global_zero and not folder.exists()
    try:
        yield
    except InputError:
        if mine and not any(path.suffix in (".ckpt", ".safetensors") for path in folder.glob("*")):
            shutil.rmtree(folder, ignore_errors=True)
        raise
