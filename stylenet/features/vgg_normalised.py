"""The VGG-19 of AdaIN's authors: scaled so that every feature has a mean of 1 over ImageNet's images."""

from torch import nn

WIDTHS = (64, 128, 256, 512, 512)
DEPTHS = (2, 2, 4, 4, 4)


class VGGNormalised(nn.Sequential):
    """VGG-19 to relu5_4 as in naoto0804/pytorch-AdaIN, whose file `vgg_normalised.pth` fits it.

    The first convolution, 1x1, turns RGB in [0, 1] into BGR in 0-255 less the mean. Reflection padding; pools round up.
    """

    def __init__(self) -> None:
        layers: list[nn.Module] = [nn.Conv2d(3, 3, 1)]
        channels = 3
        for block, (width, depth) in enumerate(zip(WIDTHS, DEPTHS, strict=True)):
            if block:
                layers.append(nn.MaxPool2d(2, 2, ceil_mode=True))
            for _ in range(depth):
                layers += [nn.ReflectionPad2d(1), nn.Conv2d(channels, width, 3), nn.ReLU()]
                channels = width
        super().__init__(*layers)


def layer_names() -> dict[str, str]:
    """Return `reluK_N`, mapped to the places in the Sequential."""
    names, index = {}, 1
    for block, depth in enumerate(DEPTHS, start=1):
        for n in range(1, depth + 1):
            names[f"relu{block}_{n}"] = str(index + 2)
            index += 3
        index += 1  # the pool
    return names
