"""Make the README's pictures: CC0 photographs of scikit-image, stylized by the shipped networks, and the paintings.

python docs/images.py
"""

from pathlib import Path

from stylenet.data.sources import find_source
from stylenet.images import grid, load_image, resize, save_image
from stylenet.inference.stylizer import Stylizer

ROOT = Path(__file__).resolve().parents[1]
PAINTINGS = (
    ("starry_night", "great_wave", "the_scream", "composition_vii", "shipwreck", "gray_tree"),
    ("wheat_field", "olive_trees", "night_cafe", "tahiti", "metzinger"),
)
"""The rows of the sheet, in the order of docs/styles.md."""
NETWORKS = ("starry_night", "great_wave")


def before_after() -> None:
    """Write a row for each photograph: itself, then stylized by each shipped network."""
    source = find_source("embedded")
    photographs = []
    for files, index in ((source.held_out, 0), (source.files, 1), (source.held_out, 1)):
        assert files is not None
        photographs.append(resize(files.read(index), 480, side="long"))
    stylizers = [Stylizer.from_checkpoint(ROOT / "checkpoints" / f"{name}.safetensors", "cpu") for name in NETWORKS]
    rows = [[photograph, *[stylizer(photograph) for stylizer in stylizers]] for photograph in photographs]
    save_image(grid(rows), ROOT / "docs" / "images" / "before_after.jpg", quality=88)


def paintings() -> None:
    """Write the shipped style images as a sheet."""
    rows = [[load_image(ROOT / "data" / "styles" / f"{name}.jpg") for name in row] for row in PAINTINGS]
    scaled = [[resize(picture, 256, side="long") for picture in row] for row in rows]
    save_image(grid(scaled), ROOT / "docs" / "images" / "styles.jpg", quality=88)


if __name__ == "__main__":
    paintings()
    before_after()
