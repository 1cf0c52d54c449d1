import datasets
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


@pytest.fixture
def flat_images(tmp_path):
    """Make a folder of `count` PNGs, image k with the value 5 * k everywhere."""

    def make(count, name, shape=(40, 48)):
        folder = tmp_path / name
        folder.mkdir()
        for index in range(count):
            Image.new("L", shape[::-1], 5 * index).save(folder / f"{index:03}.png")
        return folder

    return make


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """Keep what Hugging Face `datasets` writes in the folder of the test."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "SLEEP_TIME_ON_THREADS_SHUTDOWN", 0, raising=False)  # 5 s at each end


@pytest.fixture
def make_parquet(tmp_path, own_cache):
    """Make a folder of two Parquet files out of image files, of which number `broken` is no image."""

    def make(paths, name, broken=None):
        records = [
            {"bytes": path.read_bytes() if index != broken else b"text", "path": None}
            for index, path in enumerate(paths)
        ]
        folder = tmp_path / name
        folder.mkdir()
        half = len(paths) // 2
        for part, some in enumerate((records[:half], records[half:])):
            table = datasets.Dataset.from_dict({"caption": ["a cat"] * len(some), "image": some})
            table.cast_column("image", datasets.Image()).to_parquet(str(folder / f"train-{part}.parquet"))
        return folder

    return make


@pytest.fixture
def parquet(photographs, make_parquet):
    """Make a folder of two Parquet files of six photographs each, of which photograph 4 is broken."""
    return make_parquet(sorted(photographs(12).iterdir()), "parquet", broken=4)
