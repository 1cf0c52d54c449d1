"""The zoo: how each backbone is built, what its layers are called, and which of them the losses read."""

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
import torchvision
from torch import nn

from stylenet.errors import unknown
from stylenet.features.vgg19_16x import DEPTHS, VGG19x16

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Backbone:
    """What the zoo knows of one network.

    Attributes:
        build: Returns the network; called under the meta device, so it costs neither time nor memory.
        layers: Layer names of the field, e.g. `relu2_2`, mapped to module paths.
        style_layers: Read by style losses unless told otherwise.
        content_layers: Read by content losses unless told otherwise.
        weights_file: The file of the `imagenet` weights, as torchvision names it.
        weights_url: Where that file is fetched from; empty where it cannot be.
        mean: Subtracted from RGB in [0, 1], a channel each.
        std: Divides after that.
        smallest: Images with fewer pixels a side have no features in the deepest layer.
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


def _torchvision(name: str, layers: Mapping[str, str], style: tuple[str, ...], content: tuple[str, ...]) -> Backbone:
    """Return a torchvision classifier as a backbone."""
    url = torchvision.models.get_model_weights(name)["IMAGENET1K_V1"].url
    return Backbone(
        build=lambda: torchvision.models.get_model(name),
        layers=layers,
        style_layers=style,
        content_layers=content,
        weights_file=url.rsplit("/", 1)[-1],
        weights_url=url,
    )


BACKBONES: dict[str, Backbone] = {
    "vgg16": _torchvision(
        "vgg16",
        _vgg_layers((2, 2, 3, 3, 3)),
        style=("relu1_2", "relu2_2", "relu3_3", "relu4_3"),  # Johnson et al. 2016
        content=("relu2_2",),  # deeper ones give lumps of colour
    ),
    "vgg19": _torchvision(
        "vgg19",
        _vgg_layers((2, 2, 4, 4, 4)),
        style=("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"),  # Gatys et al. 2016
        content=("relu4_2",),
    ),
    "vgg19_16x": Backbone(
        build=VGG19x16,
        layers={f"relu{b}_{n}": f"relu{b}_{n}_map" for b, depth in DEPTHS.items() for n in range(1, depth + 1)}
        | {f"lift{b}_1": f"lift{b}_1_map" for b in DEPTHS},
        style_layers=("lift1_1", "lift2_1", "lift3_1", "lift4_1"),
        content_layers=("relu3_1",),
        weights_file="vgg19_16x.safetensors",
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
        smallest=32,  # reflection padding needs two pixels to reflect, at a sixteenth of the size
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

    A layer's weights follow from its name and the seed alone: they do not depend on which others are held.
    """
    for name, module in network.named_modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            generator = torch.Generator().manual_seed(seed + zlib.crc32(name.encode()))
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
