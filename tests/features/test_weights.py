"""Where weights are looked for, and how they are fetched."""

import dataclasses
import http.server
import os
import shlex
import socket
import threading
from functools import partial

import pytest
import torch
from torchvision.models import get_model_weights

from stylenet.errors import InputError
from stylenet.features.backbones import BACKBONES
from stylenet.features.extractor import FeatureExtractor
from stylenet.features.weights import find_weights, resolve_weights


@pytest.fixture
def site(tmp_path, monkeypatch):
    """Serve a folder on a local port; return the folder and its address."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    monkeypatch.setenv("no_proxy", "127.0.0.1")
    folder = tmp_path / "site"
    folder.mkdir()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def publish(monkeypatch, address, name=None):
    """Let the imagenet weights of tiny be fetched from `address`; return their name."""
    name = name or BACKBONES["tiny"].weights_file
    spec = dataclasses.replace(BACKBONES["tiny"], weights_file=name, weights_url=f"{address}/{name}")
    monkeypatch.setitem(BACKBONES, "tiny", spec)
    return name


def test_own_folders_come_first_in_their_order_and_torch_hub_last(tmp_path, hub, monkeypatch):
    folders = [tmp_path / "a", tmp_path / "b"]
    monkeypatch.setenv("STYLENET_WEIGHTS", os.pathsep.join(map(str, folders)))
    assert find_weights("x.pth") is None
    for folder in (hub, folders[1], folders[0]):
        folder.mkdir(parents=True)
        (folder / "x.pth").touch()
        assert find_weights("x.pth") == folder / "x.pth"


def test_an_own_folder_may_lie_at_home(tmp_path, hub, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("STYLENET_WEIGHTS", "~/mine")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "x.pth").touch()
    assert find_weights("x.pth") == tmp_path / "mine" / "x.pth"


def test_torch_home_moves_the_cache(tmp_path, hub, monkeypatch):
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    folder = tmp_path / "home" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    (folder / "x.pth").touch()
    assert find_weights("x.pth") == folder / "x.pth"


def test_imagenet_weights_at_hand_are_read_without_a_download(tiny, hub, state, first_bias):
    hub.mkdir(parents=True)
    (hub / BACKBONES["tiny"].weights_file).write_bytes(tiny)
    assert torch.equal(first_bias("imagenet"), state["features.0.bias"])


def test_imagenet_weights_are_downloaded_once(tiny, hub, site, state, monkeypatch, first_bias):
    folder, address = site
    name = publish(monkeypatch, address)
    (folder / name).write_bytes(tiny)
    assert torch.equal(first_bias("imagenet"), state["features.0.bias"])
    assert (hub / name).read_bytes() == tiny
    (folder / name).unlink()
    assert torch.equal(first_bias("imagenet"), state["features.0.bias"])


def test_a_download_of_another_hash_is_thrown_away(tiny, hub, site, monkeypatch, refusal):
    folder, address = site
    name = publish(monkeypatch, address, "tiny-00000000.pth")
    (folder / name).write_bytes(tiny)
    assert "hash" in refusal("imagenet")
    assert list(hub.iterdir()) == []


@pytest.mark.parametrize(("address", "reason"), [("site", "404"), ("http://127.0.0.1:1", "refused")])
def test_a_failed_download_names_the_file_the_places_and_the_command(
    address, reason, tiny, hub, site, tmp_path, monkeypatch, refusal
):
    monkeypatch.setenv("STYLENET_WEIGHTS", str(tmp_path / "own"))
    address = site[1] if address == "site" else address
    name = publish(monkeypatch, address)
    message = refusal("imagenet")
    assert message.startswith(f"no {name} for tiny in {tmp_path / 'own'}, {hub}, ")
    assert reason in message
    command = shlex.split(message.split("`")[1])
    assert command == ["curl", "-L", "--create-dirs", "-o", str(hub / name), f"{address}/{name}"]
    assert list(hub.iterdir()) == []


def answer_with_garbage(server):
    """Take one connection and say something that is no HTTP."""
    connection, _ = server.accept()
    with connection:
        connection.recv(4096)
        connection.sendall(b"garbage\r\n\r\n")


def test_a_server_that_speaks_no_http_is_a_failed_download(tiny, hub, monkeypatch, refusal):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as server:
        publish(monkeypatch, f"http://127.0.0.1:{server.getsockname()[1]}")
        thread = threading.Thread(target=answer_with_garbage, args=(server,))
        thread.start()
        assert "the download failed (garbage)" in refusal("imagenet")
        thread.join()


def test_weights_without_an_address_name_the_file_and_the_places(hub, tmp_path, monkeypatch, refusal):
    monkeypatch.setenv("STYLENET_WEIGHTS", str(tmp_path / "own"))
    message = refusal("imagenet", "vgg_normalised")
    assert message.startswith(f"no vgg_normalised.pth in {tmp_path / 'own'}, {hub}: ")
    assert "STYLENET_WEIGHTS" in message


@pytest.mark.parametrize("name", ["vgg16", "vgg19", "resnet50", "densenet121", "squeezenet1_1", "vit_b_16"])
def test_files_are_those_of_torchvisions_first_weights(name):
    url = get_model_weights(name)["IMAGENET1K_V1"].url  # of plain training
    assert BACKBONES[name].weights_url == url
    assert url.endswith(f"/{BACKBONES[name].weights_file}")


@pytest.mark.parametrize("name", ["imagnet", "no/such/file.pth"])
def test_a_missing_file_is_answered_with_what_may_be_given(name, tiny, hub, refusal):
    ways = "auto, bundled, imagenet, random, robust or a file"
    assert refusal(name) == f"no weights {name!r}: give {ways} (searched {hub})"


@pytest.mark.parametrize("backbone", BACKBONES)
def test_auto_is_bundled_where_weights_come_with_the_package_and_imagenet_elsewhere(backbone):
    assert resolve_weights(backbone, "auto") == ("bundled" if backbone == "vgg16" else "imagenet")


@pytest.mark.parametrize("weights", ["bundled", "imagenet", "random", "robust", "mine.pth"])
def test_weights_that_are_named_are_taken_as_they_are(weights):
    assert [resolve_weights(backbone, weights) for backbone in ("vgg16", "vgg19", "no such")] == [weights] * 3


def test_auto_of_an_unknown_backbone_is_refused():
    with pytest.raises(InputError, match="unknown backbone 'vgg15': did you mean 'vgg1[69]'"):
        resolve_weights("vgg15", "auto")


def test_auto_weights_are_those_that_ship_whatever_else_is_at_hand(hub):
    hub.mkdir(parents=True)
    (hub / "vgg16-397923af.pth").write_text("nobody reads this")
    filters = [
        FeatureExtractor("vgg16", ("relu1_1",), weights).body.get_parameter("features.0.weight")
        for weights in ("auto", "bundled", "random")
    ]
    assert torch.equal(filters[0], filters[1])
    assert not torch.equal(filters[0], filters[2])


def test_auto_weights_of_a_backbone_without_any_in_the_package_are_downloaded(tiny, hub, site, state, monkeypatch):
    folder, address = site
    (folder / publish(monkeypatch, address)).write_bytes(tiny)
    body = FeatureExtractor("tiny", ("relu1_1",)).body
    assert torch.equal(body.get_parameter("features.0.bias"), state["features.0.bias"])


def test_what_does_not_ship_is_not_taken_for_bundled(hub, refusal):
    assert refusal("bundled", "vgg19") == "no bundled weights for vgg19: give imagenet, random or a file"
