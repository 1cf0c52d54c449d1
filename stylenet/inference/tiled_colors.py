"""Exchange the colors of an image that was stylized in tiles, a tile at a time too."""

from itertools import chain

import torch
from torch import Tensor

from stylenet.inference.tiles import Box, Moments, Tiles
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
        palette: See `AdaIN.forward`.
        mixture: See `AdaIN.transfer`; maps as large as the image, on the CPU.
        alpha: Strength.
    """

    def shares(box: Box) -> Tensor | None:
        return mixture if mixture is None or mixture.dim() == 2 else box.cut(mixture, STRIDE)

    boxes = list(chain.from_iterable(tiles.rows()))
    places = mixture is not None and mixture.dim() == 4
    found = [Moments() for _ in range(palette.shape[1] if places else 1)]
    for box in boxes:
        maps, given = color_maps(box.cut(image, STRIDE)), shares(box)
        for number, moments in enumerate(found):
            moments.add(maps, given[:, number] if places and given is not None else None)
    statistics = torch.stack([moments.statistics() for moments in found], 1).float()  # (1, N or 1, 2, 6)
    for box in boxes:
        part = box.cut(image, STRIDE)
        part.copy_(network.color(part, palette.cpu(), shares(box), alpha, statistics))
