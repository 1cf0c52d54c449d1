"""Make the pictures of docs/gatys.md: CC0 photographs of scikit-image, paintings that ship, the Gatys optimizer.

    python docs/gatys.py [NAME ...] [--size 256] [--steps 150] [--backbone vgg16]

Prints the loss at the end of each run. NAMEs are those of the functions below.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from stylenet.cli.exits import guarded
from stylenet.data.sources import find_source
from stylenet.errors import unknown
from stylenet.features.extractor import FeatureExtractor
from stylenet.gatys.defaults import gatys_options
from stylenet.gatys.optimize import optimize
from stylenet.images import grid, load_image, resize, save_image
from stylenet.losses.multiscale import perceptual_loss
from stylenet.losses.terms import Style

ROOT = Path(__file__).resolve().parents[1]


class Studio:
    """Photographs, paintings and a way to bring them together.

    Args:
        size: Pixels of the photographs' long and the paintings' short side.
        steps: Of each run.
        backbone: Whose features are used; one with relu1_1 to relu4_1.
    """

    def __init__(self, size: int, steps: int, backbone: str) -> None:
        self.size, self.steps, self.backbone = size, steps, backbone
        source = find_source("embedded")
        shown = [path for files in (source.files, source.held_out) for path in files.paths]
        self.photographs = {path.stem: resize(load_image(path), size, side="long") for path in shown}

    def painting(self, name: str) -> Tensor:
        """Return one of the paintings that ship."""
        return resize(load_image(ROOT / "data" / "styles" / f"{name}.jpg"), self.size)

    def run(
        self, photograph: str, painting: str | list[str], options: dict | None = None, **arguments: object
    ) -> Tensor:
        """Return the optimized image; options are those of the loss, the rest goes to `optimize`."""
        names = [painting] if isinstance(painting, str) else painting
        styles = [Style(self.painting(name)) for name in names]
        choice = gatys_options(self.backbone, {"style_weight": 10.0} | (options or {}))
        loss = perceptual_loss(FeatureExtractor(self.backbone, choice.layers, pooling=choice.pooling), styles, choice)
        result = optimize(self.photographs[photograph], styles, loss, **{"steps": self.steps} | arguments)  # type: ignore[arg-type]
        last = result.history[-1]
        terms = " ".join(f"{name} {float(value):.4f}" for name, value in last.weighted.items())
        told = {name: "mask" if isinstance(value, Tensor) else value for name, value in arguments.items()}
        print(f"{photograph} {painting} {options or ''} {told}: {terms}, {last.seconds:.0f} s", flush=True)
        return result.image

    def halves(self, photograph: str) -> Tensor:
        """Return two soft masks, (1, 2, H, W): the left and the right of a photograph."""
        _, _, height, width = self.photographs[photograph].shape
        left = torch.linspace(0.5 + width / 20, 0.5 - width / 20, width).clamp(0, 1).expand(1, 1, height, width)
        return torch.cat([left, 1 - left], 1)


def init(studio: Studio) -> list[list[Tensor]]:
    """L-BFGS and Adam (rows) from content, noise and the painting (columns)."""
    inits = ("content", "noise", "style")
    return [
        [studio.run("chelsea", "starry_night", optimizer=name, init=init) for init in inits]
        for name in ("lbfgs", "adam")
    ]


def smoothness(studio: Studio) -> list[list[Tensor]]:
    """Total variation 0, 0.02 and 0.5."""
    return [[studio.run("coffee", "great_wave", {"tv_weight": weight}) for weight in (0.0, 0.02, 0.5)]]


def strength(studio: Studio) -> list[list[Tensor]]:
    """Photograph, style weights 1, 10, 100."""
    images = [studio.run("astronaut", "starry_night", {"style_weight": weight}) for weight in (1.0, 10.0, 100.0)]
    return [[studio.photographs["astronaut"], *images]]


def statistics(studio: Studio) -> list[list[Tensor]]:
    """Gram, moments, patches, sliced Wasserstein; the last two without the finest layers, where they take long."""
    layers = {"gram": 1, "moments": 1, "patches": 3, "wasserstein": 2}
    options = [{"statistic": n, "style_layers": [f"relu{k}_1" for k in range(k, 5)]} for n, k in layers.items()]
    return [[studio.run("chelsea", "the_scream", each, steps=80) for each in options]]


def color(studio: Studio) -> list[list[Tensor]]:
    """The painting's colors, luminance only, CORAL."""
    return [[studio.run("coffee", "starry_night", preserve_color=way) for way in (None, "luminance", "coral")]]


def masks(studio: Studio) -> list[list[Tensor]]:
    """Left half only; two paintings, left and right; two paintings everywhere."""
    halves, pair = studio.halves("astronaut"), ["starry_night", "the_scream"]
    return [
        [
            studio.run("astronaut", "starry_night", only=halves[:, :1]),
            studio.run("astronaut", pair, masks=halves),
            studio.run("astronaut", pair),
        ]
    ]


def reconstruction(studio: Studio) -> list[list[Tensor]]:
    """From noise: content alone at relu1_1, relu3_1 and relu4_1; style alone up to relu1_1, relu2_1 and relu4_1."""
    contents = [{"style_weight": 0.0, "tv_weight": 0.0, "content_layers": [f"relu{n}_1"]} for n in (1, 3, 4)]
    depths = [[f"relu{k}_1" for k in range(1, n + 1)] for n in (1, 2, 4)]
    styles = [{"content_weight": 0.0, "tv_weight": 0.0, "style_layers": layers} for layers in depths]
    return [[studio.run("chelsea", "starry_night", each, init="noise") for each in row] for row in (contents, styles)]


PICTURES: dict[str, Callable[[Studio], list[list[Tensor]]]] = {
    made.__name__: made for made in (init, smoothness, strength, statistics, color, masks, reconstruction)
}


def _make() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--backbone", default="vgg16")
    given = parser.parse_args()
    studio = Studio(given.size, given.steps, given.backbone)
    for name in given.names or PICTURES:
        if name not in PICTURES:
            raise unknown("picture", name, PICTURES)
        save_image(grid(PICTURES[name](studio)), ROOT / "docs" / "images" / f"gatys_{name}.jpg", quality=88)
    return 0


if __name__ == "__main__":
    sys.exit(guarded(_make))
