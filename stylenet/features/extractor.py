"""Images to named feature maps."""

import copy
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, fx, nn
from torchvision.models.feature_extraction import create_feature_extractor

from stylenet.errors import InputError, unknown
from stylenet.features.backbones import get_backbone
from stylenet.features.weights import load_weights


class FeatureExtractor(nn.Module):
    """Read feature maps of a frozen backbone.

    It normalises its input itself, stops at the deepest layer asked for, holds only the weights that it uses, and
    passes gradients to its input but never to its weights. Keep it out of the tree of a LightningModule (see
    `stylenet.modules.base`), so that it is in no state dict and unknown to DDP.

    Args:
        backbone: A name of the zoo, e.g. `vgg16`.
        layers: Names of the backbone's layers, e.g. `relu2_2`.
        weights: `imagenet`, `random` (seeded) or the path of a weights file.

    Raises:
        InputError: Unknown backbone or layer, or weights that cannot be had.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, backbone: str = "vgg16", layers: Sequence[str] = ("relu2_2",), weights: str = "imagenet"
    ) -> None:
        super().__init__()
        spec = get_backbone(backbone)
        for layer in layers:
            if layer not in spec.layers:
                raise unknown(f"layer of {backbone}", layer, spec.layers)
        with torch.device("meta"):
            whole = spec.build().eval()
        body = _cut(whole, {spec.layers[layer]: layer for layer in layers}).to_empty(device="cpu")
        load_weights(body, backbone, weights)
        for module in body.modules():
            if isinstance(module, nn.ReLU):
                module.inplace = False
        self.body = body.eval().requires_grad_(False)
        self.paths, self.smallest = spec.layers, spec.smallest
        self.register_buffer("mean", torch.tensor(spec.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(spec.std).view(1, 3, 1, 1), persistent=False)

    def up_to(self, layers: Sequence[str]) -> "FeatureExtractor":
        """Return an extractor of some of these layers, which stops sooner and shares these weights."""
        fewer = copy.deepcopy(self)
        fewer.body = _cut(self.body, {self.paths[layer]: layer for layer in layers})
        return fewer

    def train(self, mode: bool = True) -> "FeatureExtractor":
        """Stay in eval mode whatever is asked."""
        return super().train(False)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Return `{layer: (B, C, h, w)}` of `images`, (B, 3, H, W) in [0, 1].

        Raises:
            InputError: The images are too small to have features.
        """
        height, width = images.shape[-2:]
        if min(height, width) < self.smallest:
            raise InputError(
                f"an image of {width}x{height} pixels has no features: take one of at least "
                f"{self.smallest}x{self.smallest}"
            )
        return self.body((images - self.mean) / self.std)


def _cut(network: nn.Module, nodes: Mapping[str, str]) -> fx.GraphModule:
    """Return the part of `network` that leads to `nodes`, `{module path: name}`, with the same weights."""
    both = create_feature_extractor(network, dict(nodes))  # holds a graph for training too, and wakes it when copied
    return fx.GraphModule(both, both.graph)
