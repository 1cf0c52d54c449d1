"""Make the pictures of docs/adain.md and docs/multistyle.md: CC0 photographs of scikit-image in shipped styles.

python docs/any_style.py
"""

from pathlib import Path

import torch
from torch import Tensor

from stylenet.data.sources import find_source
from stylenet.images import grid, load_image, resize, save_image
from stylenet.inference.style_options import StyleOptions
from stylenet.inference.stylizer import Stylizer
from stylenet.networks.checkpoint import load_network

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
PAINTINGS = ("starry_night", "the_scream", "great_wave", "gray_tree", "night_cafe")
"""What AdaIN is shown; the first two are also blended."""
WIDTH, HEIGHT = 288, 192
SMALL_HEIGHT, MOST = 144, 7
"""Pixels of a picture of many styles, and so many of them in a row: 1,544 pixels at most."""
LEFT_HALF = torch.cat([torch.ones(1, 1, 64, 32), torch.zeros(1, 1, 64, 32)], 3)


def photographs() -> list[Tensor]:
    """Return coffee, chelsea and astronaut, (1, 3, HEIGHT, WIDTH) each."""
    source = find_source("embedded")
    assert source.files is not None
    assert source.held_out is not None
    images = [source.held_out.read(0), source.files.read(1), source.files.read(0)]
    return [cell(image) for image in images]


def cell(image: Tensor) -> Tensor:
    """Return the upper middle of an image, (1, 3, HEIGHT, WIDTH)."""
    image = resize(image, max(HEIGHT, 1 + WIDTH * min(image.shape[-2:]) // image.shape[-1]))
    left = (image.shape[-1] - WIDTH) // 2
    return image[..., :HEIGHT, left : left + WIDTH]


def painting(name: str, size: int = 512) -> Tensor:
    """Return a painting, (1, 3, h, w), its short side as long as `size`."""
    return resize(load_image(ROOT / "data" / "styles" / f"{name}.jpg"), size)


def any_style() -> None:
    """Write photographs by styles, and what can be done with two styles."""
    network, _ = load_network(ROOT / "checkpoints" / "adain.safetensors")
    blank = torch.ones(1, 3, 1, 1)
    rows = [[blank, *[cell(painting(name)) for name in PAINTINGS]]]
    stylizers = [Stylizer(network, "cpu", StyleOptions((painting(name),))) for name in PAINTINGS]
    rows += [[photograph, *[stylize(photograph) for stylize in stylizers]] for photograph in photographs()]
    save_image(grid(rows), IMAGES / "adain.jpg", quality=88)

    two = (painting(PAINTINGS[0]), painting(PAINTINGS[1]))
    several = [
        StyleOptions(two[:1], alpha=0.5),
        StyleOptions(two[:1]),
        StyleOptions(two),
        StyleOptions(two[1:]),
        StyleOptions(two, masks=(LEFT_HALF,)),
        StyleOptions(two[1:], preserve_color="luminance"),
        StyleOptions(two[1:], preserve_color="coral"),
    ]
    photograph = photographs()[2]
    row = [photograph, *[Stylizer(network, "cpu", options)(photograph) for options in several]]
    save_image(grid([row[:4], row[4:]]), IMAGES / "adain_looks.jpg", quality=88)


def many_styles() -> None:
    """Write photographs in every style of the network that ships, and one on the way from one style to another."""
    network, metadata = load_network(ROOT / "checkpoints" / "multistyle.safetensors")
    styles: list[str] = metadata["styles"]
    columns = in_a_row(1 + len(styles))
    rows = []
    for photograph in photographs():
        each = [StyleOptions((style,)) for style in range(len(styles))]
        cells = [photograph, *[Stylizer(network, "cpu", options)(photograph) for options in each]]
        rows += [cells[start : start + columns] for start in range(0, len(cells), columns)]
    photograph = photographs()[1]
    ends = (styles.index(PAINTINGS[0]), styles.index(PAINTINGS[1]))
    shares = [(1 - step / (columns - 1), step / (columns - 1)) for step in range(columns)]
    rows.append([Stylizer(network, "cpu", StyleOptions(ends, shares=pair))(photograph) for pair in shares])
    small = [[resize(image, SMALL_HEIGHT) for image in row] for row in rows]
    save_image(grid(small), IMAGES / "multistyle.jpg", quality=88)


def in_a_row(cells: int) -> int:
    """Return how many pictures of `cells` to put into a row: as few rows as can be, of about one length."""
    return -(-cells // -(-cells // MOST))


if __name__ == "__main__":
    any_style()
    many_styles()
