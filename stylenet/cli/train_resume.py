"""What a training goes on from, and what it cannot go on from: said in one line, before anything is written."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightning.pytorch.cli import Namespace
from lightning.pytorch.utilities import rank_zero_only
from torch import Size

from stylenet.errors import InputError
from stylenet.features.weights import read_file
from stylenet.modules.base import StylizerModule
from stylenet.modules.train import TrainModule
from stylenet.networks.checkpoint import KEY


@dataclass(frozen=True)
class Resumed:
    """A checkpoint that a training wrote to go on from.

    Args:
        path: Its place.
        metadata: That of the network.
        shapes: Of its tensors, by name.
        step: Optimizer steps so far.
        optimizer: `adam` or `muon`.
        groups: Names of its groups of parameters; None in an older version's.
    """

    path: Path
    metadata: dict[str, Any]
    shapes: dict[str, Size]
    step: int
    optimizer: str
    groups: tuple[str | None, ...]

    def is_done(self, max_steps: int) -> bool:
        """Tell whether nothing is left to do, and say so."""
        done = 0 < max_steps <= self.step
        if done and rank_zero_only.rank == 0:
            print(
                f"nothing to do: {self.path} is at step {self.step}, and trainer.max_steps is {max_steps}; "
                f"give a larger one to train for longer",
                file=sys.stderr,
            )
        return done

    def check_network(self, module: TrainModule) -> None:
        """Raise an InputError where `module` trains another network, or other styles."""
        if self.shapes != {name: tensor.shape for name, tensor in module.state_dict().items()}:
            own = self.metadata.get("arguments")
            raise InputError(f"--ckpt_path={self.path} holds a network of another shape: {own}; give the same options")
        module.refuse(self.metadata)

    def check_optimizer(self, module: TrainModule) -> None:
        """Raise an InputError where `module` has another optimizer, or other groups: it cannot take over the state."""
        if getattr(module, "optimizer", self.optimizer) != self.optimizer:
            raise InputError(
                f"{self.path} was trained by {self.optimizer}: give model.optimizer={self.optimizer} to go on, "
                f"or model.init_from={self.path} to start from its weights"
            )
        if isinstance(module, StylizerModule):
            self._check_groups(tuple(group["name"] for group in module.parameter_groups()))

    def _check_groups(self, names: tuple[str, ...]) -> None:
        named = None not in self.groups
        if not named and len(names) != len(self.groups):
            raise InputError(
                f"{self.path} was trained by an older version, which had one rate for all: give "
                f"model.init_from={self.path} to start from its weights"
            )
        if named and names != self.groups:
            raise InputError(
                f"{self.path} trained {_listed(self.groups)}, this run would train {_listed(names)}: give the options "
                f"of that run, model.init_from among them, or model.init_from={self.path} to start from its weights"
            )


def read_resumed(path: str) -> Resumed:
    """Return what the checkpoint at `path` says.

    Raises:
        InputError: The file cannot be read, holds a network alone, or lacks what a training goes on from.
    """
    content = read_file(Path(path))
    if not content.get("optimizer_states"):
        raise InputError(
            f"{path} holds a network alone: give --ckpt_path the last.ckpt of its run, "
            f"or start from the network with model.init_from={path}"
        )
    try:
        groups = content["optimizer_states"][0]["param_groups"]
        names = tuple(group.get("name") for group in groups)
        optimizer = "adam" if "betas" in groups[0] else "muon"
        shapes = {name: tensor.shape for name, tensor in content["state_dict"].items()}
        step = int(content["global_step"])
        return Resumed(Path(path), dict(content[KEY]), shapes, step, optimizer, names)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        raise InputError(
            f"{path} is damaged: no training can go on from it; start from its weights with model.init_from={path}"
        ) from None


def _listed(names: Sequence[str | None]) -> str:
    return " and ".join(map(str, names)) + (" alone" if len(names) == 1 else "")


def check_measures_something(config: Namespace) -> None:
    """Raise an InputError where `validate` would measure random weights."""
    if not config.ckpt_path and not config.model.init_args.get("init_from"):
        raise InputError("validate measures a trained network: give --ckpt_path=RUN/last.ckpt or model.init_from=FILE")
