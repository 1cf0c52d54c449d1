"""Tiles of maps: where they lie, and walking over them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from stylenet.inference.packing import packed
from stylenet.inference.statistics import Moments

Callback = Callable[[int, int], None]
"""Told how many tiles are done, and of how many; may raise to stop."""


@dataclass(frozen=True)
class Box:
    """A part of every map of an image, in cells; a map has one or more places for each side of a cell."""

    top: int
    left: int
    bottom: int
    right: int

    def cut(self, maps: Tensor, places: int = 1) -> Tensor:
        """Return this part of maps with so many places a cell, (1, C, h, w); a view, less what lies outside."""
        rows, columns = (self.top, self.bottom), (self.left, self.right)
        return maps[..., slice(*(places * row for row in rows)), slice(*(places * column for column in columns))]

    def within(self, window: "Box") -> "Box":
        """Return where in a window around it this part lies."""
        top, left = self.top - window.top, self.left - window.left
        return Box(top, left, top + self.bottom - self.top, left + self.right - self.left)

    def replicated(self, image: Tensor, cell: int) -> Tensor:
        """Return this part of an image, (1, C, h, w); outside of it its last row and column go on."""
        height, width = image.shape[-2:]
        rows = torch.arange(cell * self.top, cell * self.bottom).clamp_(max=height - 1)
        columns = torch.arange(cell * self.left, cell * self.right).clamp_(max=width - 1)
        return image[..., rows[:, None], columns]


class Tiles:
    """The tiles of an image, row by row.

    Args:
        height: Cells of the image.
        width: Cells of the image.
        side: Cells of a tile; at least `halo`, else `sweep` would write what is still to be read.
        halo: Cells around a tile that what is computed of it depends on.
        passes: How often all tiles will be swept, for the callback.
        callback: Told of each tile.
    """

    def __init__(
        self, height: int, width: int, side: int, halo: int, passes: int, callback: Callback | None = None
    ) -> None:
        self.height, self.width, self.side, self.halo = height, width, side, halo
        self.callback, self.done = callback, 0
        self.total = passes * -(-height // side) * -(-width // side)

    def rows(self) -> Iterator[list[Box]]:
        """Give the tiles, a row of them at a time."""
        for top in range(0, self.height, self.side):
            bottom = min(top + self.side, self.height)
            lefts = range(0, self.width, self.side)
            yield [Box(top, left, bottom, min(left + self.side, self.width)) for left in lefts]

    def window(self, tile: Box) -> Box:
        """Return a tile and its halo, which ends where the image ends: there, padding is as in the whole image."""
        bottom, right = min(tile.bottom + self.halo, self.height), min(tile.right + self.halo, self.width)
        return Box(max(tile.top - self.halo, 0), max(tile.left - self.halo, 0), bottom, right)

    def sweep(
        self,
        work: Callable[[Box], Tensor],
        into: Tensor | None = None,
        moments: Moments | None = None,
        late: bool = False,
        forget: Callable[[int], None] | None = None,
    ) -> None:
        """Compute something of each tile.

        Args:
            work: Returns the maps of a window, (1, C, h, w), with a whole number of places a cell. Wrong ones in the
                halo are cut off.
            into: Where the maps go, (1, C, H, W), on the CPU, or their bytes, (1, 3C, H, W), see `packing`; what lies
                outside of it is dropped.
            moments: What gathers them.
            late: Write a row of tiles once the next row is computed, for a work that reads the halo in `into`.
            forget: Told after each row of tiles how many rows of cells the work will not read again.
        """
        waiting: list[tuple[Tensor, Tensor]] = []
        for row in self.rows():
            ready: list[tuple[Tensor, Tensor]] = []
            for tile in row:
                window = self.window(tile)
                maps = work(window)
                places = maps.shape[-2] // (window.bottom - window.top)
                maps = tile.within(window).cut(maps, places)
                if moments is not None:
                    moments.add(maps)
                if into is not None:
                    place = tile.cut(into, places)
                    maps = maps[..., : place.shape[-2], : place.shape[-1]]
                    maps = packed(maps) if into.dtype == torch.uint8 else maps
                    ready.append((place, maps.to(into.device)))
                if not late:
                    _write(ready)
                self.tell()
            _write(waiting)
            waiting = ready
            if forget is not None:
                forget(max(0, row[0].bottom - self.halo))
        _write(waiting)

    def tell(self) -> None:
        """Count a tile as done."""
        self.done += 1
        if self.callback is not None:
            self.callback(self.done, self.total)


def _write(waiting: list[tuple[Tensor, Tensor]]) -> None:
    """Write maps to their places, and forget them."""
    for place, maps in waiting:
        place.copy_(maps)
    waiting.clear()
