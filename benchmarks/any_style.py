"""AdaIN networks on photographs and paintings that no training saw, the untouched photographs as a row.

    python benchmarks/any_style.py checkpoints/adain.safetensors [OTHER ...] [--pairs 20] [--size 512] [--picture PNG]

Photographs and paintings are those that a training with the same folders and val_count holds out. Each photograph is
scaled to --size on its longer side, each painting to three quarters of that on its shorter one. The judge, SqueezeNet
by default, should be the loss network of none. *rows* is how unlike odd and even rows are (1 in photographs, 1.4 where
a decoder's upsampling shows), *shift* how much a photograph that moves by a pixel changes the result, *depth* how much
the result changes without the deepest features: 0 where the decoder has stopped to look at them.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from stylenet.acceleration.accelerate import accelerate
from stylenet.cli.exits import guarded
from stylenet.data.datasets import hold_out
from stylenet.data.sources import find_paintings, find_source
from stylenet.errors import InputError
from stylenet.features.weights import resolve_weights
from stylenet.functional import SMALLEST
from stylenet.images import grid, resize, save_image
from stylenet.networks.adain import DEEPEST, STRIDE, AdaIN
from stylenet.networks.checkpoint import load_network
from stylenet.networks.layers import pad_to_stride
from stylenet.studies.evaluation_report import HEADINGS
from stylenet.studies.measure import Evaluator, figures
from stylenet.studies.report import markdown

FIGURES = ["gram_difference", "content_distance", "ssim", "rows", "shift", "depth"]


def row_ratio(images: Tensor) -> Tensor:
    """Return how unlike odd and even rows are, (B,): 1 where they are alike, as in photographs.

    The mean absolute step from even to odd rows over that from odd to even rows, or its inverse, whichever is larger.
    A decoder that has not learnt to hide its upsampling leaves horizontal streaks, whose ratio is 1.4 and more.

    Args:
        images: (B, C, H, W), H at least 3.
    """
    steps = (images[..., 1:, :] - images[..., :-1, :]).abs().mean((1, 3))  # (B, H-1)
    ratio = steps[:, ::2].mean(1) / steps[:, 1::2].mean(1).clamp_min(SMALLEST)
    return torch.maximum(ratio, 1 / ratio.clamp_min(SMALLEST))


@torch.no_grad()
def shift_error(stylize: Callable[[Tensor], Tensor], images: Tensor, pixels: int = 1) -> Tensor:
    """Return how much more than its shift a shifted photograph changes in a stylized image, (B,): 0 at best.

    The root mean square of `f(shift(x)) - shift(f(x))`; a network with strides has 0 only where `pixels` is their
    product. What is large here flickers in films.

    Args:
        stylize: Takes and gives (B, 3, H, W) in [0, 1].
        images: (B, 3, H, W) in [0, 1].
        pixels: How far to the right.
    """
    shifted = stylize(images[..., :-pixels])[..., pixels:]
    moved = stylize(images[..., pixels:])[..., :-pixels]
    return (shifted - moved).square().mean((1, 2, 3)).sqrt()


@torch.no_grad()
def depth(network: AdaIN, photographs: Tensor, painting: Tensor) -> float:
    """Return the mean absolute change of stylized images, in [0, 1], when the deepest features are left out.

    A decoder whose deepest ReLU has died paints on from shallower features alone, and nothing else tells of it.

    Args:
        network: Any AdaIN.
        photographs: (B, 3, H, W) in [0, 1].
        painting: (1, 3, h, w) in [0, 1].
    """
    images, _ = pad_to_stride(photographs, None, STRIDE, network.encoder.smallest)
    features = network.transfer(network.encode(images), network.palette(painting))
    without = {**features, DEEPEST: torch.zeros_like(features[DEEPEST])}
    return (network.decode(features) - network.decode(without)).abs().mean().item()


def held_out(val_count: int, pairs: int, size: int) -> list[tuple[Tensor, Tensor]]:
    """Return photographs and paintings, (1, 3, H, W) in [0, 1] each."""
    photographs, paintings = find_source("auto").files, find_paintings("auto").files
    if photographs is None or paintings is None:
        raise InputError("name a folder with photographs in content/ and paintings in style/ in STYLENET_IMAGES")
    first, second = (hold_out(len(files), val_count)[1] for files in (photographs, paintings))
    chosen = [(first[37 * k % len(first)], second[3 * k % len(second)]) for k in range(pairs)]
    return [
        (resize(photographs.read(i), size, side="long"), resize(paintings.read(j), size * 3 // 4)) for i, j in chosen
    ]


def load(path: Path) -> AdaIN:
    """Return an AdaIN."""
    network, _ = load_network(path)
    if not isinstance(network, AdaIN):
        raise InputError(f"{path} is a {type(network).__name__}: give an AdaIN")
    return accelerate(network)


def stylizer(network: AdaIN, painting: Tensor) -> Callable[[Tensor], Tensor]:
    """Return what stylizes photographs, (1, 3, H, W) in [0, 1], in the style of a painting."""
    palette = network.palette(painting)
    return lambda photographs: network(photographs, palette)


@torch.inference_mode()
def _compare() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoints", nargs="+", type=Path)
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--val_count", type=int, default=40)
    parser.add_argument("--judge", default="squeezenet1_1")
    parser.add_argument("--picture", type=Path)
    given = parser.parse_args()
    networks = {path.name: load(path) for path in given.checkpoints}
    evaluator = Evaluator(given.judge, resolve_weights(given.judge, "auto"))
    found, rows = [], []
    for photograph, painting in held_out(given.val_count, given.pairs, given.size):
        judge, shown = evaluator.judge(painting), [photograph, resize(painting, photograph.shape[-2] // 2)]
        makers = {"photograph": lambda x: x} | {name: stylizer(net, painting) for name, net in networks.items()}
        for name, make in makers.items():
            image = make(photograph)
            own = {"rows": row_ratio(image).item(), "shift": shift_error(make, photograph).item()}
            own["depth"] = depth(networks[name], photograph, painting) if name in networks else 0.0
            found.append({"image": name} | figures(image, photograph, judge) | own)
            shown += [] if name == "photograph" else [image]
        rows.append(shown)
    table = pd.DataFrame(found).groupby("image", sort=False, as_index=False)[FIGURES].mean()
    print(f"{given.pairs} pairs, {given.size} px, judge {given.judge}\n")
    print(markdown(table.rename(columns=HEADINGS)))
    if given.picture:
        save_image(grid(rows), given.picture)
    return 0


if __name__ == "__main__":
    sys.exit(guarded(_compare))
