import zipfile

import pytest
import torch

pytest.importorskip("gradio", reason="the page needs gradio: pip install -e '.[web]'")

from stylenet.errors import InputError
from stylenet.images import load_image, save_image
from stylenet.web.films import painted_files
from stylenet.web.jobs import Job
from stylenet.web.limits import Limits
from stylenet.web.sessions import Session


def inverted(image):
    """What stands in for a network."""
    return 1 - image


@pytest.fixture
def session(tmp_path):
    return Session(tmp_path, Limits(film_seconds=1))


@pytest.fixture
def photograph(tmp_path):
    (tmp_path / "sent").mkdir()
    save_image(torch.rand(1, 3, 24, 32), tmp_path / "sent" / "photo.png")
    return tmp_path / "sent" / "photo.png"


def test_one_photograph_comes_back_as_one(session, photograph):
    path, failed = painted_files(session, Job(), inverted, [str(photograph)], None)
    assert failed == []
    assert torch.allclose(load_image(path), 1 - load_image(photograph), atol=1e-6)


def test_photographs_of_one_name_both_come_back_at_the_size_asked_for(session, photograph, tmp_path):
    (tmp_path / "other").mkdir()
    other = photograph.rename(tmp_path / "other" / "photo.png")
    save_image(torch.rand(1, 3, 24, 32), photograph)
    path, _ = painted_files(session, Job(), inverted, [str(photograph), str(other)], 16)
    with zipfile.ZipFile(path) as archive:
        assert sorted(archive.namelist()) == ["photo-2.png", "photo.png"]
        archive.extractall(tmp_path / "out")
    assert load_image(tmp_path / "out" / "photo.png").shape[-2:] == (12, 16)


def test_broken_photograph_is_named_beside_those_that_are_done(session, photograph):
    letter = photograph.with_name("letter.jpg")
    letter.write_text("Dear reader")
    path, failed = painted_files(session, Job(), inverted, [str(photograph), str(letter)], None)
    assert zipfile.ZipFile(path).namelist() == ["photo.png"]
    assert len(failed) == 1
    assert "etter.jpg is not an image" in failed[0]


@pytest.mark.parametrize("name", ["empty.mp4", "empty.jpg"])
def test_empty_file_alone_is_refused(session, photograph, name):
    photograph.with_name(name).touch()
    with pytest.raises(InputError, match=r"(?i)empty\.\w+ is empty"):
        painted_files(session, Job(), inverted, [str(photograph.with_name(name))], None)


def test_long_film_is_refused(session, photograph):
    av = pytest.importorskip("av")
    path = photograph.with_name("long.mp4")
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=2)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        for _ in range(8):
            container.mux(stream.encode(av.VideoFrame(32, 32, "yuv420p")))
        container.mux(stream.encode(None))
    with pytest.raises(InputError, match="(?i)long.mp4 lasts 4 seconds: cut it to 1"):
        painted_files(session, Job(), inverted, [str(path)], None)


def packed(path, **files):
    """Write a zip, and return its path."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/"), content)
    return str(path)


def test_photographs_in_a_zip_are_painted_and_what_a_system_adds_is_left_out(session, photograph, tmp_path):
    picture = photograph.read_bytes()
    files = {"trip__one.png": picture, "other__one.png": picture, "trip__.DS_Store": b"x", "trip__notes.txt": b"x"}
    path, failed = painted_files(session, Job(), inverted, [packed(tmp_path / "a.zip", **files)], None)
    assert failed == []
    assert sorted(zipfile.ZipFile(path).namelist()) == ["one-2.png", "one.png"]


def test_files_of_a_zip_stay_in_the_folder_of_the_visitor(session, photograph, tmp_path):
    outside = {"..__..__..__evil.png": photograph.read_bytes(), "__evil2.png": photograph.read_bytes()}
    path, _ = painted_files(session, Job(), inverted, [packed(tmp_path / "a.zip", **outside)], None)
    assert path.name == "evil2.png"  # the other's folders are refused
    assert not list(tmp_path.parent.glob("evil*"))
    assert all(file.is_relative_to(session.folder) for file in tmp_path.rglob("evil*"))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: path.write_bytes(b"PK, but no zip"), "cannot be unpacked"),
        (lambda path: path.touch(), "cannot be unpacked"),
        (lambda path: packed(path, **{"sub__.hidden": b""}), "no files in it"),
        (lambda path: packed(path, **{"bomb.png": bytes(2_000_000)}), "or 1 MB: send it in parts"),
        (lambda path: packed(path, **{f"{i}.png": b"" for i in range(1001)}), "more than 1000 files"),
    ],
    ids=["no zip", "empty", "hidden files alone", "a bomb", "too many"],
)
def test_bad_zip_is_named_beside_what_is_done(tmp_path, photograph, make, words):
    session = Session(tmp_path, Limits(megabytes=1))
    make(tmp_path / "a.zip")
    path, failed = painted_files(session, Job(), inverted, [str(tmp_path / "a.zip"), str(photograph)], None)
    assert path.suffix == ".png"
    assert len(failed) == 1
    assert failed[0].startswith("A.zip")
    assert words in failed[0]
    with pytest.raises(InputError, match=words):
        painted_files(session, Job(), inverted, [str(tmp_path / "a.zip")], None)


def test_nothing_dropped_is_asked_for(session):
    with pytest.raises(InputError, match="drop films or photographs first"):
        painted_files(session, Job(), inverted, [], None)
