"""Ways to paint a photograph in a style: none, Gatys' optimization, and trained networks."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from stylenet.data.styles import find_style
from stylenet.errors import InputError
from stylenet.features.extractor import FeatureExtractor
from stylenet.features.weights import resolve_weights
from stylenet.gatys.defaults import gatys_options, gatys_shares
from stylenet.gatys.optimize import optimize
from stylenet.inference.style_options import StyleOptions
from stylenet.inference.stylizer import Stylizer
from stylenet.losses.multiscale import perceptual_loss
from stylenet.losses.weighting import Balanced, Schedule
from stylenet.networks.adain import AdaIN
from stylenet.networks.checkpoint import load_network
from stylenet.resources import file_digest, network_file

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


PLUS = {"style_weight": 1.0, "combined_weight": 0.1}
"""Of `gatys+`: groups that are balanced have a weight of 1."""
PLUS_STRENGTHS = (2.0, 20.0)
"""First the photograph, then more and more of the painting; the weights of the survey are not known, these are ours."""
OPTIMIZED: dict[str, tuple[dict[str, Any], tuple[float, ...]]] = {"gatys": ({}, ()), "gatys+": (PLUS, PLUS_STRENGTHS)}
"""Options of the loss, the others being the defaults for VGG16, and style strength at the beginning and the end, by
which style and content are balanced; none for fixed weights. `gatys+` is a survey's, see `stylenet.losses`."""


class Gatys(Method):
    """The optimization of Gatys et al. 2016 by L-BFGS, from the photograph; see `stylenet.gatys.optimize`.

    Args:
        name: One of `OPTIMIZED`; also its kind, and what it is called on the command line.
        steps: Evaluations of the loss.
        device: Where it runs.
    """

    def __init__(self, name: str, steps: int, device: torch.device) -> None:
        self.name = self.given = self.kind = name
        options, strengths = OPTIMIZED[name]
        self.loss_network, self.weights = "vgg16", resolve_weights("vgg16", "auto")
        self.options = gatys_options(self.loss_network, options)
        self.shares = [gatys_shares(self.loss_network, strength) for strength in strengths]
        self.steps, self.device = steps, device
        self._extractor: FeatureExtractor | None = None

    def painter(self, style: str, painting: Tensor) -> Painter:
        """Return the optimization; see `Method.painter`."""
        if self._extractor is None:  # built when it is needed: a finished row needs none
            extractor = FeatureExtractor("vgg16", self.options.layers, self.weights, self.options.pooling)
            self._extractor = extractor.to(self.device)
        painting = painting.to(self.device)
        loss = perceptual_loss(self._extractor, painting, self.options).to(self.device)

        def paint(photograph: Tensor, tick: Tick) -> Tensor:
            stopped = False

            def step(_: object) -> bool:
                nonlocal stopped
                stopped = tick()
                return stopped

            content = photograph.to(self.device)
            result = optimize(content, painting, loss, steps=self.steps, weighting=self._weighting(), callback=step)
            if stopped:
                raise Stopped
            if result.diverged:
                raise InputError(result.diverged)
            return result.image.cpu()

        return paint

    def _weighting(self) -> Balanced | None:
        if not self.shares:
            return None
        first, last = self.shares
        return Balanced({group: Schedule(first[group], last[group]) for group in first})

    def recipe(self) -> dict[str, Any]:
        """Return everything that was chosen; see `Method.recipe`."""
        network = {"network": [self.loss_network, Path(self.weights).name], "options": asdict(self.options)}
        return {"kind": self.kind} | network | {"shares": self.shares, "steps": self.steps}


class Trained(Method):
    """A network in a file, one's own or a peer's; see `stylenet.networks.checkpoint.load_network`.

    Args:
        path: The file.
        style: Name of the one style of a network that does not say it itself.
        device: Where it runs.

    Raises:
        InputError: The file holds no network, or one whose style is not known.
    """

    def __init__(self, path: Path, style: str | None, device: torch.device) -> None:
        self.name, self.device, self.path = path.stem, device, path
        self.given = f"{path}={style}" if style else str(path)
        self.network, metadata = load_network(path)
        any_style, several = isinstance(self.network, AdaIN), metadata.get("styles")
        self.kind = "adain" if any_style else "multi-style" if several else "johnson"
        own = style or metadata.get("style")
        if style and (any_style or several):
            raise InputError(f"{path}={style}: this network has not one style: leave ={style} out")
        if not (any_style or several or own):
            raise InputError(f"{path} does not say its style: write {path}=STYLE")
        self.styles: list[str] = several or ([] if any_style else [str(own)])
        encoder = getattr(self.network, "arguments", {}).get("backbone")
        self.loss_network = (metadata.get("loss_network") or {}).get("backbone") or encoder
        self.trained = {key: metadata[key] for key in ("steps", "seconds") if key in metadata}
        self._sha256 = file_digest(path)

    def paints(self, style: str) -> bool:
        """Tell whether it has learnt the style, or takes any."""
        return self.kind == "adain" or style in self.styles

    def painter(self, style: str, painting: Tensor) -> Painter:
        """Return the network with its style options; see `Method.painter`."""
        given: dict[str, Any] = {"adain": (painting,), "johnson": ()}
        options = StyleOptions(styles=given[self.kind] if self.kind in given else (self.styles.index(style),))
        stylizer = Stylizer(self.network, self.device, options)

        def paint(photograph: Tensor, tick: Tick) -> Tensor:
            image = stylizer(photograph)
            tick()
            return image.clamp(0, 1)

        return paint

    def recipe(self) -> dict[str, Any]:
        """Return the digest of the file; see `Method.recipe`."""
        return {"kind": self.kind, "sha256": self._sha256, "styles": self.styles}


def find_methods(given: Sequence[str], styles: Sequence[str], steps: int, device: torch.device) -> list[Method]:
    """Return the methods, the untouched photograph always first.

    Args:
        given: `photograph`, `gatys`, `gatys+`, files of networks, or FILE=STYLE.
        styles: Names of the styles that will be painted.
        steps: Of the optimizations.
        device: Where methods run.

    Raises:
        InputError: No such method, one that is given twice, or a network that knows none of the styles.
    """
    wanted = [text for text in dict.fromkeys(given) if text != "photograph"]
    files = {text: _find_network(text) for text in wanted if text not in OPTIMIZED}
    networks = {text: Trained(path, style, device) for text, (path, style) in files.items()}
    for network, name in zip(networks.values(), _distinct([path for path, _ in files.values()]), strict=True):
        network.name = name
        if not any(network.paints(style) for style in styles):
            known = ", ".join(network.styles)
            raise InputError(f"{network.path} paints {known} alone: give one of them to --styles, or leave it out")
    return [Photograph(), *(networks.get(text) or Gatys(text, steps, device) for text in wanted)]


def _find_network(text: str) -> tuple[Path, str | None]:
    """Return the file and the style of `FILE` or `FILE=STYLE`, where FILE may be the name of a network that ships."""
    path, equals, style = text.rpartition("=")
    if network_file(text).is_file() or not equals:
        path, style = text, ""
    file = network_file(path)
    if not file.is_file():
        raise InputError(f"no method {text!r}: give photograph, gatys, gatys+, or the file of a network")
    return file, find_style(style).stem if style else None


def _distinct(paths: Sequence[Path]) -> list[str]:
    """Return a name for each file: its stem, with as many folders before it as tell them all apart."""
    for depth in range(1, 1 + max((len(path.parts) for path in paths), default=1)):
        names = ["-".join([*path.parts[-depth:-1], path.stem]) for path in paths]
        if len({*names, "photograph", *OPTIMIZED}) == len(names) + 1 + len(OPTIMIZED):
            return names
    raise InputError("two methods have one name: give each file once")
