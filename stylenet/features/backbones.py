"""The zoo: how each backbone is built, what its layers are called, and which of them the losses read."""

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import nn

from stylenet.errors import unknown
from stylenet.features.vit import DEPTH, VisionTransformer

VGG19_WIDTHS = (64, 128, 256, 512, 512)
VGG19_DEPTHS = (2, 2, 4, 4, 4)


class VGGNormalised(nn.Sequential):
    """VGG-19 to relu5_4 as in naoto0804/pytorch-AdaIN, whose file `vgg_normalised.pth` fits it.

    The first convolution, 1x1, turns RGB in [0, 1] into BGR in 0-255 less the mean. Reflection padding; pools round up.
    """

    def __init__(self) -> None:
        layers: list[nn.Module] = [nn.Conv2d(3, 3, 1)]
        channels = 3
        for block, (width, depth) in enumerate(zip(VGG19_WIDTHS, VGG19_DEPTHS, strict=True)):
            if block:
                layers.append(nn.MaxPool2d(2, 2, ceil_mode=True))
            for _ in range(depth):
                layers += [nn.ReflectionPad2d(1), nn.Conv2d(channels, width, 3), nn.ReLU()]
                channels = width
        super().__init__(*layers)


def vgg_normalised_layers() -> dict[str, str]:
    """Return `reluK_N`, mapped to the places in the Sequential."""
    names, index = {}, 1
    for block, depth in enumerate(VGG19_DEPTHS, start=1):
        for n in range(1, depth + 1):
            names[f"relu{block}_{n}"] = str(index + 2)
            index += 3
        index += 1  # the pool
    return names


IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Backbone:
    """What the zoo knows of one network.

    Attributes:
        build: Returns the network; called under the meta device, so it costs neither time nor memory.
        layers: Layer names of the field, e.g. `relu2_2`, or torchvision's, mapped to module paths.
        style_layers: Read by style losses unless told otherwise.
        content_layers: Read by content losses unless told otherwise.
        weights_file: The file of the `imagenet` weights, as torchvision names it; empty where there is none.
        weights_url: Where that file is fetched from; empty where it cannot be.
        mean: Subtracted from RGB in [0, 1], a channel each.
        std: Divides after that.
        smallest: Images with fewer pixels a side have no features in the deepest layer, or features of padding alone.
        robust_file: The file of the `robust` weights, of an adversarially trained network; empty where there is none.
        bundled_file: The file of the `bundled` weights, beside this module; empty where there is none.
        legacy: Patterns of tensor names in old weights files, mapped to what replaces them.
    """

    build: Callable[[], nn.Module]
    layers: Mapping[str, str]
    style_layers: tuple[str, ...]
    content_layers: tuple[str, ...]
    weights_file: str
    weights_url: str = ""
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    smallest: int = 16
    robust_file: str = ""
    bundled_file: str = ""
    legacy: Mapping[str, str] = field(default_factory=dict)


def _vgg_layers(depths: tuple[int, ...]) -> dict[str, str]:
    """Return convK_N and reluK_N of a torchvision VGG without batch norm, mapped to `features.I`."""
    layers, index = {}, 0
    for block, depth in enumerate(depths, start=1):
        for n in range(1, depth + 1):
            layers[f"conv{block}_{n}"] = f"features.{index}"
            layers[f"relu{block}_{n}"] = f"features.{index + 1}"
            index += 2
        index += 1  # the pool
    return layers


def _torchvision(
    name: str, file: str, layers: Mapping[str, str], style: tuple[str, ...], content: tuple[str, ...], **rest: Any
) -> Backbone:
    """Return a torchvision classifier as a backbone; `rest` are other attributes of it.

    Its file, that of IMAGENET1K_V1, is written out: torchvision, which takes seconds to import, is so where it builds.
    """

    def build() -> nn.Module:
        import torchvision

        return torchvision.models.get_model(name)

    backbone = Backbone(
        build=build,
        layers=layers,
        style_layers=style,
        content_layers=content,
        weights_file=file,
        weights_url=f"https://download.pytorch.org/models/{file}",
    )
    return replace(backbone, **rest)


def _own_names(prefix: str, names: str) -> dict[str, str]:
    """Return layers that are called by their module paths: `prefix` with each of `names`."""
    return {prefix + name: prefix + name for name in names.split()}


BACKBONES: dict[str, Backbone] = {
    "vgg16": _torchvision(
        "vgg16",
        "vgg16-397923af.pth",
        _vgg_layers((2, 2, 3, 3, 3)),
        style=("relu1_2", "relu2_2", "relu3_3", "relu4_3"),  # Johnson et al. 2016
        content=("relu2_2",),  # deeper ones give lumps of color
        bundled_file="vgg16.safetensors",
    ),
    "vgg19": _torchvision(
        "vgg19",
        "vgg19-dcbb9e9d.pth",
        _vgg_layers((2, 2, 4, 4, 4)),
        style=("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"),  # Gatys et al. 2016
        content=("relu4_2",),
    ),
    "vgg_normalised": Backbone(
        build=VGGNormalised,
        layers=vgg_normalised_layers(),
        style_layers=("relu1_1", "relu2_1", "relu3_1", "relu4_1"),  # Huang and Belongie 2017
        content_layers=("relu4_1",),
        weights_file="vgg_normalised.pth",
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
        smallest=17,  # reflection padding needs two pixels to reflect, at a sixteenth of the size, rounded up
    ),
    # From here on the default layers are ours: style at strides 2, 4, 8 and 16, content at 8; in a ViT all are 16.
    "resnet50": _torchvision(  # imagenet is IMAGENET1K_V1, as the studies have it: V2 was trained by another recipe
        "resnet50",
        "resnet50-0676ba61.pth",
        {"conv1": "conv1", "relu1": "relu"}
        | {f"{kind}{n}": f"layer{n}" for kind in ("layer", "rb") for n in range(1, 5)},
        style=("relu1", "layer1", "layer2", "layer3"),
        content=("layer2",),
        smallest=32,
        robust_file="resnet50_l2_eps3.ckpt",  # Salman et al. 2020
    ),
    "densenet121": _torchvision(
        "densenet121",
        "densenet121-a639ec97.pth",
        _own_names("features.", "conv0 relu0 denseblock1 denseblock2 denseblock3 denseblock4 norm5")
        | _own_names("features.", "transition1 transition2 transition3"),
        style=("features.relu0", "features.denseblock1", "features.denseblock2", "features.denseblock3"),
        content=("features.denseblock2",),
        smallest=29,
        legacy={r"(denselayer\d+\.(?:norm|relu|conv))\.([12])\.": r"\1\2."},
    ),
    "squeezenet1_1": _torchvision(  # 0 is a convolution, 1 its ReLU, the others are fire modules
        "squeezenet1_1",
        "squeezenet1_1-b8a52dc0.pth",
        _own_names("features.", "0 1 3 4 6 7 9 10 11 12"),
        style=("features.1", "features.4", "features.7", "features.12"),
        content=("features.7",),
        smallest=17,
    ),
    "vit_b_16": _torchvision(  # see `stylenet.features.vit`
        "vit_b_16",
        "vit_b_16-c867db91.pth",
        {"conv_proj": "conv_proj"} | {f"encoder.layers.encoder_layer_{n}": f"maps.{n}" for n in range(DEPTH)},
        style=tuple(f"encoder.layers.encoder_layer_{n}" for n in (0, 2, 5, 8)),
        content=("encoder.layers.encoder_layer_5",),
        build=VisionTransformer,
        smallest=16,
        legacy={r"\.mlp\.linear_1\.": ".mlp.0.", r"\.mlp\.linear_2\.": ".mlp.3."},
    ),
}


def get_backbone(name: str) -> Backbone:
    """Return the backbone called `name`.

    Raises:
        InputError: No backbone has that name.
    """
    if name not in BACKBONES:
        raise unknown("backbone", name, BACKBONES)
    return BACKBONES[name]


def initialize(network: nn.Module, seed: int = 0) -> None:
    """Give `network` seeded random weights that keep the scale of activations (He et al. 2015), in place.

    Norms start neutral: batch norm with mean 0, variance 1, weight 1 and bias 0 is the identity in eval mode. Hence in
    a ResNet, where nothing holds the sum of a block's two branches down, the energy grows about twofold a block.
    Attention follows Glorot and Bengio 2010, class tokens and position embeddings are normal with deviation 0.02.

    A layer's weights follow from its name and the seed alone: they do not depend on which others are held.
    """
    for name, module in network.named_modules():
        generator = torch.Generator().manual_seed(seed + zlib.crc32(name.encode()))
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.MultiheadAttention):  # its output layer is a Linear of its own
            nn.init.xavier_uniform_(module.in_proj_weight, generator=generator)
            nn.init.zeros_(module.in_proj_bias)
        elif isinstance(module, (nn.BatchNorm2d, nn.LayerNorm)):
            module.reset_parameters()
        else:
            for parameter in module.parameters(recurse=False):
                nn.init.normal_(parameter, std=0.02, generator=generator)
