"""What the command `train` and its callbacks ask of a module, whatever it trains."""

import time
import warnings
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import lightning.pytorch as pl
from torch import Tensor, nn

from stylenet.networks.checkpoint import KEY, load_network


class TrainModule(pl.LightningModule):
    """A module that trains `self.network` with the help of networks that are not trained.

    Subclasses set `network`, hand what is not trained to `keep_outside`, and fill `metadata`, plain values that every
    checkpoint carries.

    Attributes:
        run: Name of the folder of its runs; None takes the style's name, and then a style is needed.
        slim: Name of the file that the trained network is written to.
        init_from: Checkpoint whose weights are the start, None for random ones.
    """

    run: ClassVar[str | None] = None
    slim: ClassVar[str] = "stylizer.safetensors"
    network: nn.Module
    init_from: str | None = None

    def __init__(self) -> None:
        super().__init__()
        self.metadata: dict[str, Any] = {}
        self._outside: tuple[nn.Module, ...] = ()
        self._seconds, self._since = 0.0, time.perf_counter()

    @staticmethod
    def check(path: str | Path) -> None:
        """Raise an InputError for a checkpoint that such a training cannot go on from."""
        load_network(path)

    def keep_outside(self, *modules: nn.Module) -> None:
        """Take modules that are not trained.

        A tuple hides them from the module's tree: they are in no state dict, and unknown to DDP, which would
        broadcast their buffers at every step.
        """
        self._outside = modules

    def _apply(self, fn: Any, recurse: bool = True) -> "TrainModule":
        """Move what is outside the tree along with the module: `to`, `cuda`, `float` all come through here."""
        for module in self._outside:
            module._apply(fn)
        return super()._apply(fn, recurse)

    @abstractmethod
    def ingredients(self) -> dict[str, str]:
        """Return the first lines of the run card: what it learns from, besides photographs."""

    @abstractmethod
    def trial(self, photographs: Tensor) -> Tensor:
        """Return the loss of a batch, (B, 3, H, W) in [0, 1], without a trainer: what a step costs is measured so."""

    def finished(self) -> nn.Module:
        """Return the network as it is handed out."""
        return self.network

    def on_fit_start(self) -> None:
        """Start the clock."""
        self._since = time.perf_counter()

    def described(self) -> dict[str, Any]:
        """Return the metadata with the length of the training so far: steps, and seconds, over all its resumptions."""
        seconds = self._seconds + time.perf_counter() - self._since
        return self.metadata | {"steps": self.global_step, "seconds": round(seconds)}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the metadata that rebuilds the network without this class."""
        checkpoint[KEY] = self.described()

    def refuse(self, before: Mapping[str, Any]) -> None:
        """Raise an InputError where a training that had the metadata `before` cannot go on as this one."""

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Warn where a resumed run trains on something else than before: another loss network found by `auto`, say."""
        before = checkpoint.get(KEY, {})
        self.refuse(before)
        self._seconds = before.get("seconds", 0.0)
        for name in ("style", "loss_network", "loss"):
            if before.get(name) != self.metadata.get(name):
                warnings.warn(f"{name} was {before.get(name)}, is {self.metadata.get(name)}", stacklevel=2)


def columns(batch: Tensor | dict[str, Tensor]) -> dict[str, Tensor]:
    """Return a batch by its columns: photographs, and paintings, labels and styles where the data have them."""
    return batch if isinstance(batch, dict) else {"photographs": batch}


def describe_network(backbone: str, weights: str) -> dict[str, Any]:
    """Return what checkpoints tell of a loss network: `backbone` and `weights`."""
    return {"backbone": backbone, "weights": Path(weights).name}


def named_network(made: dict[str, Any]) -> str:
    """Return in words what `describe_network` returned."""
    return f"{made['backbone']}, {made['weights']} weights"
