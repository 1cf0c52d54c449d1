"""Stylize an image that does not fit into memory, a tile at a time, as if it were done at once.

Overlapping tiles alone leave seams: an instance norm would see each tile's own statistics. Here each norm gets those
of the whole image. They are gathered one norm after the other, for each depends on those before it, by sweeps over all
tiles. Only maps of the smallest size, H/4, are kept between the sweeps: what is larger is computed anew from them or
from the image. The result is that of the network but for rounding.
"""

from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

from stylenet.devices import most_memory
from stylenet.errors import InputError
from stylenet.inference.tiled_colors import exchange_colors_of_tiles
from stylenet.inference.tiles import INSTANCE, Box, Callback, Moments, Room, Tiles, unpacked, with_statistics
from stylenet.networks import adain, johnson
from stylenet.networks.adain import AdaIN
from stylenet.networks.johnson import JohnsonNet
from stylenet.networks.layers import Chain

THIN = 64
"""Pixels: images with a shorter side are done at once; below it lies what networks pad images to."""
USUAL = 512
"""Pixels of a tile's side where nobody asked for tiles."""
SMALL = 2**20
"""Pixels of images that are never cut unasked."""
BEFORE = 9e8
"""Bytes that Python, PyTorch and a network take before the first image."""


def tile_for(network: nn.Module, device: torch.device, height: int, width: int, mixed: bool = False) -> int | None:
    """Return the side of the tiles that an image needs, or None: it fits into memory at once, or nobody knows.

    Linux ends a process that takes too much memory without a word, so that there is no trying. Counted is what
    accelerated networks were seen to take on a CPU.

    Args:
        network: Paints the image.
        device: Where; only a CPU's memory is looked at.
        height: Of the image, in pixels.
        width: Of the image.
        mixed: A JohnsonNet blends styles, which takes more.
    """
    pixels = height * width
    if device.type != "cpu" or pixels <= SMALL or not isinstance(network, JohnsonNet | AdaIN):
        return None
    each = (20 if mixed else 12) * network.arguments["width"] if isinstance(network, JohnsonNet) else 900  # bytes
    most = most_memory()
    return USUAL if most is not None and BEFORE + pixels * each > most else None


@torch.inference_mode()
def tiled(
    network: nn.Module,
    image: Tensor,
    tile: int,
    device: torch.device,
    callback: Callback | None = None,
    **condition: Any,
) -> Tensor:
    """Return what `network(image, **condition)` gives, computed a tile at a time.

    Args:
        network: A JohnsonNet or an AdaIN; put into eval mode and moved to the device.
        image: (1, 3, H, W) in [0, 1], on the CPU.
        tile: Pixels of a tile's side, without what it overlaps with others; rounded down to whole cells.
        device: Where tiles are computed; image, result and the maps between the sweeps stay on the CPU.
        callback: Told how many tiles are done, and of how many, in all sweeps; may raise to stop.
        condition: What else the network's forward takes; maps on the CPU.

    Returns:
        (1, 3, H, W) in [0, 1], on the CPU.

    Raises:
        InputError: Another network, or a tile that is smaller than its overlap.
    """
    network = network.eval().to(device)
    if min(image.shape[-2:]) < THIN:
        given = {name: value.to(device) if isinstance(value, Tensor) else value for name, value in condition.items()}
        return network(image.to(device), **given).cpu()
    if isinstance(network, JohnsonNet):
        return _TiledJohnson(network, image, tile, device, callback, **condition)()
    if isinstance(network, AdaIN):
        return _tiled_adain(network, image, tile, device, callback, **condition)
    raise InputError(f"a {type(network).__name__} cannot be tiled: leave --tile away")


def _grid(image: Tensor, tile: int, cell: int, halo: int, passes: int, callback: Callback | None) -> Tiles:
    """Return the tiles of an image, whose sides are filled up to whole cells."""
    if tile < halo * cell:
        raise InputError(f"tiles of {tile} pixels are smaller than what they overlap: use --tile={halo * cell} or more")
    height, width = (-(-side // cell) for side in image.shape[-2:])
    return Tiles(height, width, tile // cell, halo, passes, callback)


class _TiledJohnson:
    """A JohnsonNet at work on one image, whose cells are 4x4 pixels.

    A halo of 2 cells is enough for each sweep. Back from H/4, the encoder sees 1 place at H/2, 1 at H and 4 more: 7
    pixels. Each of the two convolutions of a residual block sees 1 cell. Back from the image, the decoder sees 4 and 1
    pixels, so 3 places at H/2, and 1 more: 2 cells.
    """

    HALO = 2

    def __init__(
        self,
        network: JohnsonNet,
        image: Tensor,
        tile: int,
        device: torch.device,
        callback: Callback | None,
        mixture: Tensor | None = None,
    ) -> None:
        network.check(image, mixture)
        self.network, self.image, self.mixture, self.device = network, image, mixture, device
        self.encoder, self.decoder = _steps(network.encoder), _steps(network.decoder)
        self.bodies = [_steps(block.get_submodule("body")) for block in network.residuals.children()]
        steps = [*self.encoder[:-2], *chain.from_iterable(self.bodies), *self.decoder]
        passes = sum(isinstance(step, INSTANCE) for step in steps) + 2 + len(self.bodies) + 1
        self.tiles = _grid(image, tile, johnson.STRIDE, self.HALO, passes, callback)

    def __call__(self) -> Tensor:
        """Return the stylized image, (1, 3, H, W)."""
        kept = Room(len(self.encoder[-3].get_parameter("weight")), self.tiles.height, self.tiles.width)
        x = kept.maps  # (1, C, H/4, W/4), in bytes
        self._encode(x)
        self._transform(x)
        steps = self._known(self.decoder, x)
        stylized = torch.empty_like(self.image)

        def decoded(box: Box) -> Tensor:
            return self.network.finish(self._run(steps, x, box), self._pixels(box))

        self.tiles.sweep(decoded, into=stylized, forget=kept.forget)
        return stylized

    def _encode(self, x: Tensor) -> None:
        """Write to `x` what the encoder makes of the image."""
        *steps, norm, activation = self.encoder
        norm = self._swept(self._known(steps, None), None, norm, into=x)
        self.tiles.sweep(lambda box: self._run([norm, activation], x, box), into=x)

    def _transform(self, x: Tensor) -> None:
        """Write to `x` what the residual blocks make of it.

        Nothing else is kept: a block's first convolution is computed three times, its second twice.
        """
        for body in self.bodies:
            steps = self._known(body, x)

            def added(box: Box, steps: list[nn.Module] = steps) -> Tensor:
                return self._read(x, box) + self._run(steps, x, box)

            self.tiles.sweep(added, into=x, late=True)

    def _known(self, steps: list[nn.Module], source: Tensor | None) -> list[nn.Module]:
        """Return steps with the statistics of each instance norm in them, gathered one after the other."""
        known: list[nn.Module] = []
        for step in steps:
            known.append(self._swept(known, source, step) if isinstance(step, INSTANCE) else step)
        return known

    def _swept(
        self,
        steps: list[nn.Module],
        source: Tensor | None,
        norm: nn.Module,
        into: Tensor | None = None,
    ) -> nn.Module:
        """Sweep once, and return the norm that comes after the steps, with the statistics of what it is given."""
        moments = Moments()
        self.tiles.sweep(lambda box: self._run(steps, source, box), into, moments)
        return with_statistics(norm, moments, self.device) if isinstance(norm, INSTANCE) else norm

    def _run(self, steps: list[nn.Module], source: Tensor | None, box: Box) -> Tensor:
        """Return what steps make of a window of kept maps, or of the image if `source` is None."""
        x = 2 * self._pixels(box) - 1 if source is None else self._read(source, box)
        return Chain(*steps)(x, _shares(self.mixture, box, johnson.STRIDE, self.device))

    def _read(self, maps: Tensor, box: Box) -> Tensor:
        return unpacked(box.cut(maps).to(self.device))

    def _pixels(self, box: Box) -> Tensor:
        return box.replicated(self.image, johnson.STRIDE).to(self.device)


def _steps(part: nn.Module) -> list[nn.Module]:
    """Return convolutions, norms and activations of a chain of chains in their order."""
    if not isinstance(part, nn.Sequential):
        return [part]
    return [step for layer in part for step in _steps(layer)]


def _tiled_adain(
    network: AdaIN,
    image: Tensor,
    tile: int,
    device: torch.device,
    callback: Callback | None,
    palette: Tensor,
    mixture: Tensor | None = None,
    alpha: float = 1.0,
) -> Tensor:
    """Return what an AdaIN makes of an image, whose cells are 8x8 pixels.

    The first sweep gathers the statistics of each layer, the second encodes each tile again and decodes it. A halo of 8
    cells is enough. Back from the image, the decoder sees 2 pixels, so 1 place at H/2 and 2 more, so 2 at H/4 and 4
    more, so 3 cells and 1 more. Back from H/8, the encoder sees 1 cell and 4, 2 and 2 places at H/4, H/2 and H: 30
    pixels, another 4 cells.
    """
    tiles = _grid(image, tile, adain.STRIDE, 8, 2, callback)
    found = [Moments() for _ in network.exchange]
    for tile_ in chain.from_iterable(tiles.rows()):
        window = tiles.window(tile_)
        features = network.encode(window.replicated(image, adain.STRIDE).to(device))
        for moments, maps in zip(found, features.values(), strict=True):
            moments.add(tile_.within(window).cut(maps, maps.shape[-2] // (window.bottom - window.top)))
        tiles.tell()
    statistics = torch.cat([moments.statistics() for moments in found], 2).to(device, torch.float32)
    palette = palette.to(device)

    def painted(box: Box) -> Tensor:
        shares = _shares(mixture, box, adain.STRIDE, device)
        pixels = box.replicated(image, adain.STRIDE).to(device)
        return network.paint(pixels, network.encode(pixels), palette, shares, alpha, statistics)

    stylized = torch.empty_like(image)
    tiles.sweep(painted, into=stylized)
    if network.arguments["colors"]:
        exchange_colors_of_tiles(network, tiles, stylized, palette.cpu(), mixture, alpha)
    return stylized


def _shares(mixture: Tensor | None, box: Box, cell: int, device: torch.device) -> Tensor | None:
    """Return a window's part of a mixture, if it is a map; else the mixture."""
    if mixture is None:
        return None
    return (box.replicated(mixture, cell) if mixture.dim() == 4 else mixture).to(device)
