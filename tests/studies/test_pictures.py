"""Photographs, paintings and pseudo-labels by name and by content."""

import json

import pytest
import torch
from support import picture

from stylenet.errors import InputError
from stylenet.images import load_image, save_image
from stylenet.resources import file_digest
from stylenet.studies.pictures import find_labels, find_photographs, find_styles, photographs_in

pytestmark = pytest.mark.usefixtures("place")


def test_photographs_by_name():
    for name in ("new/b.png", "new/a/c.png", "new/a/c.jpg"):
        save_image(picture(0), name)
    assert list(photographs_in("new")) == ["a/c.jpg", "a/c.png", "b"]
    assert list(photographs_in("new", 1)) == ["a/c.jpg"]


def test_styles_by_name():
    assert list(find_styles(["two.png", "one.png"])) == ["two", "one"]
    save_image(picture(0), "other/one.png")
    with pytest.raises(InputError, match="two styles have one name"):
        find_styles(["one.png", "other/one.png"])


def test_labels_are_found_by_the_content_of_the_photograph(place):
    save_image(picture(0), "photo.png")
    save_image(picture(0, 20, 24), "labels/photographs/photo.png")
    save_image(picture(5, 20, 24), "labels/labels/one/photo.png")
    line = {
        "photograph": "photographs/photo.png",
        "label": "labels/one/photo.png",
        "style": "styles/one.png",
        "style_name": "one",
        "source": "elsewhere.png",
        "photograph_sha256": file_digest(place / "labels/photographs/photo.png"),
        "label_sha256": file_digest(place / "labels/labels/one/photo.png"),
        "style_sha256": "",
        "source_sha256": file_digest(place / "photo.png"),
        "method": "gatys",
    }
    line |= {"settings": {}, "losses": {}, "seconds": 1.0, "width": 24, "height": 20}
    (place / "labels" / "manifest.jsonl").write_text(json.dumps(line) + "\n")
    labels = find_labels("labels")
    for name in ("photo.png", "labels/photographs/photo.png"):
        assert torch.equal(
            load_image(labels[file_digest(place / name), "one"]), load_image("labels/labels/one/photo.png")
        )
    assert find_labels(None) == {}


def test_a_file_goes_before_a_name(place):
    save_image(picture(0), "coffee.png")
    assert [path.name for path in find_photographs(["coffee.png"])] == ["coffee.png"]
    with pytest.raises(InputError, match="did you mean 'astronaut'"):
        find_photographs(["coffee.png", "astronut"])
