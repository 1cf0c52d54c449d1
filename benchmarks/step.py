"""Time a training step of ours against a plain PyTorch loop, in turn, in one process: medians and their ratio.

The plain loop is what pytorch/examples does: its network is ours, its loss network torchvision's whole VGG16 feature
stack cut into slices, its losses mean squared errors. Random weights cost the same time as trained ones.

    python benchmarks/step.py [--size 256] [--batch 2] [--rounds 7] [--threads 2]
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
import torchvision
from torch import Tensor, nn

from stylenet.features.backbones import get_backbone
from stylenet.features.extractor import FeatureExtractor
from stylenet.losses.perceptual import PerceptualLoss
from stylenet.networks.johnson import JohnsonNet

ENDS = (4, 9, 16, 23)  # after relu1_2, relu2_2, relu3_3, relu4_3


def plain_step(photographs: Tensor, style: Tensor) -> Callable[[], None]:
    """Return a training step as pytorch/examples writes it."""
    features = torchvision.models.vgg16(weights=None).features.eval().requires_grad_(False)
    slices = [features[start:end] for start, end in zip((0, *ENDS[:-1]), ENDS, strict=True)]
    network = JohnsonNet()
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)

    def maps(images: Tensor) -> list[Tensor]:
        out = []
        for part in slices:
            images = part(images)
            out.append(images)
        return out

    def grams(images: Tensor) -> list[Tensor]:
        flat = [x.flatten(2) for x in maps(images)]
        return [f @ f.transpose(1, 2) / (f.shape[1] * f.shape[2]) for f in flat]

    targets = [gram.detach() for gram in grams(style)]

    def step() -> None:
        optimizer.zero_grad()
        stylized = network(photographs)
        found, wanted = maps(stylized), maps(photographs)
        flat = [x.flatten(2) for x in found]
        loss = nn.functional.mse_loss(found[1], wanted[1])
        for f, target in zip(flat, targets, strict=True):
            gram = f @ f.transpose(1, 2) / (f.shape[1] * f.shape[2])
            loss = loss + nn.functional.mse_loss(gram, target.expand_as(gram))
        loss.backward()
        optimizer.step()

    return step


def our_step(photographs: Tensor, style: Tensor, backbone: str) -> Callable[[], None]:
    """Return a training step of ours."""
    spec = get_backbone(backbone)
    layers = dict.fromkeys([*spec.style_layers, *spec.content_layers])
    extractor = FeatureExtractor(backbone, list(layers), "random")
    loss = PerceptualLoss(extractor, style, spec.style_layers, spec.content_layers)
    network = JohnsonNet()
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)

    def step() -> None:
        optimizer.zero_grad()
        loss.total(loss(network(photographs), photographs)).backward()
        optimizer.step()

    return step


def main() -> None:
    """Print a line for each contestant."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in {"size": 256, "batch": 2, "rounds": 7, "threads": 2}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    photographs, style = torch.rand(given.batch, 3, given.size, given.size), torch.rand(1, 3, given.size, given.size)
    steps = {
        "plain loop, VGG16": plain_step(photographs, style),
        "ours, VGG16": our_step(photographs, style, "vgg16"),
        "ours, vgg19_16x": our_step(photographs, style, "vgg19_16x"),
    }
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for round_ in range(given.rounds + 1):
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            if round_:  # the first one warms up
                seconds[name].append(time.perf_counter() - start)
    baseline = statistics.median(seconds["plain loop, VGG16"])
    for name, values in seconds.items():
        median = statistics.median(values)
        print(f"{name:20} {median:7.3f} s a step, {median / baseline:5.2f} of the plain loop")


if __name__ == "__main__":
    main()
