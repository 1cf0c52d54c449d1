"""Parts of pytorch/examples, fast_neural_style, written anew: its network and its VGG, for images in [0, 1]."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torchvision.models import VGG

from stylenet.features.backbones import get_backbone
from stylenet.features.weights import load_weights
from stylenet.networks.johnson import JohnsonNet


class Plus(nn.Module):
    """A residual block's sum."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` plus its residual."""
        return x + self.body(x)


def plain_network() -> nn.Sequential:
    """Return the network of pytorch/examples, with the weights of a JohnsonNet."""

    def layer(channels: int, out: int, kernel: int, stride: int = 1, relu: bool = True) -> list[nn.Module]:
        convolution = [nn.ReflectionPad2d(kernel // 2), nn.Conv2d(channels, out, kernel, stride)]
        return [*convolution, nn.InstanceNorm2d(out, affine=True), *([nn.ReLU()] if relu else [])]

    residuals = [Plus(nn.Sequential(*layer(128, 128, 3), *layer(128, 128, 3, relu=False))) for _ in range(5)]
    network = nn.Sequential(
        *layer(3, 32, 9), *layer(32, 64, 3, 2), *layer(64, 128, 3, 2), *residuals,
        nn.Upsample(scale_factor=2), *layer(128, 64, 3), nn.Upsample(scale_factor=2), *layer(64, 32, 3),
        nn.ReflectionPad2d(4), nn.Conv2d(32, 3, 9),
    )  # fmt: skip
    for theirs, ours in zip(network.parameters(), start().parameters(), strict=True):
        theirs.data.copy_(ours.data)
    return network


def start() -> JohnsonNet:
    """Return the network that both sides start from."""
    torch.manual_seed(0)
    return JohnsonNet(output="linear")


def plain_maps(backbone: str, dtype: torch.dtype = torch.float32) -> Callable[[Tensor], dict[str, Tensor]]:
    """Return what gives the style layers' maps of normalized images by torchvision's network."""
    spec = get_backbone(backbone)
    ends = {int(spec.layers[name].rpartition(".")[2]) + 1: name for name in spec.style_layers}
    with torch.device("meta"):
        whole = spec.build()
        assert isinstance(whole, VGG)
        whole.features, whole.classifier = whole.features[: max(ends)], nn.Sequential()
    load_weights(whole.to_empty(device="cpu"), backbone, "random")
    features = whole.eval().requires_grad_(False).to(dtype).features
    parts = [features[begin:end] for begin, end in zip((0, *ends), ends, strict=False)]

    def maps(images: Tensor) -> dict[str, Tensor]:
        found = {}
        for name, part in zip(ends.values(), parts, strict=True):
            found[name] = images = part(images)
        return found

    return maps


def plain_gram(maps: Tensor) -> Tensor:
    """Return Gram matrices, (B, C, C), divided by C*H*W."""
    b, c, h, w = maps.shape
    flat = maps.view(b, c, h * w)
    return flat.bmm(flat.transpose(1, 2)) / (c * h * w)
