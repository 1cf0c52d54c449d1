"""Images to named feature maps."""

import copy
from collections.abc import Callable, Mapping, Sequence, Set
from functools import lru_cache
from typing import Any, cast

import torch
from torch import Tensor, fx, nn

from stylenet.errors import InputError, unknown
from stylenet.features.backbones import get_backbone
from stylenet.features.weights import load_weights

POOLINGS = ("max", "avg")
PADDINGS = ("zeros", "reflect")
Read = Callable[[str, Tensor], Any]
"""Takes a layer's name and its maps, (B, C, h, w)."""


class FeatureExtractor(nn.Module):
    """Read feature maps of a frozen backbone.

    It normalizes its input itself, stops at the deepest layer asked for, holds only the weights that it uses, and
    passes gradients to its input but never to its weights. Keep it out of the tree of a LightningModule (see
    `stylenet.modules.base`), so that it is in no state dict and unknown to DDP.

    Args:
        backbone: A name of the zoo, e.g. `vgg16`.
        layers: Names of the backbone's layers, e.g. `relu2_2`.
        weights: `bundled` (vgg16), `imagenet`, `random` (seeded), `robust` (resnet50) or a file's path; `auto` is
            `bundled` where it can be, else `imagenet`.
        pooling: `max`, as the backbones were trained, or `avg`, which Gatys et al. 2016 found to look better. It
            replaces max pooling and nothing else: vit_b_16 has none. Padding does not count into the averages, which
            the paper's networks do not have, as it does not count into maxima.
        padding: What the 3x3 convolutions see outside the maps: `zeros`, as the backbones were trained, or `reflect`,
            as in the encoder of AdaIN's authors, without which a decoder sees a frame at the border.

    Raises:
        InputError: Unknown backbone, layer, pooling or padding, or weights that cannot be had.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        backbone: str = "vgg16",
        layers: Sequence[str] = ("relu2_2",),
        weights: str = "auto",
        pooling: str = "max",
        padding: str = "zeros",
    ) -> None:
        super().__init__()
        spec = get_backbone(backbone)
        for layer in layers:
            if layer not in spec.layers:
                raise unknown(f"layer of {backbone}", layer, spec.layers)
        if pooling not in POOLINGS:
            raise unknown("pooling", pooling, POOLINGS)
        if padding not in PADDINGS:
            raise unknown("padding", padding, PADDINGS)
        self.layers, self.paths, self.smallest = tuple(layers), spec.layers, spec.smallest
        skeleton = _skeleton(spec.build, frozenset(spec.layers[layer] for layer in layers), pooling)
        body = copy.deepcopy(skeleton).to_empty(device="cpu")
        mean, std = load_weights(body, backbone, weights)
        for module in body.modules():
            if isinstance(module, nn.ReLU):
                module.inplace = False
            if padding == "reflect" and type(module) is nn.Conv2d and module.padding == (1, 1):
                module.padding_mode = "reflect"
        self.body = body.eval().requires_grad_(False)
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)

    def up_to(self, layers: Sequence[str]) -> "FeatureExtractor":
        """Return an extractor of some of these layers, which stops sooner and shares these weights.

        Raises:
            InputError: This extractor does not give such a layer.
        """
        for layer in layers:
            if layer not in self.layers:
                raise unknown("layer of this extractor", layer, self.layers)
        body = _cut(self.body, {self.paths[layer] for layer in layers})
        fewer = copy.deepcopy(self, {id(self.body): body})
        fewer.layers = tuple(layers)
        return fewer

    def train(self, mode: bool = True) -> "FeatureExtractor":
        """Stay in eval mode whatever is asked."""
        return super().train(False)

    def forward(self, images: Tensor, read: Read | None = None) -> dict[str, Any]:
        """Return `{layer: (B, C, h, w)}` of `images`, (B, 3, H, W) in [0, 1], or what `read` makes of these maps.

        Each layer is read before the next ones are computed. So it is last in the backward pass, and what losses send
        back to large maps does not wait in memory for that of small ones.

        Args:
            images: (B, 3, H, W) in [0, 1].
            read: Is given a layer's name and its maps.

        Raises:
            InputError: The images are too small to have features.
        """
        height, width = images.shape[-2:]
        if min(height, width) < self.smallest:
            raise InputError(
                f"an image of {width}x{height} pixels has no features: take one of at least "
                f"{self.smallest}x{self.smallest}"
            )
        normal = (images - self.mean) / self.std
        names: dict[str, list[str]] = {}
        for layer in self.layers:
            names.setdefault(self.paths[layer], []).append(layer)

        def read_path(path: str, maps: Tensor) -> dict[str, Any]:
            return {layer: maps if read is None else read(layer, maps) for layer in names[path]}

        found = self.body(normal, read_path)
        return {layer: found[self.paths[layer]][layer] for layer in self.layers}


@lru_cache(maxsize=32)  # building and tracing take longer than reading the weights
def _skeleton(build: Callable[[], nn.Module], paths: frozenset[str], pooling: str) -> fx.GraphModule:
    """Return the part of a backbone that leads to the modules at `paths`, without weights: to be copied."""
    with torch.device("meta"):
        whole = build().eval()
    if pooling == "avg":
        _average_pools(whole)
    return _trace(whole, paths)


def _average_pools(network: nn.Module) -> None:
    """Put average pools of the same geometry into the places of max pools."""
    for name, pool in list(network.named_modules()):
        if isinstance(pool, nn.MaxPool2d):
            average = nn.AvgPool2d(pool.kernel_size, pool.stride, pool.padding, pool.ceil_mode, count_include_pad=False)
            network.set_submodule(name, average)


def _trace(network: nn.Module, paths: Set[str]) -> fx.GraphModule:
    """Return the part of `network` that leads to the modules at `paths`: `{path: what is read of it}`."""
    from torchvision.models.feature_extraction import create_feature_extractor  # takes seconds

    both = create_feature_extractor(network, sorted(paths))  # holds a graph for training too, and wakes it when copied
    graph = both.graph
    output = graph.output_node()
    images = next(node for node in graph.nodes if node.op == "placeholder")
    with graph.inserting_after(images):
        read = graph.placeholder("read")
    found = dict(cast(Mapping[str, fx.Node], output.args[0]))
    for path, node in found.items():
        with graph.inserting_after(node):
            found[path] = graph.call_function(_read, (read, path, node))
    output.args = (found,)
    return fx.GraphModule(both, graph)


def _read(read: Read, path: str, maps: Tensor) -> Any:
    """Return what is read of the maps that a module gives: a step of the traced network, right after them."""
    return read(path, maps)


def _cut(body: fx.GraphModule, paths: Set[str]) -> fx.GraphModule:
    """Return the part of a traced network that leads to some of its `paths`, with the same weights.

    Not traced once more: in a traced network, what functions give (a fire module's concatenation) is in no module.
    """
    graph = copy.deepcopy(body.graph)
    graph.owning_module = body
    output = graph.output_node()
    nodes = cast(Mapping[str, fx.Node], output.args[0])
    output.args = ({path: node for path, node in nodes.items() if path in paths},)
    graph.eliminate_dead_code()
    return fx.GraphModule(body, graph).eval()
