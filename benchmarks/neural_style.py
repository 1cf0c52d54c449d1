r"""The recipe of jcjohnson/neural-style beside `stylenet gatys`, judged by a network that neither minimized.

    python benchmarks/neural_style.py --output compared [--size 256] [--steps 1000] [--ours 'more: style_weight=50' ...]

Its published pictures are of photographs and paintings that are not at hand; so its recipe is run, with the numbers of
its command line's defaults: content relu4_2 with weight 5, style relu1_1 to relu5_1 with weight 100, total variation
1e-3, from noise, 1000 evaluations of L-BFGS, pixels of 0 to 255, clamped once at the end. Its loss network is VGG-19;
here both sides take --backbone, VGG-16 by default. Ours are 300 steps from the photograph with all options' defaults,
then with each of --ours: a name, a colon, and options `key=value` as `stylenet gatys` takes them, or steps. Photographs
are CC0 ones of scikit-image, paintings those in data/styles.
Pictures that --output holds already, by their names, are not made again, so that a run can be stopped and goes on.

Where its published pictures are at hand, --published PHOTOGRAPH PAINTING PICTURE, once for each, judges them beside
ours of the same size, in the place of the recipe's; --backbone vgg19 is then what they were made with.
"""

import argparse
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from pytorch_tutorial import CONTENT, style_layers
from torch import Tensor
from torch.nn import functional as F

from stylenet.cli.arguments import Steps, call
from stylenet.cli.exits import guarded
from stylenet.cli.gatys import LOSS
from stylenet.console import Bar
from stylenet.data.sources import EMBEDDED, EMBEDDED_HELD_OUT, find_source
from stylenet.features.backbones import get_backbone
from stylenet.features.extractor import FeatureExtractor
from stylenet.functional import gram
from stylenet.gatys.defaults import gatys_options
from stylenet.gatys.optimize import optimize
from stylenet.gatys.run import Progress
from stylenet.images import load_image, resize, save_image, to_size
from stylenet.losses.multiscale import perceptual_loss
from stylenet.resources import DATA
from stylenet.studies.evaluation_report import HEADINGS
from stylenet.studies.measure import Evaluator, choose_judge, figures
from stylenet.studies.plots import captioned
from stylenet.studies.report import markdown

PAIRS = {"astronaut": "starry_night", "chelsea": "great_wave", "coffee": "the_scream", "rocket": "composition_vii"}
"""Photographs of scikit-image, and files in data/styles."""
CONTENT_WEIGHT, STYLE_WEIGHT, TV_WEIGHT = 5.0, 100.0, 1e-3
Tick = Callable[[int], None]
Paint = partial[Tensor]
OUR_STEPS = 300
FIGURES = ["gram_difference", "content_distance", "ssim"]


def neural_style(photograph: Tensor, painting: Tensor, backbone: str, weights: str, steps: int, tick: Tick) -> Tensor:
    """Return what neural_style.lua makes of a photograph, (1, 3, H, W) in [0, 1].

    As it has them: the mean squared error of maps and of Gram matrices divided by C*H*W; the gradient of half of the
    summed squared differences of neighbors; noise of 0.001 about the mean pixel.

    Args:
        photograph: (1, 3, H, W) in [0, 1].
        painting: (1, 3, h, w) in [0, 1].
        backbone: Whose features are compared.
        weights: Of the backbone.
        steps: Evaluations.
        tick: Called after each with the number of evaluations.
    """
    styles = style_layers(backbone)
    extractor = FeatureExtractor(backbone, [CONTENT, *styles], weights)
    with torch.no_grad():
        target = extractor(photograph)[CONTENT]
        grams = {layer: gram(maps) for layer, maps in extractor(painting).items() if layer in styles}
    mean = 255 * torch.tensor(get_backbone(backbone).mean).view(-1, 1, 1)
    pixels = (0.001 * torch.randn(photograph.shape, generator=torch.Generator().manual_seed(0))).requires_grad_()
    optimizer = torch.optim.LBFGS([pixels], max_iter=steps, max_eval=steps, tolerance_grad=-1, tolerance_change=-1)
    done = 0

    def closure() -> Tensor:
        nonlocal done
        optimizer.zero_grad()
        maps = extractor((pixels + mean) / 255)
        loss = CONTENT_WEIGHT * F.mse_loss(maps[CONTENT], target)
        loss = loss + STYLE_WEIGHT * sum(F.mse_loss(gram(maps[layer]), grams[layer]) for layer in styles)
        loss = loss + TV_WEIGHT / 2 * (pixels.diff(dim=2).square().sum() + pixels.diff(dim=3).square().sum())
        loss.backward()
        done += 1
        tick(done)
        return loss

    optimizer.step(closure)
    return ((pixels.detach() + mean) / 255).clamp(0, 1)


def ours(
    photograph: Tensor, painting: Tensor, backbone: str, weights: str, given: Mapping[str, Any], steps: int, tick: Tick
) -> Tensor:
    """Return what `stylenet gatys` makes of a photograph, (1, 3, H, W) in [0, 1], with some options of the loss."""
    options = gatys_options(backbone, given)
    loss = perceptual_loss(FeatureExtractor(backbone, options.layers, weights, options.pooling), painting, options)

    def callback(progress: Progress) -> None:
        tick(progress.record.step)

    return optimize(photograph, painting, loss, steps=steps, callback=callback).image


@dataclass(frozen=True)
class Pair:
    """A photograph and a painting, (1, 3, H, W) in [0, 1], and what neural-style makes of them, or made."""

    names: tuple[str, str]
    photograph: Tensor
    painting: Tensor
    theirs: dict[str, Tensor | Paint]


def pairs(given: argparse.Namespace) -> Iterator[Pair]:
    """Give the pairs of `PAIRS`, or those that were published."""
    if given.published:
        for photograph, painting, picture in given.published:
            image = load_image(picture)
            size = image.shape[-2:]
            names = Path(photograph).stem, Path(painting).stem
            content, style = (resize(load_image(path), max(size), side="long") for path in (photograph, painting))
            yield Pair(names, to_size(content, size), style, {"published": image})
        return
    recipe = partial(neural_style, backbone=given.backbone, weights=given.weights, steps=given.steps)
    files = photographs()
    for names in PAIRS.items():
        photograph = resize(files[names[0]], given.size, side="long")
        painting = resize(load_image(DATA / "styles" / f"{names[1]}.jpg"), given.size, side="long")
        yield Pair(names, photograph, painting, {f"neural-style's recipe, {given.steps} steps": recipe})


def variants(given: argparse.Namespace) -> dict[str, Paint]:
    """Return ours, by name."""
    found: dict[str, Paint] = {}
    for variant in ["defaults", *given.ours]:
        name, _, text = variant.partition(":")
        network = {"backbone": given.backbone, "weights": given.weights}

        def note(steps: Steps = OUR_STEPS, loss: dict[str, Any] | None = None) -> int:
            found[f"ours, {name}"] = partial(ours, **network, given=loss or {}, steps=steps)  # noqa: B023
            return 0

        call(note, "--ours", shlex.split(text), {"loss": LOSS})
    return found


def pictures(given: argparse.Namespace) -> Iterator[tuple[Pair, dict[str, Tensor]]]:
    """Give each pair and its images by who made them: published, or made here, or found in the folder."""
    sides = variants(given)
    for pair in pairs(given):
        images, (name, style) = {"photograph": pair.photograph}, pair.names
        for side, made in {**pair.theirs, **sides}.items():
            if isinstance(made, Tensor):
                images[side] = made
                continue
            path = given.output / f"{given.backbone}, {max(pair.photograph.shape)} px, {name}, {style}, {side}.png"
            if not path.exists():
                with Bar(f"{name}, {side}: step") as bar:
                    tick = partial(bar.move, total=made.keywords["steps"])
                    save_image(made(pair.photograph, pair.painting, tick=tick), path)
            images[side] = load_image(path)
        yield pair, images


def photographs() -> dict[str, Tensor]:
    """Return scikit-image's photographs, (1, 3, H, W) in [0, 1], by name."""
    source = find_source("embedded")
    assert source.files is not None
    assert source.held_out is not None
    parts = (EMBEDDED, source.files), (EMBEDDED_HELD_OUT, source.held_out)
    return {Path(name).stem: files.read(i) for names, files in parts for i, name in enumerate(names)}


def _main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, help="folder of the pictures")
    parser.add_argument("--backbone", default="vgg16", help="one with relu1_1 to relu5_1")
    parser.add_argument("--weights", default="auto", help="auto, imagenet, random or a file")
    parser.add_argument("--judge", default="squeezenet1_1")
    parser.add_argument("--published", nargs=3, action="append", help="photograph, painting and published picture")
    parser.add_argument("--size", type=int, default=256, help="pixels of the longer sides")
    parser.add_argument("--steps", type=int, default=1000, help="evaluations of neural-style's recipe")
    parser.add_argument("--ours", nargs="*", default=[], help="more of ours, `NAME: key=value ...` each")
    given = parser.parse_args()
    given.output.mkdir(parents=True, exist_ok=True)
    evaluator, found, rows = Evaluator(*choose_judge({}, given.judge)), list[dict[str, Any]](), list[list[Tensor]]()
    for pair, images in pictures(given):
        judge = evaluator.judge(pair.painting)
        for name, image in images.items():
            found.append({"image": name, "pair": ", ".join(pair.names)} | figures(image, pair.photograph, judge))
        rows.append([pair.painting, *images.values()])
    for group in (["image"], ["pair", "image"]):
        table = pd.DataFrame(found).groupby(group, sort=False, as_index=False)[FIGURES].mean()
        print(f"\n{markdown(table.rename(columns=HEADINGS))}")
    save_image(captioned(rows, ["painting", *images]), given.output / "sheet.png")
    return 0


if __name__ == "__main__":
    sys.exit(guarded(_main))
