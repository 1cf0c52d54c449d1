import os

import pytest
from PIL import Image

from stylenet.data import styles
from stylenet.errors import InputError


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Put two folders into STYLENET_IMAGES and hide those of the project."""
    for name in ("first/style", "second", "project"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.setattr(styles, "DATA", tmp_path / "project")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STYLENET_IMAGES", os.pathsep.join(map(str, (tmp_path / "first", tmp_path / "second"))))
    return tmp_path


def paint(path, size=(60, 40)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, "navy").save(path)
    return path


@pytest.mark.parametrize(
    "place",
    [
        "first/a.png",
        "first/style/a.jpg",
        "second/a.webp",
        "project/styles/a.jpeg",
        "project/styles/a.png",
        "data/styles/a.jpg",
    ],
)
def test_a_name_is_looked_up_in_every_folder(place, folders):
    path = paint(folders / place)
    assert styles.find_style("a").resolve() == path


def test_the_first_folder_wins(folders):
    first, _ = paint(folders / "first/style/a.jpg"), paint(folders / "second/a.jpg")
    assert styles.find_style("a") == first


def test_a_path_is_taken_as_it_is(folders):
    path = paint(folders / "elsewhere/a.b.png")
    assert styles.find_style(path) == path
    assert styles.find_style("elsewhere/a.b.png").resolve() == path


def test_errors_say_what_to_do(folders):
    with pytest.raises(InputError, match="no style images in .*STYLENET_IMAGES"):
        styles.find_style("starry_night")
    paint(folders / "second/starry_night.jpg")
    paint(folders / "second/the_scream.jpg")
    with pytest.raises(InputError, match="did you mean 'starry_night'.*known are starry_night, the_scream"):
        styles.find_style("stary_nigth")
    with pytest.raises(InputError, match="no style image at .*none.jpg"):
        styles.find_style("elsewhere/none.jpg")
    with pytest.raises(InputError, match="has 3x3 pixels: take one of at least 16"):
        styles.load_style(paint(folders / "tiny.png", (3, 3)), 256)


def test_the_short_side_is_scaled(folders):
    assert styles.load_style(paint(folders / "a.png"), 20).shape == (1, 3, 20, 30)


@pytest.mark.parametrize(("sides", "warned"), [((2, 2, 2, 2), True), ((0, 0, 3, 3), True), ((3, 0, 0, 0), False)])
def test_a_plain_border_is_warned_about(sides, warned, tmp_path, recwarn):
    top, bottom, left, right = sides
    framed = Image.new("RGB", (60 + left + right, 40 + top + bottom), "white")
    framed.paste(Image.effect_noise((60, 40), 90).convert("RGB"), (left, top))
    framed.save(tmp_path / "scan.png")
    styles.load_style(tmp_path / "scan.png", 40)
    assert [f"style image {tmp_path / 'scan.png'} has a plain border" in str(w.message) for w in recwarn] == [
        True
    ] * warned


def test_a_painting_of_one_color_has_no_border(tmp_path, recwarn):
    styles.load_style(paint(tmp_path / "navy.png"), 40)
    assert not recwarn.list
