import shutil

import pytest

from stylenet.data import sources
from stylenet.data.sources import find_source
from stylenet.errors import InputError


@pytest.fixture(autouse=True)
def no_project_data(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "DATA", tmp_path / "project")


def test_auto_prefers_coco_then_folders_then_embedded_then_synthetic(photographs, tmp_path, monkeypatch):
    coco, folder = photographs(6, "train2014"), photographs(5, "content")
    monkeypatch.setenv("STYLENET_COCO", str(tmp_path))
    monkeypatch.setenv("STYLENET_IMAGES", str(tmp_path))
    source = find_source()
    assert (source.name, source.place, len(source.files), source.is_coco) == ("coco", str(coco), 6, True)
    shutil.rmtree(coco)
    source = find_source()
    assert (source.name, source.place, len(source.files), source.is_coco) == ("folder", str(folder), 5, False)
    monkeypatch.delenv("STYLENET_IMAGES")
    monkeypatch.setattr(sources, "find_spec", lambda name: None)
    assert find_source().name == "synthetic"


def test_auto_takes_a_root(photographs):
    assert find_source("auto", str(photographs(3))).name == "folder"


def test_coco_is_looked_for_in_three_places(photographs, tmp_path, monkeypatch):
    root = tmp_path / "project/coco"
    root.mkdir(parents=True)
    shutil.move(photographs(2, "train2014"), root)
    assert len(find_source("coco").files) == 2
    assert len(find_source("coco", str(root)).files) == 2
    assert len(find_source("coco", str(root / "train2014")).files) == 2
    with pytest.raises(InputError, match="COCO 2014 is not at .*elsewhere/train2014: .*train2014.zip.*huggingface"):
        find_source("coco", str(tmp_path / "elsewhere"))


def test_embedded_photographs_are_in_the_wheel():
    pytest.importorskip("skimage")
    source = find_source("embedded")
    assert [source.files.read(index).shape[1] for index in range(4)] == [3] * 4
    assert len(source.held_out) == 2


def test_errors_say_what_to_do(monkeypatch, tmp_path):
    with pytest.raises(InputError, match="did you mean 'folder'"):
        find_source("foldr")
    with pytest.raises(InputError, match="needs data.root"):
        find_source("folder")
    for name in ("embedded", "synthetic"):  # a folder that is given is never passed over
        with pytest.raises(InputError, match=f"data.source={name} takes no data.root: add data.source=folder"):
            find_source(name, str(tmp_path))
    with pytest.raises(InputError, match="no such folder"):
        find_source("folder", str(tmp_path / "none"))
    monkeypatch.setattr(sources, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="pip install scikit-image"):
        find_source("embedded")
