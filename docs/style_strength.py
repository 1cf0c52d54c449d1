"""Show that one style_strength looks alike across photographs, sizes and backbones: a sheet of pictures and a table.

    python docs/style_strength.py [--sizes 128 256] [--strengths 0.2 1 5 25] [--backbones vgg16 vgg19] [--fixed]

Photographs are CC0 ones of scikit-image, the painting is The Starry Night or --style, the judge is vgg16. Rows of the
sheet are photographs; columns are the photograph and, for each backbone and size, the strengths. What a strength sets
is the last column of the table, how far from the photograph an image goes for how near it comes to the painting; the
others have the photographs' own differences in them. With --fixed the strengths are plain style weights instead, for
comparison.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from stylenet.data.sources import find_source
from stylenet.data.styles import load_style
from stylenet.devices import pick_device
from stylenet.features.backbones import get_backbone
from stylenet.features.extractor import FeatureExtractor
from stylenet.gatys.defaults import gatys_options, gatys_shares
from stylenet.gatys.optimize import optimize
from stylenet.images import grid, resize, save_image
from stylenet.losses.multiscale import perceptual_loss
from stylenet.losses.weighting import Balanced
from stylenet.metrics import Judge

ROOT = Path(__file__).resolve().parents[1]
STYLE = ROOT / "data" / "styles" / "starry_night.jpg"
CELL = 192  # pixels of a picture on the sheet


def square(image: Tensor, size: int) -> Tensor:
    """Return the middle of an image, (1, 3, size, size)."""
    image = resize(image, size)
    top, left = (image.shape[-2] - size) // 2, (image.shape[-1] - size) // 2
    return image[..., top : top + size, left : left + size]


def photographs(size: int) -> Tensor:
    """Return astronaut, chelsea and coffee, (3, 3, size, size)."""
    source = find_source("embedded")
    assert source.files is not None
    assert source.held_out is not None
    images = [source.files.read(0), source.files.read(1), source.held_out.read(0)]
    return torch.cat([square(image, size) for image in images])


def make_judge(painting: Tensor) -> Judge:
    """Return the judge, the same for every backbone that stylizes."""
    spec = get_backbone("vgg16")
    extractor = FeatureExtractor("vgg16", [*spec.style_layers, *spec.content_layers])
    return Judge(extractor.to(painting.device), painting, spec.style_layers, spec.content_layers)


def stylizer(backbone: str, painting: Tensor, steps: int, fixed: bool) -> Callable[[Tensor, float], Tensor]:
    """Return what stylizes photographs, (B, 3, H, W), at a strength, by a backbone named `NAME` or `NAME=WEIGHTS`."""
    name, _, weights = backbone.partition("=")

    def stylize(images: Tensor, strength: float) -> Tensor:
        options = gatys_options(name, {"style_weight": strength if fixed else 1.0, "tv_weight": 0.0})
        extractor = FeatureExtractor(name, options.layers, weights or "auto", options.pooling).to(images.device)
        weighting = None if fixed else Balanced(gatys_shares(name, strength))
        loss = perceptual_loss(extractor, painting, options)
        return optimize(images, painting, loss, steps=steps, weighting=weighting).image

    return stylize


def spread(values: Tensor) -> str:
    """Return mean and relative deviation over the photographs."""
    return f"{values.mean():.3f} ({values.std() / values.mean():.0%})"


def main() -> None:
    """Write the sheet and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[128, 256])
    parser.add_argument("--strengths", type=float, nargs="+", default=[0.2, 1.0, 5.0, 25.0])
    parser.add_argument("--backbones", nargs="+", default=["vgg16"])
    parser.add_argument("--style", type=Path, default=STYLE, help="a painting")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--fixed", action="store_true")
    parser.add_argument("--output", default=str(ROOT / "outputs" / "style_strength.jpg"))
    given = parser.parse_args()
    device, rows = pick_device("auto"), [[photograph] for photograph in photographs(CELL).split(1)]
    print(
        "| backbone | size | strength | Gram difference | content distance | the second / the first |\n"
        + "|---" * 6
        + "|"
    )
    for backbone in given.backbones:
        for size in given.sizes:
            painting, photos = square(load_style(given.style, size), size).to(device), photographs(size).to(device)
            judge, stylize = make_judge(painting), stylizer(backbone, painting, given.steps, given.fixed)
            columns = [stylize(photos, strength) for strength in given.strengths]
            for strength, images in zip(given.strengths, columns, strict=True):
                found = judge(images, photos)
                style, content = found["gram_difference"], found["content_distance"]
                cells = [backbone, size, f"{strength:g}", *map(spread, (style, content, content / style))]
                print("| " + " | ".join(map(str, cells)) + " |", flush=True)
            for i, row in enumerate(rows):
                row += [resize(column[i : i + 1], CELL).cpu() for column in columns]
            save_image(grid(rows), given.output, quality=88)  # what there is: larger sizes take long


if __name__ == "__main__":
    main()
