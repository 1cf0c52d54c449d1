"""The commands: `train` (LightningCLI behind a shorthand) and `infer`; one-line errors and exit codes."""

import logging
import os
import re
import sys
import warnings
from argparse import ArgumentError
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lightning.pytorch.cli import LightningArgumentParser, LightningCLI

from stylenet.callbacks import Interrupt, LastCheckpoint, SlimCheckpoint, Throughput, ValidationGrid
from stylenet.cli.run_card import run_card
from stylenet.cli.shorthand import expand
from stylenet.data.datamodule import StylizationData
from stylenet.errors import InputError, unknown
from stylenet.modules.base import StylizerModule
from stylenet.networks.checkpoint import load_network

LOGGER = {"class_path": "lightning.pytorch.loggers.TensorBoardLogger", "init_args": {"save_dir": "checkpoints"}}


class StylenetCLI(LightningCLI):
    """LightningCLI with a top-level `style` and `recipe`, a run card, and a resume that the command line rules."""

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add `--style` and `--recipe`, linked to the model."""
        parser.add_argument("--style", type=str | None, default=None, help="A style's name, or the path of an image.")
        parser.add_argument("--recipe", type=str | None, default=None, help="Name of the recipe in use.")
        parser.link_arguments("style", "model.init_args.style")
        parser.link_arguments("recipe", "model.init_args.recipe")

    def _parse_ckpt_path(self) -> None:
        """Do nothing: Lightning would let the checkpoint's hyper-parameters beat the command line."""

    def before_instantiate_classes(self) -> None:
        """Check what Lightning would not, and name the run's folder: `checkpoints/STYLE/version_N`."""
        config = self.config[self.subcommand]
        if config.style is None:
            raise InputError("no style: add style=starry_night, or the path of an image")
        if config.get("ckpt_path") and config.ckpt_path not in ("last", "best", "hpc"):
            load_network(config.ckpt_path)
        logger = config.trainer.logger
        if hasattr(logger, "class_path") and logger.class_path.endswith("TensorBoardLogger"):
            logger.init_args.name = Path(config.style).stem
            logger.init_args.version = _version(config.get("ckpt_path"))
            if "SLURM_JOB_ID" in os.environ:  # where Lightning keeps the checkpoint of a requeued job
                folder = Path(logger.init_args.save_dir, logger.init_args.name, f"version_{logger.init_args.version}")
                config.trainer.default_root_dir = str(folder)

    def before_fit(self) -> None:
        """Print the run card."""
        run_card(self.trainer, self.model, self.datamodule)


def _version(ckpt_path: str | None) -> int | None:
    """Return the number of the run's folder: the resumed run's, the SLURM job's (kept by a requeue), or None: a new one."""
    match = re.fullmatch(r"version_(\d+)", Path(ckpt_path).resolve().parent.name) if ckpt_path else None
    if match:
        return int(match[1])
    return int(os.environ["SLURM_JOB_ID"]) if "SLURM_JOB_ID" in os.environ else None


def train() -> None:
    """Run `train.py`: rewrites `sys.argv` in place, since DDP's child processes are started from it."""
    logging.getLogger("lightning.pytorch.utilities.rank_zero").addFilter(lambda record: "Tip" not in record.msg)
    warnings.filterwarnings("ignore", message=".*LeafSpec.*")
    warnings.filterwarnings("ignore", message=".*exists and is not empty.*")

    def run() -> int:
        sys.argv[1:] = expand(sys.argv[1:])
        cli = StylenetCLI(
            StylizerModule,
            StylizationData,
            subclass_mode_model=True,
            seed_everything_default=0,
            auto_configure_optimizers=False,
            save_config_kwargs={"overwrite": True},
            parser_kwargs={name: dict(PARSER) for name in ("fit", "validate", "test", "predict")} | PARSER,
            trainer_defaults={
                "callbacks": [LastCheckpoint(), SlimCheckpoint(), Interrupt(), ValidationGrid(), Throughput()],
                "logger": LOGGER,
                "use_distributed_sampler": False,
                "num_sanity_val_steps": 0,
                "enable_model_summary": False,
                "log_every_n_steps": 10,
            },
        )
        return 130 if any(isinstance(c, Interrupt) and c.asked for c in cli.trainer.callbacks) else 0

    sys.exit(guarded(run))


PARSER: dict[str, Any] = {"allow_abbrev": False, "exit_on_error": False}


def guarded(command: Callable[[], int]) -> int:
    """Return a command's exit code; bad input is one line on standard error and exit code 2."""
    try:
        return command()
    except InputError as error:
        message = str(error)
    except ArgumentError as error:
        message = _one_line(str(error))
    print(f"error: {message}", file=sys.stderr)
    return 2


def _one_line(message: str) -> str:
    return " ".join(message.split())


def infer() -> None:
    """Run `infer.py`."""
    raise unknown("command", "infer", ["train"])
