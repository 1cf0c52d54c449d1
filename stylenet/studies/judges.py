"""Which network measures: the loss network of no method, for that method would be measured by its own rule."""

from collections.abc import Mapping

import torch
from torch import Tensor

from stylenet.features.backbones import get_backbone
from stylenet.features.extractor import FeatureExtractor
from stylenet.features.weights import find_weights, resolve_weights
from stylenet.metrics import Judge

CANDIDATES = ("vgg19", "squeezenet1_1", "resnet50", "vgg16")
"""The first of them that is at hand and the loss network of no method is the judge."""

ORIGINS = {"vgg_normalised": "vgg19"}
"""Networks that were made from others, by rescaling."""


def choose_judge(seen: Mapping[str, str | None], asked: str | None = None) -> tuple[str, str]:
    """Return backbone and weights of the judge; nothing is downloaded unless asked for.

    Where every candidate at hand is some method's loss network, it is the first at hand; `describe_judge`, whose line
    belongs into every report, says so.

    Args:
        seen: The loss network of each method; None where there was none or it is unknown.
        asked: A backbone, taken whoever used it.

    Raises:
        InputError: There is no such backbone.
    """
    if asked is not None:
        return asked, resolve_weights(asked, "auto")
    at_hand = [name for name in CANDIDATES if _is_at_hand(name)]
    free = [name for name in at_hand if name not in seen.values()]
    chosen = (free or at_hand)[0]
    return chosen, resolve_weights(chosen, "auto")


def describe_judge(backbone: str, weights: str, seen: Mapping[str, str | None]) -> str:
    """Return a line about the judge: its name, whose loss network it is, and whose its kin are.

    Args:
        backbone: Of the judge.
        weights: Of the judge.
        seen: The loss network of each method; None where there was none or it is unknown.
    """
    line = f"{backbone}, {weights} weights"
    own = [method for method, network in seen.items() if network == backbone]
    kin = {method: network for method, network in seen.items() if network and method not in own}
    kin = {method: network for method, network in kin.items() if _family(network) & _family(backbone)}
    if own:
        line += f"; THE LOSS NETWORK OF {', '.join(own)}: its figures flatter that"
    else:
        line += "; not known to be the loss network of any method"
    if kin:
        networks = ", ".join(dict.fromkeys(kin.values()))
        line += f"; but it is kin of {networks}, the loss network of {', '.join(kin)}"
    return line


def _family(backbone: str) -> set[str]:
    """Return a backbone and those that it was made from."""
    family = {backbone}
    while backbone in ORIGINS:
        backbone = ORIGINS[backbone]
        family.add(backbone)
    return family


def _is_at_hand(backbone: str) -> bool:
    spec = get_backbone(backbone)
    return bool(spec.bundled_file) or find_weights(spec.weights_file) is not None


class Jury:
    """Makes judges, one for each painting, which share a network.

    Args:
        backbone: Whose default layers are compared.
        weights: Of the backbone.
        device: Where images will lie.

    Raises:
        InputError: There is no such backbone, or its weights cannot be had.
    """

    def __init__(self, backbone: str, weights: str, device: str | torch.device = "cpu") -> None:
        spec = get_backbone(backbone)
        self.style_layers, self.content_layers = spec.style_layers, spec.content_layers
        layers = list(dict.fromkeys([*self.style_layers, *self.content_layers]))
        self.extractor, self.device = FeatureExtractor(backbone, layers, weights).to(device), device

    def judge(self, painting: Tensor) -> Judge:
        """Return the judge of a painting, (1, 3, H, W) in [0, 1]."""
        return Judge(self.extractor, painting.to(self.device), self.style_layers, self.content_layers).to(self.device)
