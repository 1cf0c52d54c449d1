"""3x3 convolutions by Winograd's method against torch's: single layers, then whole loss networks.

Forward and backward to the input, in turn, medians of CPU seconds. Loss networks have seeded random weights, and are
read at the layers that their style losses take.

    python benchmarks/convolution.py [--backbones vgg16 vgg19 resnet50] [--size 256] [--batch 4] [--threads N]
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from stylenet.acceleration.accelerate import accelerate
from stylenet.acceleration.allocator import keep_memory
from stylenet.acceleration.winograd import convolve
from stylenet.cli.exits import guarded
from stylenet.features.backbones import get_backbone
from stylenet.features.extractor import FeatureExtractor

LAYERS = ((64, 64, 256), (128, 128, 128), (256, 256, 64), (512, 512, 32), (512, 512, 16))  # channels, channels, side
Network = Callable[[Tensor], Sequence[Tensor]]


def layer(channels: int, out_channels: int, last: bool) -> Network:
    """Return a convolution: torch's, or Winograd's on maps with the channels last, as networks give them to it."""
    torch.manual_seed(0)
    weight, bias = torch.randn(out_channels, channels, 3, 3), torch.randn(out_channels)
    if not last:
        return lambda x: [F.conv2d(x, weight, bias, padding=1)]
    return lambda x: [convolve(x.contiguous(memory_format=torch.channels_last), weight, bias, 1)]


def loss_network(backbone: str, quick: bool) -> Network:
    """Return what gives a backbone's maps: with torch's convolutions, or ours."""
    extractor = FeatureExtractor(backbone, get_backbone(backbone).style_layers, "random")
    if quick:
        accelerate(extractor)
    return lambda images: list(extractor(images).values())


def turn(network: Network, x: Tensor) -> list[float]:
    """Return the CPU seconds of the forward and of the backward pass."""
    x = x.detach().requires_grad_()
    start = time.process_time()
    maps = network(x)
    middle = time.process_time()
    torch.autograd.grad(maps, x, [torch.ones_like(part) for part in maps])
    return [middle - start, time.process_time() - middle]


def compare(title: str, direct: Network, ours: Network, x: Tensor, rounds: int) -> None:
    """Print a row of the table."""
    turns: list[list[list[float]]] = [[], []]
    for _ in range(rounds + 1):
        for found, network in zip(turns, (direct, ours), strict=True):
            found.append(turn(network, x))
    medians = [[statistics.median(column) for column in zip(*found[1:], strict=True)] for found in turns]
    cells = [" + ".join(f"{seconds:.3f}" for seconds in pair) for pair in medians]
    print(f"| {title} | {cells[0]} | {cells[1]} | {sum(medians[1]) / sum(medians[0]):.2f} |", flush=True)


def _benchmark() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backbones", nargs="*", default=["vgg16", "vgg19", "resnet50"])
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    keep_memory()
    print(f"{given.batch} images, {given.threads} threads\n\n| | direct | Winograd | ratio |\n|---|---|---|---|")
    for channels, out_channels, at_256 in LAYERS:
        side = at_256 * given.size // 256
        title, maps = f"{channels} to {out_channels}, {side}x{side}", torch.rand(given.batch, channels, side, side)
        networks = [layer(channels, out_channels, last) for last in (False, True)]
        compare(title, *networks, maps, given.rounds)
    images = torch.rand(given.batch, 3, given.size, given.size)
    for backbone in given.backbones:
        networks = [loss_network(backbone, quick) for quick in (False, True)]
        compare(f"{backbone}, {given.size} px", *networks, images, given.rounds)
    return 0


if __name__ == "__main__":
    sys.exit(guarded(_benchmark))
