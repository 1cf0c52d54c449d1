"""Where weights are looked for, how they are fetched, and which layouts are read."""

import dataclasses
import hashlib
import http.server
import io
import os
import shlex
import socket
import threading
from functools import partial

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from stylenet.errors import InputError
from stylenet.features.backbones import BACKBONES, Backbone
from stylenet.features.extractor import FeatureExtractor
from stylenet.features.weights import best_at_hand, find_weights, read_tensors


class Tiny(nn.Module):
    """A classifier in torchvision's fashion."""

    def __init__(self):
        super().__init__()
        convs = nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(4, 5, 3, padding=1), nn.ReLU()
        self.features = nn.Sequential(*convs)
        self.classifier = nn.Linear(5, 2)

    def forward(self, x):
        return self.classifier(self.features(x).mean((2, 3)))


@pytest.fixture
def state():
    torch.manual_seed(0)
    return Tiny().state_dict()


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """Return the folder of checkpoints of an empty torch hub cache whose path holds a space."""
    monkeypatch.delenv("STYLENET_WEIGHTS", raising=False)
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path / "torch hub"))
    return tmp_path / "torch hub" / "checkpoints"


@pytest.fixture
def tiny(hub, state, monkeypatch):
    """Put a backbone called tiny into the zoo, and return the bytes of its weights file."""
    raw = io.BytesIO()
    torch.save(state, raw)
    name = f"tiny-{hashlib.sha256(raw.getvalue()).hexdigest()[:8]}.pth"
    layers = {"relu1_1": "features.1", "relu1_2": "features.3"}
    spec = Backbone(Tiny, layers, ("relu1_1",), ("relu1_2",), name, f"http://127.0.0.1:1/{name}")
    monkeypatch.setitem(BACKBONES, "tiny", spec)
    return raw.getvalue()


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


def first_bias(weights):
    """Return the bias of the first convolution that an extractor of tiny has read."""
    return FeatureExtractor("tiny", ("relu1_2",), weights).body.features.get_submodule("0").bias


def refusal(weights, backbone="tiny"):
    """Return the one line with which `weights` are refused."""
    with pytest.raises(InputError) as caught:
        FeatureExtractor(backbone, tuple(BACKBONES[backbone].layers), weights)
    message = str(caught.value)
    assert "\n" not in message
    return message


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


def test_imagenet_weights_at_hand_are_read_without_a_download(tiny, hub, state):
    hub.mkdir(parents=True)
    (hub / BACKBONES["tiny"].weights_file).write_bytes(tiny)
    assert torch.equal(first_bias("imagenet"), state["features.0.bias"])


def test_imagenet_weights_are_downloaded_once(tiny, hub, site, state, monkeypatch):
    folder, address = site
    name = publish(monkeypatch, address)
    (folder / name).write_bytes(tiny)
    assert torch.equal(first_bias("imagenet"), state["features.0.bias"])
    assert (hub / name).read_bytes() == tiny
    (folder / name).unlink()
    assert torch.equal(first_bias("imagenet"), state["features.0.bias"])


def test_a_download_of_another_hash_is_thrown_away(tiny, hub, site, monkeypatch):
    folder, address = site
    name = publish(monkeypatch, address, "tiny-00000000.pth")
    (folder / name).write_bytes(tiny)
    assert "hash" in refusal("imagenet")
    assert list(hub.iterdir()) == []


@pytest.mark.parametrize(("address", "reason"), [("site", "404"), ("http://127.0.0.1:1", "refused")])
def test_a_failed_download_names_the_file_the_places_and_the_command(
    address, reason, tiny, hub, site, tmp_path, monkeypatch
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


def test_a_server_that_speaks_no_http_is_a_failed_download(tiny, hub, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as server:
        publish(monkeypatch, f"http://127.0.0.1:{server.getsockname()[1]}")
        thread = threading.Thread(target=answer_with_garbage, args=(server,))
        thread.start()
        assert "the download failed (garbage)" in refusal("imagenet")
        thread.join()


def test_weights_without_an_address_name_the_file_and_the_places(hub, tmp_path, monkeypatch):
    monkeypatch.setenv("STYLENET_WEIGHTS", str(tmp_path / "own"))
    message = refusal("imagenet", "vgg19_16x")
    assert message.startswith(f"no vgg19_16x.safetensors in {tmp_path / 'own'}, {hub}: ")
    assert "STYLENET_WEIGHTS" in message


def test_torchvision_files_are_named_with_their_hash():
    assert BACKBONES["vgg16"].weights_url == "https://download.pytorch.org/models/vgg16-397923af.pth"
    assert BACKBONES["vgg19"].weights_file == "vgg19-dcbb9e9d.pth"


LAYOUTS = {
    "torchvision": lambda state: state,
    "lightning": lambda state: {"epoch": 1, "state_dict": {f"model.{key}": value for key, value in state.items()}},
    "robustness": lambda state: {
        "model": {f"module.model.{key}": value for key, value in state.items()}
        | {f"module.attacker.model.{key}": value + 1 for key, value in state.items()}
        | {"module.normalizer.new_mean": torch.zeros(3, 1, 1), "module.normalizer.new_std": torch.ones(3, 1, 1)},
        "optimizer": {"lr": 0.1},
        "epoch": 90,
    },
    "half": lambda state: {key: value.half() for key, value in state.items()},
}


@pytest.mark.parametrize("modern", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_of_state_dicts(layout, modern, tiny, state, tmp_path):
    path = tmp_path / "weights.pth"
    torch.save(LAYOUTS[layout](state), path, _use_new_zipfile_serialization=modern)
    expected = state["features.0.bias"].half().float() if layout == "half" else state["features.0.bias"]
    bias = first_bias(str(path))
    assert bias.dtype == torch.float32
    assert torch.equal(bias, expected)


def test_safetensors_by_path_and_by_name(tiny, state, tmp_path, monkeypatch):
    save_file(state, tmp_path / "mine.safetensors")
    assert torch.equal(first_bias(str(tmp_path / "mine.safetensors")), state["features.0.bias"])
    monkeypatch.setenv("STYLENET_WEIGHTS", str(tmp_path))
    assert torch.equal(first_bias("mine.safetensors"), state["features.0.bias"])


def test_features_use_the_weights_that_were_read(tiny, state, tmp_path):
    torch.save(state, tmp_path / "weights.pth")
    reference = Tiny()
    reference.load_state_dict(state)
    image = torch.rand(1, 3, 16, 16)
    mean, std = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]]).view(2, 3, 1, 1)
    features = FeatureExtractor("tiny", ("relu1_2",), str(tmp_path / "weights.pth"))(image)["relu1_2"]
    torch.testing.assert_close(features, reference.features((image - mean) / std))


def test_wrong_shapes_are_refused_by_the_tensor_that_is_wrong(tiny, state, tmp_path):
    torch.save(state | {"features.2.weight": torch.zeros(6, 4, 3, 3)}, tmp_path / "wide.pth")
    message = refusal(str(tmp_path / "wide.pth"))
    assert message.startswith(str(tmp_path / "wide.pth"))
    assert message.endswith("no features.2.weight of shape (5, 4, 3, 3)")


@pytest.mark.parametrize("missing", ["features.0.weight", "features.2.bias"])
def test_missing_tensors_are_refused(missing, tiny, state, tmp_path):
    del state[missing]
    torch.save(state, tmp_path / "part.pth")
    assert f"no {missing} of shape" in refusal(str(tmp_path / "part.pth"))


class Evil:
    """Makes a folder when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("modern", [True, False], ids=["zip", "legacy"])
def test_a_malicious_pickle_is_refused_and_not_executed(modern, tiny, state, tmp_path):
    state["evil"] = Evil(str(tmp_path / "done"))
    torch.save(state, tmp_path / "e.pth", _use_new_zipfile_serialization=modern)
    assert "cannot be read safely" in refusal(str(tmp_path / "e.pth"))
    assert not (tmp_path / "done").exists()


@pytest.mark.parametrize("layout", ["zip", "legacy", "safetensors"])
def test_truncated_files_are_refused(layout, tiny, state, tmp_path):
    path = tmp_path / ("whole.safetensors" if layout == "safetensors" else "whole.pth")
    if layout == "safetensors":
        save_file(state, path)
    else:
        torch.save(state, path, _use_new_zipfile_serialization=layout == "zip")
    whole = path.read_bytes()
    for length in range(0, len(whole) - 1, max(1, len(whole) // 50)):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match="cannot be read safely"):
            read_tensors(path)


def test_a_file_of_something_else_is_refused(tiny, tmp_path):
    torch.save(torch.zeros(3), tmp_path / "tensor.pth")
    assert refusal(str(tmp_path / "tensor.pth")).endswith("holds no state dict")
    (tmp_path / "page.pth").write_text("<html>404</html>")
    assert "cannot be read safely" in refusal(str(tmp_path / "page.pth"))


@pytest.mark.parametrize("name", ["imagnet", "no/such/file.pth"])
def test_a_missing_file_is_answered_with_what_may_be_given(name, tiny, hub):
    assert refusal(name) == f"no weights {name!r}: give imagenet, random or a file (searched {hub})"


def test_the_best_at_hand_is_vgg16_then_the_small_vgg19_then_random(hub):
    hub.mkdir(parents=True)
    assert best_at_hand() == ("vgg19_16x", "random")
    (hub / "vgg19_16x.safetensors").touch()
    assert best_at_hand() == ("vgg19_16x", "imagenet")
    (hub / "vgg16-397923af.pth").touch()
    assert best_at_hand() == ("vgg16", "imagenet")
