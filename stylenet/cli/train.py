"""The command `train`: LightningCLI behind a shorthand, with a run card and one-line errors."""

import inspect
import logging
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import LearningRateMonitor
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI, Namespace
from lightning.pytorch.utilities.exceptions import MisconfigurationException

from stylenet.acceleration.allocator import keep_memory
from stylenet.callbacks import Throughput, TrainingProgress, ValidationGrid
from stylenet.cli.arguments import check_configs
from stylenet.cli.exits import OK
from stylenet.cli.run_card import run_card
from stylenet.cli.shorthand import SUBCOMMANDS, expand
from stylenet.cli.train_checks import check_nulls, check_numbers, check_processes, check_strategy
from stylenet.cli.train_folder import HOME, ConfigFile, name_folder, removed_if_refused
from stylenet.cli.train_parser import Parser
from stylenet.cli.train_resume import Resumed, check_measures_something, read_resumed
from stylenet.data.datamodule import StylizationData
from stylenet.data.styles import find_style
from stylenet.errors import Failed, InputError, one_line
from stylenet.modules.train import TrainModule
from stylenet.precision import has_16_bit_units
from stylenet.resources import home_path
from stylenet.saving import CheckpointFile, LastCheckpoint, SlimCheckpoint, check_saved
from stylenet.stopping import Interrupt, StopIfDiverged, Watchdog

LOGGER = {
    "class_path": "stylenet.logs.ForgivingTensorBoardLogger",
    "init_args": {"save_dir": HOME, "default_hp_metric": False},
}
TRAINER = {
    "logger": LOGGER,
    "use_distributed_sampler": False,  # `stylenet.data.sampling` deals the samples out
    "num_sanity_val_steps": 0,
    "enable_model_summary": False,  # the run card says it
    "log_every_n_steps": 10,
}
QUICK_RECIPES = ("film", "minutes", "ship", "ship_adain", "ship_single")
"""Recipes that take 16-bit floats where a CPU has units for them."""
LOST = ("Connection closed by peer", "Connection reset", "NCCL", "gloo")
"""What errors say when a process of a distributed training is gone."""
NOISE = ("Tip", "GPU available", "TPU available", "Seed set")


class StylenetCLI(LightningCLI):
    """LightningCLI with a top-level `style` and `recipe`, a run card, and a resume that the command line rules."""

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add `--style` and `--recipe`, linked to the model, and the callbacks that have options."""
        parser.add_argument(
            "--style",
            type=list[str] | str | None,
            default=None,
            help="A style's name, or the path of an image; or several.",
        )
        parser.add_argument("--recipe", type=str | None, default=None, help="Name of the recipe in use.")
        parser.link_arguments("style", "model.init_args.style")
        parser.link_arguments("recipe", "model.init_args.recipe")
        parser.add_lightning_class_args(LastCheckpoint, "checkpoint")
        parser.add_lightning_class_args(ValidationGrid, "grid")

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        """Return the subcommand, or all for help, and the arguments of the trainer's methods that are no options.

        Each has a parser of its own with every option, which takes a quarter of a second to build.
        """
        asked = [name for name in SUBCOMMANDS if name in sys.argv[1:2]]
        return {name: LightningCLI.subcommands()[name] for name in asked or SUBCOMMANDS}

    def _parse_ckpt_path(self) -> None:
        """Do nothing: Lightning would let the checkpoint's hyper-parameters beat the command line."""

    def before_instantiate_classes(self) -> None:
        """Check what Lightning would not, and name the run's folder: `checkpoints/STYLE/version_N`, say."""
        config = self.config[self.subcommand]
        model: type[TrainModule] = resolve_name(config.model.class_path)
        if config.style is None and model.run is None:
            raise InputError("no style given: add style=starry_night, or style=PATH of an image")
        takes_style = "style" in inspect.signature(model).parameters
        if config.style is not None and not takes_style:
            raise InputError(f"model={model.run} takes no style: leave out style={config.style}")
        if takes_style and config.data.paintings and not config.data.pseudo_labels:
            raise InputError("data.paintings is for model=adain: leave it out, as this model learns its styles alone")
        check_nulls(model, config.model.init_args)
        check_numbers(config)
        check_strategy(config.trainer.strategy)
        if config.ckpt_path:
            config.ckpt_path = str(home_path(config.ckpt_path))
        name_folder(config, model.run or Path(config.style).stem)
        _weigh_labels(config)
        self.resumed: Resumed | None = None
        if config.ckpt_path:
            model.check(config.ckpt_path)
            self.resumed = read_resumed(config.ckpt_path)
        elif self.subcommand == "validate":
            check_measures_something(config)
        config.weights_only = True  # a checkpoint is data, never code

    def instantiate_classes(self) -> None:
        """Make model, data and trainer; what jsonargparse wraps in its own errors is raised as it was.

        Raises:
            InputError: Bad input.
        """
        try:
            super().instantiate_classes()
        except MisconfigurationException as error:
            absent = "backend found" in str(error) or "is not available" in str(error)
            mend = " Leave trainer.accelerator out: the best device here is taken" if absent else ""
            raise InputError(one_line(str(error)) + mend) from None
        except ModuleNotFoundError as error:  # of what an accelerator, a strategy or a logger needs
            raise InputError(one_line(str(error))) from None
        except (RuntimeError, ValueError) as error:
            if isinstance(error.__cause__, InputError):
                raise error.__cause__ from None
            if "SLURM" in str(error):  # the job has other tasks than the trainer, says Lightning
                raise InputError(one_line(str(error))) from None
            raise
        check_processes(self.trainer.num_devices * self.trainer.num_nodes)
        if self.model.run is None:  # it trains a single style
            self.datamodule.label_style = find_style(self.config[self.subcommand].style).stem

    def instantiate_trainer(self, **kwargs: Any) -> pl.Trainer:
        """Return the trainer with our callbacks, less those that its flags switch off."""
        flags = self._get(self.config_init, "trainer")
        own: list[pl.Callback] = [StopIfDiverged(), SlimCheckpoint(), Interrupt(), Throughput(), Watchdog()]
        if flags.enable_progress_bar is not False:
            own.append(TrainingProgress())
        if flags.logger:
            own.append(LearningRateMonitor("step"))
        self.trainer_defaults["callbacks"] = own
        if self.subcommand != "fit":
            self.save_config_callback = None  # it would overwrite the training's
        if flags.enable_checkpointing is False:
            self._parser(self.subcommand).callback_keys.remove("checkpoint")
        plugins = flags.plugins if isinstance(flags.plugins, list) else [flags.plugins] if flags.plugins else []
        return super().instantiate_trainer(plugins=[*plugins, CheckpointFile()], **kwargs)

    def _run_subcommand(self, subcommand: str) -> None:
        """Run it, if the checkpoint to go on from allows it; what is refused leaves no folder behind."""
        if self.resumed:
            self.resumed.check_network(self.model)
            if subcommand == "fit":
                self.resumed.check_optimizer(self.model)
                if self.resumed.is_done(self.trainer.max_steps):
                    return
        try:
            with removed_if_refused(self.trainer):
                super()._run_subcommand(subcommand)
        except RuntimeError as error:
            if self.trainer.world_size > 1 and any(word in str(error) for word in LOST):
                raise Failed(
                    "another process of this training has ended: see above, and go on from last.ckpt"
                ) from None
            raise

    def before_fit(self) -> None:
        """Print the run card, and have every checkpoint tell what was trained on."""
        shown = {"photographs": self.datamodule.describe(), "paintings": self.datamodule.describe_paintings()}
        for kind, content in shown.items():
            if content:
                made = {"source": content.source, "images": content.images, "substitute": content.substitute}
                self.model.metadata[kind] = made
        run_card(self.trainer, self.model, self.datamodule)

    def after_fit(self) -> None:
        """Say how many photographs were skipped."""
        if self.datamodule.broken:
            print(f"{self.datamodule.broken} images could not be read and were skipped", file=sys.stderr)


def quickest_precision(argv: Sequence[str]) -> dict[str, str]:
    """Return the precision a training takes by default: 16-bit floats for quick recipes on CPUs with units for them.

    There a step takes between a quarter and a half of the time (docs/performance.md, "16-bit floats on a CPU").

    Args:
        argv: Arguments, written out.
    """
    quick = any(f"recipes/{name}.yaml" in argument for name in QUICK_RECIPES for argument in argv)
    cpu = not torch.accelerator.is_available() if hasattr(torch, "accelerator") else not torch.cuda.is_available()
    return {"precision": "bf16-mixed"} if quick and cpu and has_16_bit_units() else {}


def _weigh_labels(config: Namespace) -> None:
    """Have pseudo-labels count where their weights were left at 0: pixels and features, by 1 each."""
    weights = ("pixel_weight", "perceptual_weight")
    arguments = config.model.init_args
    if config.data.pseudo_labels and not any(arguments.get(name) for name in weights):
        for name in weights:
            arguments[name] = 1.0


def _quiet() -> None:
    """Keep what Lightning says before the run card, and what the user can do nothing about, off the terminal."""
    for name in ("lightning.pytorch.utilities.rank_zero", "lightning.fabric.utilities.seed"):
        logging.getLogger(name).addFilter(lambda record: not any(word in record.getMessage() for word in NOISE))
    warnings.filterwarnings("ignore", message=".*LeafSpec.*")
    warnings.filterwarnings("ignore", message=".*exists and is not empty.*")
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    if "SLURM_JOB_ID" not in os.environ:  # on a login node
        warnings.filterwarnings("ignore", message=".*`srun` command is available.*")


def _train() -> int:
    """Run the command line; `sys.argv` is rewritten in place, since DDP's child processes are started from it."""
    _quiet()
    sys.argv[1:] = expand(sys.argv[1:])
    check_configs(sys.argv)
    cli = StylenetCLI(
        TrainModule,
        StylizationData,
        subclass_mode_model=True,
        seed_everything_default=0,
        auto_configure_optimizers=False,
        save_config_callback=ConfigFile,
        save_config_kwargs={"overwrite": True},  # else a requeued SLURM job dies
        parser_class=Parser,
        parser_kwargs={"allow_abbrev": False} | {name: {"allow_abbrev": False} for name in StylenetCLI.subcommands()},
        trainer_defaults=TRAINER | quickest_precision(sys.argv),
    )
    check_saved(cli.trainer)
    asked = [callback.asked for callback in cli.trainer.callbacks if isinstance(callback, Interrupt)]
    return 128 + asked[0] if any(asked) else OK


def train() -> int:
    """Run the command line in `sys.argv` and return the exit code.

    Numbers too small for a normal float become 0: the momentum of weights that get no gradient decays to such numbers,
    on which a CPU takes a hundred times as long. A training of AdaIN by Muon had slowed down to 2.6 times its step.
    """
    keep_memory()
    torch.set_flush_denormal(True)
    return _train()
