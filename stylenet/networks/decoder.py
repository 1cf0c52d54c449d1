"""The decoder of AdaIN: an encoder's convolutions in reverse, with upsampling in the place of pools."""

from torch import nn

from stylenet.networks.layers import Chain, Conv, UpsampledConv

ENCODED = 512
"""Channels of the deepest layer, at an eighth of the size."""
ENCODERS: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "vgg16": ((64, 128, 256), (2, 2, 3)),
    "vgg19": ((64, 128, 256), (2, 2, 4)),
    "vgg_normalised": ((64, 128, 256), (2, 2, 4)),
}
"""Of each encoder: widths and depths of the blocks before relu4_1, whose moments are exchanged."""


def vgg_decoder(widths: list[int], depths: tuple[int, ...]) -> Chain:
    """Return a decoder from 512 channels at an eighth of the size to RGB, initialized as by He et al. 2015.

    Args:
        widths: Channels of the encoder's blocks, from the image on.
        depths: Convolutions of these blocks.
    """
    layers: list[nn.Module] = [Conv(ENCODED, widths[-1], 3), nn.ReLU(inplace=True)]
    for block in reversed(range(len(widths))):
        out = widths[block - 1] if block else 3
        layers += [UpsampledConv(widths[block], widths[block]), nn.ReLU(inplace=True)]
        for n in range(1, depths[block]):
            channels = widths[block] if n < depths[block] - 1 else out
            layers += [Conv(widths[block], channels, 3), nn.ReLU(inplace=True)]
    decoder = Chain(*layers[:-1])
    for layer in decoder:
        if isinstance(layer, nn.Conv2d):  # no norm keeps the scale, and the default init halves it
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
    last = decoder[-1]
    assert isinstance(last, Conv)
    assert last.bias is not None
    nn.init.xavier_normal_(last.weight, gain=0.1)  # begin with flat gray,
    nn.init.constant_(last.bias, 0.5)  # the middle of [0, 1]
    return decoder


def upsamplings(decoder: Chain) -> list[int]:
    """Return the places of a decoder's upsamplings, from the deepest on."""
    return [place for place, layer in enumerate(decoder) if isinstance(layer, UpsampledConv)]
