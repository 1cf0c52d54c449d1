"""Tiles of maps: where they lie, walking over them, the statistics of all of them, and room for them.

Maps are kept in three bytes a value: a quarter less memory than float32, and 32 times the precision of float16. The
last byte of a float32 is rounded away, which leaves 15 bits behind the leading one: an error of 2^-16 of the value.
"""

import copy
import mmap
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stylenet.functional import ADDED_VARIANCE, moments
from stylenet.networks.layers import ConditionalNorm

Callback = Callable[[int, int], None]
"""Told how many tiles are done, and of how many; may raise to stop."""


INSTANCE = (nn.InstanceNorm2d, ConditionalNorm)
"""Norms that take the statistics of an image."""


class Moments:
    """Mean and variance of each channel over tiles, merged as by Chan, Golub and LeVeque 1983 in float64.

    Attributes:
        mean: (C,), float64, on the CPU.
        variance: (C,), biased as instance norm has it; float64, on the CPU.
    """

    def __init__(self) -> None:
        self.count = 0.0
        self.mean = torch.zeros(1, dtype=torch.float64)
        self.variance = torch.zeros(1, dtype=torch.float64)

    def add(self, maps: Tensor, weights: Tensor | None = None) -> None:
        """Take the places of a tile in, (1, C, h, w), or what part of each counts, (1, 1, h, w) in [0, 1]."""
        if weights is None:
            variance, mean = torch.var_mean(maps.float(), (0, 2, 3), correction=0)
            places = float(maps.shape[-2] * maps.shape[-1])
        else:
            mean, deviation = moments(maps, weights)[0]
            variance, places = deviation.square() - ADDED_VARIANCE, weights.sum().item()
        if not places:
            return
        variance, mean = variance.cpu().double(), mean.cpu().double()
        share = places / (self.count + places)  # of the new tile in all
        away = mean - self.mean
        self.variance = torch.lerp(self.variance.expand_as(mean), variance, share) + share * (1 - share) * away.square()
        self.mean = self.mean + share * away
        self.count += places

    def statistics(self) -> Tensor:
        """Return means and deviations as AdaIN takes them, (1, 2, C): see `stylenet.functional.moments`."""
        return torch.stack([self.mean, (self.variance + ADDED_VARIANCE).sqrt()]).unsqueeze(0)


def with_statistics(norm: "nn.InstanceNorm2d | ConditionalNorm", moments: Moments, device: torch.device) -> nn.Module:
    """Return an instance norm, conditional or not, that has these statistics instead of those of the maps it sees."""
    if isinstance(norm, ConditionalNorm):
        fixed = copy.deepcopy(norm)
        fixed.set_submodule("plain", FixedNorm(norm.plain, moments, device))
        return fixed
    return FixedNorm(norm, moments, device)


class FixedNorm(nn.Module):
    """An instance norm that is given its statistics.

    Args:
        norm: An `nn.InstanceNorm2d`, with scale and shift or without.
        moments: Of all that the norm would see.
        device: Where it is computed.
    """

    def __init__(self, norm: nn.InstanceNorm2d, moments: Moments, device: torch.device) -> None:
        super().__init__()
        self.weight, self.bias, self.eps = norm.weight, norm.bias, norm.eps
        self.mean, self.variance = (value.float().to(device) for value in (moments.mean, moments.variance))

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, C, h, w) of `x`, (B, C, h, w)."""
        return F.batch_norm(x, self.mean, self.variance, self.weight, self.bias, eps=self.eps)


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
            into: Where the maps go, (1, C, H, W), on the CPU, or their bytes, (1, 3C, H, W), see `packed`; what lies
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


SHIFTS = (24, 16, 8)


class Room:
    """Room on the CPU for the bytes of maps.

    It is a mapping of its own, which the system has back as soon as it is freed: the C library would keep it, see
    `stylenet.acceleration.allocator`, and a smaller tensor in a corner of it would leave no place for another large
    one. Rows lie one after the other, so that those no longer needed can be given back before.

    Attributes:
        maps: (1, 3C, H, W), uint8.
    """

    def __init__(self, channels: int, height: int, width: int) -> None:
        self.row = 3 * channels * width
        private = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_PRIVATE") else {}
        self.data = mmap.mmap(-1, height * self.row, **private)
        self.maps = torch.frombuffer(self.data, dtype=torch.uint8).view(height, -1, width).transpose(0, 1).unsqueeze(0)

    def forget(self, rows: int) -> None:
        """Give the first rows back, where the system takes a part of a mapping; their values are lost."""
        if hasattr(mmap, "MADV_DONTNEED"):
            self.data.madvise(mmap.MADV_DONTNEED, 0, rows * self.row // mmap.PAGESIZE * mmap.PAGESIZE)


def packed(maps: Tensor) -> Tensor:
    """Return maps, (1, C, H, W), as bytes, (1, 3C, H, W), uint8."""
    bits = maps.float().view(torch.int32) + 128  # to the nearest
    return torch.cat([(bits >> shift).to(torch.uint8) for shift in SHIFTS], 1)


def unpacked(data: Tensor) -> Tensor:
    """Return maps, (1, C, H, W), float32, of their bytes, (1, 3C, H, W), uint8."""
    first, second, third = (part.to(torch.int32) << shift for part, shift in zip(data.chunk(3, 1), SHIFTS, strict=True))
    return (first | second | third).view(torch.float32)
