"""The ways to make a pseudo-label: the Gatys optimizer, and an AdaIN network."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from stylenet.acceleration.accelerate import accelerate
from stylenet.color import check_preserve_color
from stylenet.errors import InputError, unknown
from stylenet.gatys.objective import plan
from stylenet.gatys.optimize import INITS, check, optimize
from stylenet.losses.perceptual import PerceptualLoss
from stylenet.networks.adain import AdaIN
from stylenet.networks.checkpoint import load_network
from stylenet.resources import file_digest, network_file

Stylist = Callable[[Tensor], Tensor]
"""Makes the label, (1, 3, H, W) in [0, 1], of a photograph of that shape; raises InputError where it cannot."""


OPTIONS = (
    *("optimizer", "lr", "schedule", "steps", "patience"),
    *("init", "seed", "pyramid", "preserve_color", "combined_after", "precision"),
)
"""Parameters of `optimize` that are plain values: what a run that is written down can set."""


def optimize_options(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return `OPTIONS` as given, the others by default.

    Args:
        given: Some of `OPTIONS`.

    Raises:
        InputError: One cannot be used.
    """
    parameters = inspect.signature(optimize).parameters
    full = {name: parameters[name].default for name in OPTIONS} | dict(given)
    if full["init"] not in INITS:
        raise unknown("init", full["init"], INITS)
    check(**{name: full[name] for name in inspect.signature(check).parameters})
    check_preserve_color(full["preserve_color"])
    plan(full["steps"], full["pyramid"], 1, 1)
    return full


@dataclass(frozen=True)
class GatysLabeler:
    """Labels by the optimizer, a photograph at a time.

    Args:
        loss: What is minimized; its paintings are replaced.
        options: Keyword arguments of `stylenet.gatys.optimize.optimize`, plain values.
    """

    method: ClassVar[str] = "gatys"
    loss: PerceptualLoss
    options: Mapping[str, Any]

    @property
    def settings(self) -> dict[str, Any]:
        """Return the options of the loss and of the optimization."""
        return asdict(self.loss.options) | dict(self.options)

    def stylist(self, painting: Tensor) -> Stylist:
        """Return the optimization towards a painting; what diverges is refused."""

        def stylize(photograph: Tensor) -> Tensor:
            result = optimize(photograph, painting, self.loss, **self.options)
            if result.diverged:
                raise InputError(f"the optimization diverged: {result.diverged}")
            return result.image

        return stylize


class AdaINLabeler:
    """Labels by an AdaIN network.

    Args:
        checkpoint: Its file.
        device: Where it shall run.
        alpha: Strength of the style in [0, 1].

    Raises:
        InputError: The file cannot be used or holds another network, or alpha is out of range.
    """

    method: ClassVar[str] = "adain"

    def __init__(self, checkpoint: str | Path, device: torch.device, alpha: float = 1.0) -> None:
        if not 0 <= alpha <= 1:
            raise InputError(f"alpha is {alpha}: give 0 to 1")
        network = load_network(checkpoint)[0]
        if not isinstance(network, AdaIN):
            raise InputError(f"{checkpoint} holds a {type(network).__name__}: give an AdaIN checkpoint")
        self.network, self.alpha = accelerate(network.to(device), device), alpha
        self.checkpoint = network_file(checkpoint)

    @property
    def settings(self) -> dict[str, Any]:
        """Return what tells this network from others, and the strength."""
        digest = file_digest(self.checkpoint)
        return {"checkpoint": self.checkpoint.name, "checkpoint_sha256": digest, "alpha": self.alpha}

    def stylist(self, painting: Tensor) -> Stylist:
        """Return the network under a painting."""
        palette = self.network.palette(painting)

        @torch.no_grad()  # not inference_mode: a loss may compare with the label
        def stylize(photograph: Tensor) -> Tensor:
            return self.network(photograph, palette, alpha=self.alpha)

        return stylize


Labeler = GatysLabeler | AdaINLabeler
"""A way to make labels: `method` and `settings` say in the manifest what made them, `stylist` makes them."""
