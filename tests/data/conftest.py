import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def photographs(tmp_path):
    """Make a folder of `count` small JPEGs, each of its own gray level and noise."""

    def make(count, name="photographs", shape=(40, 48)):
        folder = tmp_path / name
        folder.mkdir()
        for index in range(count):
            rng = np.random.default_rng(index)
            pixels = rng.integers(0, 256, (5, 6, 3)).astype(np.uint8)
            Image.fromarray(pixels).resize(shape[::-1]).save(folder / f"{index:03}.jpg")
        return folder

    return make


@pytest.fixture(autouse=True)
def bare_machine(monkeypatch):
    """Hide this machine's own images."""
    for name in ("STYLENET_IMAGES", "STYLENET_COCO"):
        monkeypatch.delenv(name, raising=False)
