"""Which network measures the losses that a command minimises."""

from pathlib import Path

from stylenet.errors import InputError
from stylenet.features.weights import best_at_hand


def pick_loss_network(backbone: str, weights: str | None) -> tuple[str, str]:
    """Return the loss network and its weights.

    Args:
        backbone: The option; `auto` for the best whose weights are at hand, VGG19 first.
        weights: The option, or None: `imagenet`.

    Raises:
        InputError: Weights, but no backbone.
    """
    if backbone != "auto":
        return backbone, weights or "imagenet"
    if weights:
        raise InputError("--weights needs --backbone: auto takes the best network whose weights are at hand")
    return best_at_hand("vgg19")


def name_loss_network(asked: str, backbone: str, weights: str) -> str:
    """Return the card's line, which owns up to a substitute for VGG19.

    Args:
        asked: The option.
        backbone: What was picked.
        weights: Of it.
    """
    line = f"{backbone}, {Path(weights).name} weights"
    if asked == "auto" and backbone != "vgg19":
        line += ", a substitute for VGG19 (to download that: --backbone=vgg19)"
    return line
