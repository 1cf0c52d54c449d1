import numpy as np
import pytest
import torch

from stylenet.data.datasets import Alternating, Crops, Folder, Photographs, Wholes, evenly_spaced, hold_out, random_crop
from stylenet.data.sampling import generator
from stylenet.errors import InputError
from stylenet.images import list_images, load_image, resize


def crops(folder, size=16, seed=0):
    return Crops(Photographs(Folder(list_images(folder))), size, seed)


def test_crops_are_images_and_depend_on_seed_and_number_only(photographs):
    folder = photographs(5)
    first, again, other = crops(folder), crops(folder), crops(folder, seed=1)
    samples = [first[number] for number in (7, 0, 12)]
    for sample in samples:
        assert sample.shape == (3, 16, 16)
        assert sample.dtype == torch.float32
        assert 0 <= sample.min() < sample.max() <= 1
    assert torch.equal(samples[0], again[7])
    assert not torch.equal(samples[0], other[7])


def test_a_crop_shows_most_of_the_short_side():
    y, x = torch.meshgrid(torch.linspace(0, 1, 100), torch.linspace(0, 2, 200), indexing="ij")
    image = torch.stack([y, x / 2, y])[None]  # red says where a pixel was vertically, green horizontally
    spans, lefts = [], []
    for number in range(50):
        crop = random_crop(image, 32, generator(0, number))
        spans.append((crop[0].max() - crop[0].min()).item())
        lefts.append(crop[1].min().item())
    assert 0.75 < min(spans) < 0.85
    assert 0.95 < max(spans) <= 1
    assert max(lefts) - min(lefts) > 0.3


def test_half_of_the_crops_are_flipped():
    image = torch.linspace(0, 1, 64).expand(1, 3, 64, 64)
    flipped = [
        bool(crop[0, 0, 0] > crop[0, 0, -1]) for crop in (random_crop(image, 16, generator(0, i)) for i in range(200))
    ]
    assert 70 < sum(flipped) < 130


@pytest.mark.parametrize("shape", [(1, 500), (500, 1), (1, 1), (15, 9)])
def test_odd_shapes_are_cropped(shape):
    assert random_crop(torch.rand(1, 3, *shape), 16, np.random.default_rng(0)).shape == (3, 16, 16)


def test_wholes_are_the_middle(photographs):
    folder = photographs(3)
    image = resize(load_image(folder / "001.jpg"), 20)  # 20x24
    whole = Wholes(Photographs(Folder(list_images(folder))), 20)[1]
    assert torch.allclose(whole, image[0, :, :, 2:22], atol=0.08)


@pytest.mark.filterwarnings("ignore:photograph skipped")
def test_the_next_photograph_comes_in_the_place_of_a_broken_one(photographs):
    folder = photographs(6)
    (folder / "002.jpg").write_bytes(b"")
    (folder / "003.jpg").write_text("no image")
    (folder / "005.jpg").write_bytes((folder / "005.jpg").read_bytes()[:300])
    found = Photographs(Folder(list_images(folder)))
    for index, shown in enumerate((0, 1, 4, 4, 4, 0)):
        assert torch.equal(found.read(index), load_image(folder / f"{shown:03}.jpg"))
    assert found.broken.tolist() == [False, False, True, True, False, True]


def test_a_broken_photograph_is_warned_about_once(photographs, recwarn):
    folder = photographs(3)
    (folder / "001.jpg").write_bytes(b"")
    found = Photographs(Folder(list_images(folder)))
    for _ in range(3):
        found.read(1)
    assert [str(warning.message) for warning in recwarn if "skipped" in str(warning.message)] == [
        f"photograph skipped: {folder}/001.jpg is empty (0 bytes): fetch or copy it again"
    ]


@pytest.mark.filterwarnings("ignore:photograph skipped")
def test_a_source_of_broken_photographs_is_given_up(tmp_path):
    for number in range(120):
        (tmp_path / f"{number:03}.jpg").write_bytes(b"")
    found = Photographs(Folder(list_images(tmp_path)))
    with pytest.raises(InputError, match="100 photographs in a row are broken"):
        found.read(10)
    assert found.broken.sum() == 100
    with pytest.raises(InputError, match="3 photographs in a row"):
        Photographs(Folder(list_images(tmp_path)), [0, 1, 2]).read(0)


def test_alternating():
    both = Alternating([10, 20, 30], list(range(5)))
    assert [both[sample] for sample in range(6)] == [10, 0, 20, 1, 30, 2]
    assert len(both) == 5


def test_held_out_photographs_are_evenly_spaced():
    kept, held = hold_out(82_783, 8)
    assert held == [5173, 15521, 25869, 36217, 46565, 56913, 67261, 77609]
    assert len(kept) == 82_775
    assert not set(kept) & set(held)
    assert hold_out(11, 8)[1] == [2, 8]
    assert hold_out(4, 8) == ([0, 1, 2, 3], [0, 1, 2, 3])
    assert evenly_spaced(3, 0) == []
