"""Networks from checkpoints as methods: of one style, of many, or of any."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from stylenet.data.styles import find_style
from stylenet.errors import InputError
from stylenet.inference.looks import Look
from stylenet.inference.stylizer import Stylizer
from stylenet.networks.adain import AdaIN
from stylenet.networks.checkpoint import load_network
from stylenet.resources import network_file
from stylenet.studies.digests import file_digest
from stylenet.studies.methods import Method, Painter, Tick


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
        self.any_style = isinstance(self.network, AdaIN)
        several: list[str] | None = metadata.get("styles")
        self.kind = "adain" if self.any_style else "multi-style" if several else "johnson"
        own = style or metadata.get("style")
        if style and (self.any_style or several):
            raise InputError(f"{path}={style}: this network has not one style: leave ={style} out")
        if not (self.any_style or several or own):
            raise InputError(f"{path} does not say its style: write {path}=STYLE")
        self.styles = several or ([] if self.any_style else [str(own)])
        self.loss_network = _loss_network(metadata, self.network)
        self.trained = {key: metadata[key] for key in ("steps", "seconds") if key in metadata}
        self._sha256 = file_digest(path)

    def paints(self, style: str) -> bool:
        """Tell whether it has learnt the style, or takes any."""
        return self.any_style or style in self.styles

    def painter(self, style: str, painting: Tensor) -> Painter:
        """Return the network with its look; see `Method.painter`."""
        if self.any_style:
            look = Look(styles=(painting,))
        else:
            look = Look(styles=(self.styles.index(style),)) if self.kind == "multi-style" else Look()
        stylizer = Stylizer(self.network, self.device, look)

        def paint(photograph: Tensor, tick: Tick) -> Tensor:
            image = stylizer(photograph)
            tick()
            return image.clamp(0, 1)

        return paint

    def recipe(self) -> dict[str, Any]:
        """Return the digest of the file; see `Method.recipe`."""
        return {"kind": self.kind, "sha256": self._sha256, "styles": self.styles}


def _loss_network(metadata: Mapping[str, Any], network: torch.nn.Module) -> str | None:
    """Return the backbone that a network was trained with, an AdaIN's encoder unless its file says otherwise."""
    told = metadata.get("loss_network") or {}
    return told.get("backbone") or getattr(network, "arguments", {}).get("backbone")


def named(text: str) -> tuple[Path, str | None]:
    """Return the file and the style of `FILE` or `FILE=STYLE`, where FILE may be the name of a network that ships.

    Raises:
        InputError: There is no such file, or no such style.
    """
    path, equals, style = text.rpartition("=")
    if network_file(text).is_file() or not equals:
        path, style = text, ""
    file = network_file(path)
    if not file.is_file():
        raise InputError(f"no method {text!r}: give photograph, gatys, gatys+, or the file of a network")
    return file, find_style(style).stem if style else None
