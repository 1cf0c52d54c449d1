"""AdaIN networks on photographs and paintings that no training saw, the untouched photographs as a row.

    python benchmarks/any_style.py checkpoints/adain.safetensors [OTHER ...] [--pairs 20] [--size 512] [--picture PNG]

Photographs and paintings are those that a training with the same folders and val_count holds out. Each photograph is
scaled to --size on its longer side, each painting to three quarters of that on its shorter one. The judge, SqueezeNet
by default, should be the loss network of none. *rows* is how unlike odd and even rows are (1 in photographs, 1.4 where
a decoder's upsampling shows), *shift* how much a photograph that moves by a pixel changes the result.
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
from stylenet.data.paintings import find_paintings
from stylenet.data.sources import find_source
from stylenet.errors import InputError
from stylenet.features.weights import resolve_weights
from stylenet.images import grid, resize, save_image
from stylenet.metrics import row_ratio, shift_error
from stylenet.networks.adain import AdaIN
from stylenet.networks.checkpoint import load_network
from stylenet.studies.evaluation_report import HEADINGS
from stylenet.studies.measure import Jury, figures
from stylenet.studies.report import markdown

FIGURES = ["gram_difference", "content_distance", "ssim", "rows", "shift"]


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
    jury = Jury(given.judge, resolve_weights(given.judge, "auto"))
    found, rows = [], []
    for photograph, painting in held_out(given.val_count, given.pairs, given.size):
        judge, shown = jury.judge(painting), [photograph, resize(painting, photograph.shape[-2] // 2)]
        makers = {"photograph": lambda x: x} | {name: stylizer(net, painting) for name, net in networks.items()}
        for name, make in makers.items():
            image = make(photograph)
            own = {"rows": row_ratio(image).item(), "shift": shift_error(make, photograph).item()}
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
