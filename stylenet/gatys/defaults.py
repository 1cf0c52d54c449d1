"""What the optimizer takes by default of a loss network that the trainings read otherwise."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from stylenet.errors import InputError
from stylenet.features.extractor import FeatureExtractor
from stylenet.losses.multiscale import perceptual_loss
from stylenet.losses.options import LossOptions
from stylenet.losses.perceptual import PerceptualLoss
from stylenet.losses.terms import Style
from stylenet.losses.weighting import strength_shares

VGG = {
    "content_layers": ["relu4_2"],
    "style_layers": ["relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"],
    "style_weight": 20.0,
    "tv_weight": 0.1,
}
"""For VGG16 and VGG19: the layers of Gatys et al. 2016. By Johnson's, which VGG16 has for trainings, the photograph's
every edge stays, and flat ground fills with dots. More smoothness than for trainings, as pixels can take any noise,
which a network's outputs cannot. Figures and pictures: docs/gatys.md, "Beside neural-style"."""

SQUEEZENET = {"content_layers": ["features.4"], "pooling": "avg"}
"""Through its max pools the loss falls by changes that no other network sees, and no eye."""

DEFAULTS: dict[str, dict[str, Any]] = {"vgg16": VGG, "vgg19": VGG, "squeezenet1_1": SQUEEZENET}

UNITS = {"vgg16": 0.35, "vgg19": 0.35, "squeezenet1_1": 2.0}
"""By what a style strength is multiplied for a loss network with its default layers: so that images are about as far
from the photograph, for how near they are to the painting, as a small VGG-19 saw it.
1 where it was not measured; VGG19's is VGG16's, as its weights were not at hand."""


def gatys_options(backbone: str, given: Mapping[str, Any]) -> LossOptions:
    """Return the options of a loss to optimize images by, layers named.

    Args:
        backbone: The loss network.
        given: Options that were asked for, by name; the rest are defaults.

    Raises:
        InputError: An option that cannot be used, or the weight of a term that only trainings have.
    """
    options = LossOptions(**{**DEFAULTS.get(backbone, {}), **given}).resolved(backbone)
    if options.temporal_weight:
        raise InputError("temporal_weight is for trainings of networks: leave it out")
    return options


def gatys_shares(backbone: str, strength: float) -> dict[str, float]:
    """Return the shares of a style strength, which looks alike whichever network stylizes.

    Args:
        backbone: The loss network, with its default layers.
        strength: See `stylenet.losses.weighting.strength_shares`.

    Raises:
        InputError: A strength of 0 or less.
    """
    strength_shares(strength)  # an error names the strength as it was given
    return strength_shares(UNITS.get(backbone, 1.0) * strength)


def gatys_loss(
    backbone: str,
    weights: str,
    styles: Sequence[Style] = (),
    given: Mapping[str, Any] | None = None,
    device: torch.device | str = "cpu",
) -> PerceptualLoss:
    """Return a loss to optimize images by, on a device.

    Args:
        backbone: The loss network.
        weights: Of it, see `FeatureExtractor`.
        styles: The paintings, on the device; `optimize` takes others.
        given: Options that were asked for, see `gatys_options`.
        device: Where it is to be.

    Raises:
        InputError: An option that cannot be used, or weights that cannot be had.
    """
    options = gatys_options(backbone, given or {})
    extractor = FeatureExtractor(backbone, options.layers, weights, options.pooling).to(device)
    return perceptual_loss(extractor, list(styles), options).to(device)
