"""Figures of the model card: how checkpoints fare on held-out photographs, the untouched photographs as a row.

    python benchmarks/card.py checkpoints/starry_night.safetensors [--root PHOTOGRAPHS] [--val_count 40] [--size 256]

Photographs are the crops that a training with the same source, size and val_count validates on; for photographs in
files there is `stylenet evaluate`, for AdaIN `benchmarks/any_style.py`. Networks of many styles get a row for each.
Checkpoints may be peers' files: give their style's name. The judge, SqueezeNet by default, should be the loss network
of none.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from stylenet.cli.exits import guarded
from stylenet.data.datamodule import StylizationData
from stylenet.data.styles import find_style, load_style
from stylenet.studies.evaluation_report import HEADINGS
from stylenet.studies.measure import Evaluator, figures
from stylenet.studies.methods import Photograph, Trained
from stylenet.studies.report import markdown

FIGURES = ["gram_difference", "content_distance", "ssim"]


def rows(
    network: Trained, photographs: Sequence[Tensor], evaluator: Evaluator, size: int
) -> Iterator[dict[str, str | float]]:
    """Give the figures of each photograph, (1, 3, H, W) in [0, 1], untouched and in each style of a network."""
    for style in network.styles:
        painting = load_style(find_style(style), size)
        judge = evaluator.judge(painting)
        for name, method in (("photograph", Photograph()), (network.path.name, network)):
            paint = method.painter(style, painting)
            for photograph in photographs:
                yield {"style": style, "image": name} | figures(paint(photograph, lambda: False), photograph, judge)


def _card() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoints", nargs="+", type=Path)
    parser.add_argument("--style", help="of checkpoints that do not tell")
    parser.add_argument("--root", help="folder of photographs; by default the best source at hand")
    parser.add_argument("--val_count", type=int, default=40)
    parser.add_argument("--size", type=int, default=256, help="pixels of the crops, and of paintings' shorter side")
    parser.add_argument("--backbone", default="squeezenet1_1", help="of the judge")
    parser.add_argument("--weights", default="imagenet", help="of the judge")
    given = parser.parse_args()
    data = StylizationData(root=given.root, size=given.size, val_count=given.val_count)
    photographs = torch.cat(list(data.val_dataloader())).split(1)
    evaluator, cpu = Evaluator(given.backbone, given.weights), torch.device("cpu")
    print(f"{len(photographs)} held-out photographs of {data.describe()}, {given.size} px, judge {given.backbone}\n")
    networks = [Trained(path, given.style, cpu) for path in given.checkpoints]
    found = [row for network in networks for row in rows(network, photographs, evaluator, given.size)]
    table = pd.DataFrame(found).groupby(["style", "image"], sort=False, as_index=False)[FIGURES].mean()
    print(markdown(table.rename(columns=HEADINGS)))
    return 0


if __name__ == "__main__":
    sys.exit(guarded(_card))
