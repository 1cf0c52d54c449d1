"""The fetcher of the real paintings, against a server of our own that answers as Wikimedia Commons does."""

import hashlib
import importlib
import io
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from PIL import Image

from stylenet.cli.exits import guarded
from stylenet.errors import InputError

STYLES = Path(__file__).parent.parent / "data" / "styles"
TITLE = "A Painting.jpg"


@pytest.fixture(scope="module")
def module():
    sys.path.insert(0, str(STYLES))
    try:
        yield importlib.import_module("fetch")
    finally:
        sys.path.remove(str(STYLES))


def jpeg(width, height, seed=0):
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    data = io.BytesIO()
    Image.fromarray(coarse).resize((width, height)).save(data, "JPEG")
    return data.getvalue()


class Commons:
    """A file on a server, whose statements a test may falsify."""

    def __init__(self):
        self.file = jpeg(1600, 1200)
        self.sha1 = None
        self.pixels = (1600, 1200)
        self.status = 200
        self.requests, self.agents = [], []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.requests.append(self.path)
                outer.agents.append(self.headers["User-Agent"])
                status, body = outer.answer(urlsplit(self.path))
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.root = f"http://127.0.0.1:{self.server.server_port}"
        self.api = f"{self.root}/w/api.php"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def answer(self, url):
        if url.path != "/w/api.php":
            return self.status, self.file
        question = {key: value[0] for key, value in parse_qs(url.query).items()}
        assert question["action"] == "query"
        assert question["prop"] == "imageinfo"
        assert {"url", "sha1", "size"} <= set(question["iiprop"].split("|"))
        page = {"title": question["titles"]}
        if question["titles"] == f"File:{TITLE}":
            sha1 = self.sha1 or hashlib.sha1(self.file).hexdigest()
            width, height = self.pixels
            page["imageinfo"] = [
                {"url": f"{self.root}/a/painting.jpg", "sha1": sha1, "size": len(self.file)}
                | {"width": width, "height": height}
            ]
        else:
            page["missing"] = True
        return 200, json.dumps({"query": {"pages": [page]}}).encode()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def commons():
    commons = Commons()
    yield commons
    commons.close()


@pytest.fixture
def painting(module):
    return module.Painting(TITLE, "Someone", "1889")


def test_painting_is_stored_scaled_with_its_sums(module, commons, painting, tmp_path):
    module.fetch("night", painting, tmp_path, commons.api)
    assert sorted(path.name for path in tmp_path.iterdir()) == [module.SUMS, "night.jpg"]
    with Image.open(tmp_path / "night.jpg") as picture:
        assert picture.size == (1280, 960)
        theirs = Image.open(io.BytesIO(commons.file)).resize(picture.size, Image.Resampling.BICUBIC)
        assert np.abs(np.asarray(picture, float) - np.asarray(theirs, float)).mean() < 2
    assert module.read_sums(tmp_path) == {
        "night.original": hashlib.sha256(commons.file).hexdigest(),
        "night.jpg": hashlib.sha256((tmp_path / "night.jpg").read_bytes()).hexdigest(),
    }
    assert all(agent.startswith("stylenet/") for agent in commons.agents)


def test_smaller_painting_keeps_its_size(module, commons, painting, tmp_path):
    commons.file = jpeg(60, 80)
    module.fetch("night", painting, tmp_path, commons.api)
    with Image.open(tmp_path / "night.jpg") as picture:
        assert picture.size == (60, 80)


def test_second_run_asks_for_nothing(module, commons, painting, tmp_path):
    module.fetch("night", painting, tmp_path, commons.api)
    commons.requests.clear()
    assert "already" in module.fetch("night", painting, tmp_path, commons.api)
    assert commons.requests == []


def test_damaged_picture_is_fetched_again(module, commons, painting, tmp_path):
    module.fetch("night", painting, tmp_path, commons.api)
    good = (tmp_path / "night.jpg").read_bytes()
    (tmp_path / "night.jpg").write_bytes(good[:-100])
    module.fetch("night", painting, tmp_path, commons.api)
    assert (tmp_path / "night.jpg").read_bytes() == good


def test_picture_of_someone_else_is_kept(module, commons, painting, tmp_path):
    (tmp_path / "night.jpg").write_bytes(b"mine")
    with pytest.raises(InputError, match="move it away"):
        module.fetch("night", painting, tmp_path, commons.api)
    assert (tmp_path / "night.jpg").read_bytes() == b"mine"


def test_interrupted_before_the_picture_goes_on(module, commons, painting, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(module, "save_image", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            module.fetch("night", painting, tmp_path, commons.api)
    assert not (tmp_path / "night.jpg").exists()
    module.fetch("night", painting, tmp_path, commons.api)
    assert (tmp_path / "night.jpg").exists()


def test_wrong_sha1_is_refused(module, commons, painting, tmp_path):
    commons.sha1 = "0" * 40
    with pytest.raises(InputError, match="SHA-1"):
        module.fetch("night", painting, tmp_path, commons.api)
    assert list(tmp_path.iterdir()) == []


def test_truncated_download_is_refused(module, commons, painting, tmp_path):
    commons.sha1 = hashlib.sha1(commons.file).hexdigest()
    commons.file = commons.file[:-1000]
    with pytest.raises(InputError, match="SHA-1"):
        module.fetch("night", painting, tmp_path, commons.api)
    assert list(tmp_path.iterdir()) == []


def test_wrong_pinned_sum_is_refused(module, commons, painting, tmp_path):
    with pytest.raises(InputError, match="pinned"):
        module.fetch("night", painting._replace(sha256="0" * 64), tmp_path, commons.api)
    assert list(tmp_path.iterdir()) == []


def test_right_pinned_sum_beats_sha1_and_the_earlier_sum(module, commons, painting, tmp_path):
    module.fetch("night", painting, tmp_path, commons.api)
    commons.file, commons.sha1 = jpeg(1500, 1000, seed=1), "0" * 40
    pinned = painting._replace(sha256=hashlib.sha256(commons.file).hexdigest())
    module.fetch("night", pinned, tmp_path, commons.api)
    assert module.read_sums(tmp_path)["night.original"] == pinned.sha256


def test_other_file_than_at_first_is_refused(module, commons, painting, tmp_path):
    module.fetch("night", painting, tmp_path, commons.api)
    (tmp_path / "night.jpg").unlink()
    commons.file = jpeg(1600, 1200, seed=1)
    with pytest.raises(InputError, match="first fetch"):
        module.fetch("night", painting, tmp_path, commons.api)
    assert not (tmp_path / "night.jpg").exists()


def test_too_many_pixels_are_refused_before_the_download(module, commons, painting, tmp_path):
    commons.pixels = (30_000, 20_000)
    with pytest.raises(InputError, match="pixels"):
        module.fetch("night", painting, tmp_path, commons.api)
    assert len(commons.requests) == 1


@pytest.mark.parametrize("what", ["missing file", "status 404", "no image", "nonsense", "server down"])
def test_what_cannot_be_had_is_one_line(module, commons, painting, tmp_path, what, monkeypatch):
    if what == "missing file":
        painting = painting._replace(title="Another.jpg")
    elif what == "status 404":
        commons.status = 404
    elif what == "no image":
        commons.file = b"<html>busy</html>"
    elif what == "nonsense":
        monkeypatch.setattr(commons, "answer", lambda _: (200, b"[]"))
    else:
        commons.close()
    with pytest.raises(InputError) as caught:
        module.fetch("night", painting, tmp_path, commons.api)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "night.jpg").exists()


def test_command_skips_what_fails_and_says_so(module, commons, painting, tmp_path, monkeypatch, capsys):
    lost = painting._replace(title="Another.jpg")
    monkeypatch.setattr(module, "PAINTINGS", {"lost": lost, "night": painting})
    assert module.run(["--output", str(tmp_path)], commons.api) == 1
    done = capsys.readouterr()
    assert (tmp_path / "night.jpg").exists()
    assert done.err.startswith("lost: ")
    assert done.err.count("\n") == 1
    assert str(tmp_path / "night.jpg") in done.out
    assert module.run(["night", "--output", str(tmp_path)], commons.api) == 0


def test_ctrl_c_leaves_nothing_behind(module, commons, painting, tmp_path, monkeypatch, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "PAINTINGS", {"night": painting})
    monkeypatch.setattr(module, "check", interrupted)
    assert guarded(lambda: module.run(["--output", str(tmp_path)], commons.api)) == 130
    assert list(tmp_path.iterdir()) == []


def test_unknown_painting_names_the_nearest(module, capsys):
    assert guarded(lambda: module.run(["great_wav"])) == 2
    assert "great_wave" in capsys.readouterr().err


def test_every_painting_has_a_homage_and_titles_that_commons_would_take(module):
    for name, painting in module.PAINTINGS.items():
        assert (STYLES / f"{name}.jpg").is_file()
        assert not set(painting.title) & set("#<>[]|{}_")
        assert painting.sha256 is None or len(painting.sha256) == 64
