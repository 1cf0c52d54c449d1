"""What Lightning would take and a training here cannot: checked before it begins."""

import inspect
import os

from lightning.pytorch.cli import Namespace
from lightning.pytorch.strategies import StrategyRegistry

from stylenet.cli.arguments import check_null
from stylenet.errors import InputError
from stylenet.losses.options import LossOptions
from stylenet.modules.train import TrainModule
from stylenet.slurm import slurm_job

LOWEST = {
    **dict.fromkeys([f"model.{name}" for name in ("lr", "lr_decay", "lr_cooldown", "style_warmup")], 0),
    "model.width": 1,
    "model.style_size": 16,
    "trainer.accumulate_grad_batches": 1,
    "trainer.log_every_n_steps": 1,
    "checkpoint.every_n_train_steps": 1,
    "grid.count": 0,
}
"""The least that these options may be."""


def check_nulls(model: type[TrainModule], arguments: Namespace) -> None:
    """Raise an InputError for the first option that is null and may not be: jsonargparse lets it pass in classes.

    Args:
        model: Class of the LightningModule.
        arguments: Its `init_args`, as jsonargparse parsed them.
    """
    classes = [LossOptions, *reversed(model.__mro__)]
    signatures = [inspect.signature(one.__init__) for one in classes]  # type: ignore[misc]
    parameters = {name: parameter for found in signatures for name, parameter in found.parameters.items()}
    for name, value in vars(arguments).items():
        if name in parameters:
            check_null(f"model.{name}", value, parameters[name].annotation)


def check_numbers(config: Namespace) -> None:
    """Raise an InputError for the first option below its least value.

    Args:
        config: Of the subcommand, as jsonargparse parsed it.
    """
    for option, lowest in LOWEST.items():
        value = config.get(option.replace("model.", "model.init_args."))
        if value is not None and not value >= lowest:  # nor may it be no number
            raise InputError(f"{option} is {value}: give at least {lowest}")


def check_strategy(strategy: str | Namespace) -> None:
    """Raise an InputError unless each process holds the whole network and is started from the command line.

    Checkpoints, averaged weights and the metadata of a network take it whole: FSDP and DeepSpeed would hand them a
    part. A network of 7 MB has nothing to share out. `ddp_spawn` pickles the trainer, whose callbacks hold locks.

    Args:
        strategy: Value of `trainer.strategy`: a name, or a class and its arguments.
    """
    if isinstance(strategy, str):
        given, known = strategy.lower(), {"auto", *StrategyRegistry.available_strategies()}
        fits = given in known and (given == "auto" or "ddp" in given and "spawn" not in given)
    else:
        given = strategy.class_path.rpartition(".")[2]
        fits = given in ("DDPStrategy", "SingleDeviceStrategy")
    if not fits:
        raise InputError(f"trainer.strategy={given} is not supported: these networks fit on any device, use ddp")


def check_processes(known: int) -> None:
    """Raise an InputError where srun or torchrun started other processes than the training knows of.

    Of more than it knows of, Lightning would train in each by itself, and all would write into one folder.

    Args:
        known: Devices of all nodes.
    """
    torchrun = "TORCHELASTIC_RUN_ID" in os.environ
    if not torchrun and slurm_job() is None:
        return
    program, variable = ("torchrun", "WORLD_SIZE") if torchrun else ("srun", "SLURM_STEP_NUM_TASKS")
    started = int(os.environ.get(variable, known))
    if started != known:
        raise InputError(
            f"trainer.devices times trainer.num_nodes is {known}, but {program} started {started} processes: give as "
            "many devices as a node has processes (a later --config may have changed them)"
        )
