"""What a visitor chose, and the networks that paint it."""

import base64
import binascii
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from torch import Tensor

from stylenet.color import luminance
from stylenet.errors import InputError
from stylenet.images import decode
from stylenet.inference.stylizer import Stylizer
from stylenet.networks.checkpoint import load_network
from stylenet.resources import CHECKPOINTS

FLAGSHIP, ANY_STYLE = CHECKPOINTS / "multistyle.safetensors", CHECKPOINTS / "adain.safetensors"
REMEMBERED = 8
"""Looks that are kept ready."""
TILE, WHOLE = 512, 1_100_000
"""Side of the tiles of photographs with more pixels than the second: in between, progress is told and a stop heard."""


@dataclass(frozen=True)
class Choice:
    """A look, as the page's controls give it.

    Args:
        style: One of the flagship's styles, or one that was learnt here.
        painting: File of a painting, which stands in for the style.
        second: Another style to blend with.
        blend: How much of the second, from 0 to 1.
        strength: From 0 to 1.
        strokes: How many times as large strokes are.
        colors: `luminance` or `coral` keeps the photograph's.
        mask: Where the style goes, a PNG as a data address; everywhere by default.
        learnt: Files of the networks that the visitor had learn a style.
    """

    style: str
    painting: str | None = None
    second: str | None = None
    blend: float = 0.5
    strength: float = 1.0
    strokes: float = 1.0
    colors: str | None = None
    mask: str | None = None
    learnt: Mapping[str, Path] = field(default_factory=dict)

    @property
    def network(self) -> Path:
        """File of the network."""
        if self.painting:
            return ANY_STYLE
        return self.learnt.get(self.style, FLAGSHIP)

    @property
    def styles(self) -> tuple[str, ...]:
        """Names or files, as the network takes them.

        Raises:
            InputError: A style that was learnt here is to be blended.
        """
        both = tuple(filter(None, (self.painting or self.style, self.second)))
        for name in self.learnt:
            if name in both and len(both) > 1:
                raise InputError(f"{name} was learnt here, by a network of its own: blend two of the others")
        return () if self.network in self.learnt.values() else both

    @property
    def fixed(self) -> dict[str, Any]:
        """What a look is prepared for."""
        return {"preserve_color": self.colors, "stroke_scale": self.strokes}

    @property
    def free(self) -> dict[str, Any]:
        """What of a look can change without preparing anything."""
        shares = (1 - self.blend, self.blend) if len(self.styles) == 2 else ()
        return {"shares": shares, "alpha": self.strength, "masks": painted(self.mask)}


def painted(mask: str | None) -> tuple[Tensor, ...]:
    """Return what a visitor painted, (1, 1, h, w) in [0, 1]; nothing if nothing is.

    Raises:
        InputError: It is no picture.
    """
    if not mask:
        return ()
    try:
        raw = base64.b64decode(mask.partition(",")[2], validate=True)
    except binascii.Error:
        raise InputError("what was painted did not arrive whole: paint it again") from None
    image = luminance(decode(raw, "what was painted"))
    return (image,) if image.max() > 0 else ()


class Networks:
    """Looks that are ready to paint previews, the last ones used."""

    def __init__(self) -> None:
        self._ready: OrderedDict[tuple[object, ...], Stylizer] = OrderedDict()
        self._lock = Lock()

    def preview(self, choice: Choice, photograph: Tensor) -> Tensor:
        """Return a small photograph, (1, 3, h, w), painted as was chosen; one at a time.

        Raises:
            InputError: The choice cannot be had.
        """
        key = choice.network, choice.styles, *choice.fixed.values()
        with self._lock:
            if key not in self._ready:
                self._ready[key] = self.open(choice)
            self._ready.move_to_end(key)
            while len(self._ready) > REMEMBERED:
                self._ready.popitem(last=False)
            return self._ready[key].with_look(**choice.free)(photograph)

    def open(self, choice: Choice, tile: int | None = None) -> Stylizer:
        """Return a stylizer that nobody else uses.

        Args:
            choice: How it paints.
            tile: Pixels of a tile's side, see `tile_for`.

        Raises:
            InputError: The choice cannot be had.
        """
        return Stylizer.from_checkpoint(choice.network, styles=choice.styles, tile=tile, **choice.fixed, **choice.free)

    def names(self) -> list[str]:
        """Return the flagship's styles."""
        return list(load_network(FLAGSHIP)[1]["styles"])


def tile_for(photograph: Tensor) -> int | None:
    """Return the side of the tiles that a photograph, (1, 3, H, W), is cut into; None: it stays whole."""
    return TILE if photograph.shape[-2] * photograph.shape[-1] > WHOLE else None
