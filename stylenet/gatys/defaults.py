"""What the optimiser takes by default of a loss network that the trainings read otherwise."""

from collections.abc import Mapping
from typing import Any

from stylenet.losses.options import LossOptions

VGG = {
    "content_layers": ["relu4_2"],
    "style_layers": ["relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"],
    "style_weight": 20.0,
    "tv_weight": 0.1,
}
"""For VGG16 and VGG19: the layers of Gatys et al. 2016. By Johnson's, which VGG16 has for trainings, the photograph's
every edge stays, and flat ground fills with dots. More smoothness than for trainings, as pixels can take any noise,
which a network's outputs cannot. Figures and pictures: docs/gatys.md, "Beside neural-style"."""


def gatys_options(backbone: str, given: Mapping[str, Any]) -> LossOptions:
    """Return the options of a loss to optimise images by, layers named.

    Args:
        backbone: The loss network.
        given: Options that were asked for, by name; the rest are defaults.

    Raises:
        InputError: An option that cannot be used.
    """
    defaults = VGG if backbone in ("vgg16", "vgg19") else {}
    return LossOptions(**{**defaults, **given}).resolved(backbone)
