"""Exchange the colors of an image that was stylized in tiles, a tile at a time too."""

from itertools import chain

import torch
from torch import Tensor

from stylenet.inference.tiles import Moments, Tiles
from stylenet.networks.adain import STRIDE, AdaIN
from stylenet.networks.exchange import color_maps


def exchange_colors_of_tiles(
    network: AdaIN, tiles: Tiles, image: Tensor, palette: Tensor, mixture: Tensor | None, alpha: float
) -> None:
    """Give a stylized image the paintings' colors, in place, as `AdaIN.color` does with a whole one.

    Args:
        network: One that exchanges colors.
        tiles: Of the image.
        image: (1, 3, H, W) in [0, 1], on the CPU.
        palette: See `AdaIN.forward`; on the CPU.
        mixture: See `AdaIN.transfer`; maps as large as the image, on the CPU.
        alpha: Strength.
    """
    places = None if mixture is None or mixture.dim() == 2 else mixture
    boxes = list(chain.from_iterable(tiles.rows()))
    found = [Moments() for _ in range(1 if places is None else palette.shape[1])]
    for box in boxes:
        maps = color_maps(box.cut(image, STRIDE))
        weights = [None] if places is None else box.cut(places, STRIDE).split(1, 1)
        for moments, weight in zip(found, weights, strict=True):
            moments.add(maps, weight)
    statistics = torch.stack([moments.statistics() for moments in found], 1).float()  # (1, 1 or N, 2, 6)
    for box in boxes:
        part, shares = box.cut(image, STRIDE), mixture if places is None else box.cut(places, STRIDE)
        part.copy_(network.color(part, palette, shares, alpha, statistics))
