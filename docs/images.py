"""Make the README's pictures: CC0 photographs of scikit-image, stylized by the shipped networks, and the homages.

python docs/images.py
"""

from pathlib import Path

from stylenet.data.sources import find_source
from stylenet.images import grid, load_image, resize, save_image
from stylenet.inference.stylizer import Stylizer

ROOT = Path(__file__).resolve().parents[1]
HOMAGES = ("starry_night", "the_scream", "great_wave", "composition_vii", "shipwreck")
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


def homages() -> None:
    """Write the five shipped style images side by side."""
    pictures = [load_image(ROOT / "data" / "styles" / f"{name}.jpg") for name in HOMAGES]
    scaled = [resize(picture, 320, side="long") for picture in pictures]
    save_image(grid([scaled]), ROOT / "docs" / "images" / "styles.jpg", quality=88)


if __name__ == "__main__":
    homages()
    before_after()
