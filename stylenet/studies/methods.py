"""What is compared: ways to paint a photograph in a style."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from stylenet.errors import InputError
from stylenet.features.extractor import FeatureExtractor
from stylenet.features.weights import resolve_weights
from stylenet.gatys.defaults import gatys_options, gatys_shares
from stylenet.gatys.optimize import optimize
from stylenet.losses.multiscale import perceptual_loss
from stylenet.losses.weighting import Balanced, Schedule, Weighting

Tick = Callable[[], bool]
"""Called after each step of a painting; returns true to stop."""
Painter = Callable[[Tensor, Tick], Tensor]
"""Takes a photograph, (1, 3, H, W) in [0, 1], and returns its stylization, of the same shape, on the CPU."""


class Stopped(Exception):
    """A painting was stopped by its `Tick`: there is no image."""


class Method(ABC):
    """A way to paint.

    Attributes:
        name: Of its column and of its folder of pictures.
        given: What it is called on the command line.
        kind: `photograph`, `gatys`, `gatys+`, `johnson`, `multi-style` or `adain`.
        loss_network: The backbone whose losses were minimized; None where there is none or it is unknown.
        steps: How often its painter calls `Tick`.
        trained: What its checkpoint says of the training: `steps`, `seconds`.
    """

    name: str
    given: str
    kind: str
    loss_network: str | None = None
    steps: int = 1
    trained: dict[str, float] = {}

    def paints(self, style: str) -> bool:
        """Tell whether it knows the style of that name; by default any."""
        return True

    @abstractmethod
    def painter(self, style: str, painting: Tensor) -> Painter:
        """Return what paints in a style.

        Args:
            style: Its name.
            painting: (1, 3, h, w) in [0, 1].
        """

    @abstractmethod
    def recipe(self) -> dict[str, Any]:
        """Return what its pictures depend on, as plain values: another recipe, other pictures."""


class Photograph(Method):
    """The untouched photograph: what every other row has to be read beside."""

    name = given = kind = "photograph"

    def painter(self, style: str, painting: Tensor) -> Painter:
        """Return the identity; see `Method.painter`."""

        def paint(photograph: Tensor, tick: Tick) -> Tensor:
            tick()
            return photograph.cpu()

        return paint

    def recipe(self) -> dict[str, Any]:
        """Return its kind."""
        return {"kind": self.kind}


class Gatys(Method):
    """The optimization of Gatys et al. 2016 by L-BFGS, from the photograph; see `stylenet.gatys.optimize`.

    Args:
        name: Also its kind, and what it is called on the command line.
        options: Of the loss, by name; the others are the defaults for VGG16.
        strengths: Style strength at the beginning and the end, by which style and content are balanced, see
            `Balanced`; None for fixed weights.
        steps: Evaluations of the loss.
        device: Where it runs.
    """

    def __init__(
        self,
        name: str,
        options: Mapping[str, Any],
        strengths: tuple[float, float] | None,
        steps: int,
        device: torch.device,
    ) -> None:
        self.name = self.given = self.kind = name
        self.backbone, self.weights = "vgg16", resolve_weights("vgg16", "auto")
        self.loss_network, self.options = self.backbone, gatys_options(self.backbone, options)
        self.shares = [gatys_shares(self.backbone, strength) for strength in strengths or ()]
        self.steps, self.device = steps, device
        self._extractor: FeatureExtractor | None = None

    def painter(self, style: str, painting: Tensor) -> Painter:
        """Return the optimization; see `Method.painter`."""
        if self._extractor is None:  # built when it is needed: a finished row needs none
            extractor = FeatureExtractor(self.backbone, self.options.layers, self.weights, self.options.pooling)
            self._extractor = extractor.to(self.device)
        painting = painting.to(self.device)
        loss = perceptual_loss(self._extractor, painting, self.options).to(self.device)

        def paint(photograph: Tensor, tick: Tick) -> Tensor:
            stopped: list[bool] = []

            def step(_: object) -> bool:
                stopped[:] = [True] if tick() else []
                return bool(stopped)

            content = photograph.to(self.device)
            result = optimize(content, painting, loss, steps=self.steps, weighting=self._weighting(), callback=step)
            if stopped:
                raise Stopped
            if result.diverged:
                raise InputError(result.diverged)
            return result.image.cpu()

        return paint

    def _weighting(self) -> Weighting | None:
        if not self.shares:
            return None
        first, last = self.shares
        return Balanced({group: Schedule(first[group], last[group], "geometric") for group in first})

    def recipe(self) -> dict[str, Any]:
        """Return everything that was chosen; see `Method.recipe`."""
        network = [self.backbone, Path(self.weights).name]
        return {
            "kind": self.kind,
            "network": network,
            "options": asdict(self.options),
            "shares": self.shares,
            "steps": self.steps,
        }


PLUS = {"style_weight": 1.0, "combined_weight": 0.1}
"""Of `gatys+`: groups that are balanced have a weight of 1."""
PLUS_STRENGTHS = (2.0, 20.0)
"""First the photograph, then more and more of the painting; the weights of the survey are not known, these are ours."""


def gatys(steps: int, device: torch.device) -> Gatys:
    """Return the plain optimization, with the default weights."""
    return Gatys("gatys", {}, None, steps, device)


def gatys_plus(steps: int, device: torch.device) -> Gatys:
    """Return the optimization with dynamic weights and the combined image, a survey's; see `stylenet.losses`."""
    return Gatys("gatys+", PLUS, PLUS_STRENGTHS, steps, device)
