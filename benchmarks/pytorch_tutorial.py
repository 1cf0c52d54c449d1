"""The neural style tutorial of PyTorch, written anew: Gram matrices by torch.mm, mse_loss, torch.optim.LBFGS."""

import time
from collections.abc import Callable
from contextlib import suppress

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import VGG

from stylenet.features.backbones import get_backbone
from stylenet.features.weights import load_weights

CONTENT = "relu4_2"

Evaluate = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Takes an image, (1, 3, H, W), and returns its loss and the gradient."""


def style_layers(backbone: str) -> list[str]:
    """Return relu1_1 to relu5_1, or the layers that imitate them where a backbone has such."""
    known = get_backbone(backbone).layers
    return [f"lift{block}_1" if f"lift{block}_1" in known else f"relu{block}_1" for block in range(1, 6)]


def feature_maps(backbone: str, weights: str) -> Callable[[Tensor], dict[str, Tensor]]:
    """Return what gives the maps of the content and the style layers of an image, by hooks."""
    spec, styles = get_backbone(backbone), style_layers(backbone)
    with torch.device("meta"):
        network = spec.build().eval().requires_grad_(False)
    if isinstance(network, VGG):
        network.classifier = nn.Sequential()  # most of its weights, and read by nobody
    load_weights(network.to_empty(device="cpu"), backbone, weights)
    maps: dict[str, Tensor] = {}
    for layer in (CONTENT, *styles):
        network.get_submodule(spec.layers[layer]).register_forward_hook(
            lambda module, args, output, layer=layer: maps.__setitem__(layer, output)
        )
    for module in network.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False
    if isinstance(network, VGG):  # nothing after relu5_1
        network = network.features[: int(spec.layers[styles[-1]].rpartition(".")[2]) + 1]
    mean, std = torch.tensor(spec.mean).view(-1, 1, 1), torch.tensor(spec.std).view(-1, 1, 1)

    def read(image: Tensor) -> dict[str, Tensor]:
        network((image - mean) / std)
        return dict(maps)

    return read


def gram(maps: Tensor) -> Tensor:
    """Return the Gram matrix, (B*C, B*C), divided by the number of the maps' elements."""
    a, b, c, d = maps.shape
    features = maps.view(a * b, c * d)
    return torch.mm(features, features.t()).div(a * b * c * d)


def plain_evaluation(backbone: str, weights: str, content: Tensor, style: Tensor, style_weight: float) -> Evaluate:
    """Return the loss, a scalar, and its gradient, as the tutorial computes them."""
    read, styles = feature_maps(backbone, weights), style_layers(backbone)
    with torch.no_grad():
        grams = {layer: gram(maps) for layer, maps in read(style).items() if layer in styles}
        target = read(content)[CONTENT]

    def evaluate(image: Tensor) -> tuple[Tensor, Tensor]:
        image = image.detach().requires_grad_()
        maps = read(image)
        loss = F.mse_loss(maps[CONTENT], target)
        for layer in styles:
            loss = loss + style_weight * F.mse_loss(gram(maps[layer]), grams[layer])
        (gradient,) = torch.autograd.grad(loss, image)
        return loss.detach(), gradient

    return evaluate


class Finished(Exception):
    """The plain loop has used up its evaluations."""


def plain_run(evaluate: Evaluate, content: Tensor, steps: int, clamp: str) -> tuple[list[float], list[float], Tensor]:
    """Return losses and seconds since the start of each evaluation of the usual loop, and the image.

    Args:
        evaluate: Gives loss and gradient.
        content: Where it starts.
        steps: Evaluations.
        clamp: `each`, before every evaluation as in the tutorial, or `end`.
    """
    image = content.clone().requires_grad_()
    optimizer = torch.optim.LBFGS([image])
    losses, seconds, began = list[float](), list[float](), time.perf_counter()

    def closure() -> Tensor:
        if len(losses) == steps:
            raise Finished
        if clamp == "each":
            image.data.clamp_(0, 1)
        loss, image.grad = evaluate(image)
        losses.append(loss.item())
        seconds.append(time.perf_counter() - began)
        return loss

    with suppress(Finished):
        before = -2
        while len(losses) > before + 1:  # else it stands still
            before = len(losses)
            optimizer.step(closure)
    return losses, seconds, image.detach().clamp(0, 1)
