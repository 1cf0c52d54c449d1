"""The figures of an image, the network that judges it, and LPIPS."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor
from torchmetrics.functional.image.lpips import _LPIPS

from stylenet.acceleration.accelerate import accelerate
from stylenet.features.backbones import get_backbone
from stylenet.features.extractor import FeatureExtractor
from stylenet.features.weights import find_weights, read_tensors, resolve_weights
from stylenet.metrics import Judge, mse, ssim

FIGURES = {
    "ssim": "structural similarity to the photograph, 1 at best",
    "mse": "mean squared difference from the photograph, pixels in [0, 1]",
    "gram_difference": "|G - A| / |A| of the Gram matrices of image and painting, mean over the judge's style layers",
    "content_distance": "|F - P| / |P| of the features of image and photograph, mean over the judge's content layers",
    "lpips": "distance from the photograph, Zhang et al. 2018",
    "label_ssim": "structural similarity to the pseudo-label",
    "label_mse": "mean squared difference from the pseudo-label",
}
"""Every figure, and what it says."""
CANDIDATES = ("vgg19", "squeezenet1_1", "resnet50", "vgg16")
"""The first of them that is at hand and the loss network of no method is the judge."""
ORIGINS = {"vgg_normalised": "vgg19"}
"""Networks that were made from others, by rescaling."""

LpipsNetwork = Literal["alex", "vgg", "squeeze"]
LPIPS_FILES: dict[LpipsNetwork, str] = {
    "alex": "alexnet-owt-7be5be79.pth",
    "vgg": "vgg16-397923af.pth",
    "squeeze": "squeezenet1_1-b8a52dc0.pth",
}
"""What torchmetrics calls its networks, and torchvision their files; the paper advises the first for comparisons."""


def lpips_at_hand() -> tuple[LpipsNetwork, Path] | None:
    """Return the first network whose file is where weights are searched, and that file, or None."""
    found = ((name, find_weights(file)) for name, file in LPIPS_FILES.items())
    return next(((name, path) for name, path in found if path), None)


class Lpips:
    """LPIPS (Zhang et al. 2018) of two images, by torchmetrics; nothing is downloaded for it.

    Args:
        network: One of `LPIPS_FILES`.
        path: Its weights, torchvision's. torchmetrics itself, which weighs the layers, would look for them in torch
            hub's cache alone, and download them.
        device: Where images will lie.
    """

    def __init__(self, network: LpipsNetwork, path: Path, device: str | torch.device = "cpu") -> None:
        distance, tensors = _LPIPS(net=network, pnet_rand=True), read_tensors(path)
        slices = distance.net.state_dict()  # slice2.3.weight of torchmetrics is features.3.weight of torchvision
        distance.net.load_state_dict({name: tensors[re.sub(r"slices?\.?\d+", "features", name)] for name in slices})
        self.network, self.distance = network, distance.to(device)

    @torch.no_grad()
    def __call__(self, image: Tensor, photograph: Tensor) -> float:
        """Return the distance, 0 at best, of images (1, 3, H, W) in [0, 1]."""
        return float(self.distance(image.float(), photograph.float(), normalize=True))


def figures(
    image: Tensor, photograph: Tensor, judge: Judge, label: Tensor | None = None, lpips: Lpips | None = None
) -> dict[str, float]:
    """Return the `FIGURES` of an image; those of a label and LPIPS only where these are given.

    Args:
        image: Stylized, (1, 3, H, W) in [0, 1]; on the judge's device, as are the others.
        photograph: What it was made from, of the same shape.
        judge: Of the painting, from an `Evaluator`.
        label: Pseudo-label, of the same shape.
        lpips: LPIPS.
    """
    found = {"ssim": ssim(image, photograph), "mse": mse(image, photograph)} | judge(image, photograph)
    if label is not None:
        found |= {"label_ssim": ssim(image, label), "label_mse": mse(image, label)}
    values = {name: float(value) for name, value in found.items()}
    return values if lpips is None else values | {"lpips": lpips(image, photograph)}


class Evaluator:
    """Makes judges, one for each painting, which share a network.

    Args:
        backbone: Whose default layers are compared.
        weights: Of the backbone.
        device: Where images will lie.

    Raises:
        InputError: There is no such backbone, or its weights cannot be had.

    Attributes:
        network: Backbone and weights.
    """

    def __init__(self, backbone: str, weights: str, device: str | torch.device = "cpu") -> None:
        spec = get_backbone(backbone)
        self.style_layers, self.content_layers = spec.style_layers, spec.content_layers
        layers = list(dict.fromkeys([*self.style_layers, *self.content_layers]))
        self.extractor = accelerate(FeatureExtractor(backbone, layers, weights).to(device), device)
        self.network, self.device = (backbone, weights), device

    def judge(self, painting: Tensor) -> Judge:
        """Return the judge of a painting, (1, 3, H, W) in [0, 1]."""
        return Judge(self.extractor, painting.to(self.device), self.style_layers, self.content_layers).to(self.device)


def choose_judge(seen: Mapping[str, str | None], asked: str | None = None) -> tuple[str, str]:
    """Return backbone and weights of the judge; nothing is downloaded unless asked for.

    The loss network of a method would measure that method by its own rule. Where every candidate at hand is some
    method's, the first at hand judges, and `describe_judge`, whose line belongs into every report, says so.

    Args:
        seen: The loss network of each method; None where there was none or it is unknown.
        asked: A backbone, taken whoever used it.

    Raises:
        InputError: There is no such backbone.
    """
    if asked is None:
        at_hand = [name for name in CANDIDATES if _is_at_hand(name)]
        asked = next((name for name in at_hand if name not in seen.values()), at_hand[0])
    return asked, resolve_weights(asked, "auto")


def find_evaluator(
    seen: Mapping[str, str | None], asked: str | None, device: str | torch.device
) -> tuple[Evaluator, str]:
    """Return the evaluator of `choose_judge`, and the line of `describe_judge`; see there."""
    evaluator = Evaluator(*choose_judge(seen, asked), device)
    return evaluator, describe_judge(*evaluator.network, seen)


def _is_at_hand(backbone: str) -> bool:
    spec = get_backbone(backbone)
    return bool(spec.bundled_file) or find_weights(spec.weights_file) is not None


def describe_judge(backbone: str, weights: str, seen: Mapping[str, str | None]) -> str:
    """Return a line about the judge: its name, whose loss network it is, and whose its kin are.

    Args:
        backbone: Of the judge.
        weights: Of the judge.
        seen: The loss network of each method; None where there was none or it is unknown.
    """
    line = f"{backbone}, {weights} weights"
    own = [method for method, network in seen.items() if network == backbone]
    kin = {method: network for method, network in seen.items() if network and network != backbone}
    kin = {m: network for m, network in kin.items() if ORIGINS.get(network, network) == ORIGINS.get(backbone, backbone)}
    if own:
        line += f"; THE LOSS NETWORK OF {', '.join(own)}: its figures flatter that"
    else:
        line += "; not known to be the loss network of any method"
    if kin:
        line += f"; but it is kin of {', '.join(dict.fromkeys(kin.values()))}, the loss network of {', '.join(kin)}"
    return line
