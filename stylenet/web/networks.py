"""What a visitor chose, and the networks that paint it."""

import json
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from safetensors import safe_open

from stylenet.errors import InputError
from stylenet.resources import CHECKPOINTS

if TYPE_CHECKING:
    from torch import Tensor

    from stylenet.inference.stylizer import Stylizer

FLAGSHIP, ANY_STYLE = CHECKPOINTS / "multistyle.safetensors", CHECKPOINTS / "adain.safetensors"
REMEMBERED = 8
"""Looks that are kept ready."""
TILE, WHOLE = 512, 1_100_000
"""Side of the tiles of photographs with more pixels than the second: in between, progress is told and a stop heard."""


@dataclass(frozen=True)
class Learnt:
    """A style that a visitor had learnt.

    Args:
        network: File of its network.
        painting: File of the painting.
    """

    network: Path
    painting: Path


@dataclass(frozen=True)
class Choice:
    """A photograph and a look, as the page's controls give them.

    Args:
        photograph: Its file, if there is one yet.
        mask: Where the style goes, a PNG as a data address; everywhere by default.
        style: One of the flagship's styles, or one that was learnt here.
        painting: File of a painting, which stands in for the style.
        second: Another style to blend with.
        blend: How much of the second, from 0 to 1.
        strength: From 0 to 1.
        strokes: How many times as large strokes are.
        colors: `luminance` or `coral` keeps the photograph's.
        learnt: What the visitor had learnt, by name.
    """

    photograph: str | None
    mask: str | None
    style: str
    painting: str | None = None
    second: str | None = None
    blend: float = 0.5
    strength: float = 1.0
    strokes: float = 1.0
    colors: str | None = None
    learnt: Mapping[str, Learnt] = field(default_factory=dict)

    @property
    def own(self) -> Learnt | None:
        """The learnt style that was chosen, if it is one."""
        return None if self.painting else self.learnt.get(self.style)

    @property
    def network(self) -> Path:
        """File of the network."""
        return ANY_STYLE if self.painting else self.own.network if self.own else FLAGSHIP

    @property
    def names(self) -> tuple[str, ...]:
        """The one or two styles, each a name of the flagship's or a file."""
        first = self.painting or (str(self.own.painting) if self.own else self.style)
        return (first, self.second) if self.second else (first,)

    @property
    def shares(self) -> tuple[float, ...]:
        """How much of each of two styles; empty for one."""
        return (1 - self.blend, self.blend) if self.second else ()

    @property
    def styles(self) -> tuple[str, ...]:
        """The styles as the network takes them.

        Raises:
            InputError: A style that was learnt here is to be blended.
        """
        if self.own and self.second:
            raise InputError(f"{self.style} was learnt here, by a network of its own: blend two of the others")
        return () if self.own else self.names

    @property
    def words(self) -> str:
        """What a picture of it shows, for those who cannot see it."""
        style = "your painting" if self.painting else title(self.style)
        return f"The photograph in the style of {style}" + (f" and {title(self.second)}" if self.second else "")

    @property
    def fixed(self) -> dict[str, Any]:
        """What a look is prepared for: of AdaIN, how large and in which colors it is shown the painting."""
        return self._strokes_and_colors if self.network == ANY_STYLE else {}

    @property
    def free(self) -> dict[str, Any]:
        """What of a look can change without preparing anything."""
        from stylenet.web.pictures import painted

        free = {"shares": self.shares, "alpha": self.strength, "masks": painted(self.mask)}
        return free if self.network == ANY_STYLE else free | self._strokes_and_colors

    @property
    def _strokes_and_colors(self) -> dict[str, Any]:
        return {"preserve_color": self.colors, "stroke_scale": self.strokes}


class Networks:
    """Looks that are ready to paint previews, the last ones used."""

    def __init__(self) -> None:
        self._ready: OrderedDict[tuple[object, ...], Stylizer] = OrderedDict()
        self.lock = Lock()
        self._painter = ThreadPoolExecutor(1, "previews")  # what torch keeps for each thread, it keeps once

    def warm(self) -> None:
        """Have the first style ready before a visitor asks for it."""
        import torch

        with self.lock:
            self.preview(Choice(None, None, self.names()[0]), torch.zeros(1, 3, 64, 64))

    def preview(self, choice: Choice, photograph: "Tensor") -> "Tensor":
        """Return a small photograph, (1, 3, h, w), painted as was chosen; who calls it holds the `lock`.

        Raises:
            InputError: The choice cannot be had.
        """
        return self._painter.submit(self._preview, choice, photograph).result()

    def _preview(self, choice: Choice, photograph: "Tensor") -> "Tensor":
        """Do what `preview` says, in the thread of previews."""
        key = choice.network, choice.styles, *choice.fixed.values()
        if key not in self._ready:
            from stylenet.web.cached_network import CachedNetwork

            self._ready[key] = stylizer = self.open(choice)
            stylizer.network = CachedNetwork(stylizer.network)
        self._ready.move_to_end(key)
        while len(self._ready) > REMEMBERED:
            self._ready.popitem(last=False)
        return self._ready[key].with_options(**choice.free)(photograph)

    def open(self, choice: Choice, tile: int | None = None) -> "Stylizer":
        """Return a stylizer that nobody else uses.

        Args:
            choice: How it paints.
            tile: Pixels of a tile's side, see `tile_for`.

        Raises:
            InputError: The choice cannot be had.
        """
        from stylenet.inference.stylizer import Stylizer

        return Stylizer.from_checkpoint(choice.network, styles=choice.styles, tile=tile, **choice.fixed, **choice.free)

    def names(self) -> list[str]:
        """Return the flagship's styles."""
        with safe_open(FLAGSHIP, "numpy") as file:
            return list(json.loads(file.metadata()["stylenet"])["styles"])


def title(name: str) -> str:
    """Return a style's name as people write it, Roman numbers in capitals."""
    words = " ".join(word.upper() if set(word) <= set("ivx") else word for word in name.split("_"))
    return words[:1].upper() + words[1:]


def tile_for(photograph: "Tensor") -> int | None:
    """Return the side of the tiles that a photograph, (1, 3, H, W), is cut into; None: it stays whole."""
    return TILE if photograph.shape[-2] * photograph.shape[-1] > WHOLE else None
