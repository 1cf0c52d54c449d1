"""The folder of a run, `checkpoints/STYLE/version_N`: its name, its config.yaml, and its end if the run is refused."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import lightning.pytorch as pl
from lightning.pytorch.cli import Namespace, SaveConfigCallback
from lightning.pytorch.loggers import TensorBoardLogger

from stylenet.errors import InputError
from stylenet.saving import newest_whole, run_folder
from stylenet.slurm import slurm_job

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
        try:
            super().setup(trainer, pl_module, "fit")
        except OSError as error:
            raise InputError(f"cannot write {run_folder(trainer)}: {error.strerror}") from None


def name_folder(config: Namespace, name: str) -> None:
    """Set the run's folder; a requeued SLURM job goes on from the checkpoint that it has there.

    It is the SLURM job's, or that of the checkpoint to go on from if that is a run of the same name, or a new one. All
    processes of a run come to the same answer but for the number of a new one, which rank 0 tells the others.
    `--ckpt_path=last` is the newest checkpoint of this name; where there is none the training begins.

    Args:
        config: What the command line amounts to; is changed.
        name: The style's name or the model's.
    """
    trainer, job = config.trainer, slurm_job()
    tensorboard = getattr(trainer.logger, "class_path", "").endswith("TensorBoardLogger")
    place = Path(trainer.logger.init_args.save_dir if tensorboard else HOME)
    version = job
    if config.ckpt_path == "last":
        config.ckpt_path = _newest(place / name)
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
    if job is not None and (saved := newest_whole(folder)):
        config.ckpt_path = str(saved)


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


def _newest(root: Path) -> str | None:
    """Return the checkpoint to go on from of the newest run in a folder that has one, None if none has."""
    return next((str(saved) for _, folder in reversed(_runs(root)) if (saved := newest_whole(folder))), None)


def _runs(root: Path) -> list[tuple[int, Path]]:
    """Return the numbers and folders of all runs in a folder, in order."""
    return sorted((number, folder) for folder in root.glob("version_*") if (number := _version(folder)) is not None)


def _version(folder: Path) -> int | None:
    """Return N of a folder named `version_N`."""
    found = re.fullmatch(r"version_(\d+)", folder.name)
    return int(found[1]) if found else None


def _next_version(root: Path) -> int:
    """Return the first number above those of all runs in a folder, as the logger counts."""
    return max((number for number, _ in _runs(root)), default=-1) + 1


def claim_folder(trainer: pl.Trainer) -> bool:
    """Make the run's folder and tell whether it is new; of two runs that begin together each gets a number of its own.

    Raises:
        InputError: The place cannot be written.
    """
    logger = trainer.logger
    numbered = isinstance(logger, TensorBoardLogger) and logger._version is None
    if not trainer.is_global_zero or trainer.fast_dev_run:
        return False
    while True:
        folder = run_folder(trainer)
        try:
            folder.mkdir(parents=True)
            return True
        except FileExistsError:
            if not folder.is_dir():
                raise InputError(f"cannot write {folder}: it is a file") from None
            if not numbered:
                return False
            logger._version = None  # another run has taken it: the logger counts on
        except OSError as error:
            raise InputError(f"cannot write {folder}: {error.strerror}") from None


@contextmanager
def removed_if_refused(trainer: pl.Trainer) -> Iterator[None]:
    """Make the run's folder; remove it if bad input ends the run, unless it was there before or holds a checkpoint."""
    mine = claim_folder(trainer)
    try:
        yield
    except InputError:
        folder = run_folder(trainer)
        if mine and not any(path.suffix in (".ckpt", ".safetensors") for path in folder.glob("*")):
            shutil.rmtree(folder, ignore_errors=True)
        raise
