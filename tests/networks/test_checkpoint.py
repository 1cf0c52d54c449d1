import json
import os
import random

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from stylenet.errors import InputError
from stylenet.networks.checkpoint import KEY, describe, load_network, save_network
from stylenet.networks.johnson import JohnsonNet


class Evil:
    """A pickle that creates a file when it is loaded without care."""

    def __init__(self, marker):
        self.marker = str(marker)

    def __reduce__(self):
        return os.mkdir, (self.marker,)


def trained(**arguments):
    """A network whose every tensor, statistics included, is off its initial value."""
    torch.manual_seed(0)
    network = JohnsonNet(**{"width": 2, "blocks": 1, **arguments})
    network.train()(torch.rand(2, 3, 16, 16))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return network.eval()


def lightning_file(network, path, **extra):
    state = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    torch.save(
        {"state_dict": {**state, "loss.weight": torch.ones(1)}, KEY: describe(network), "epoch": 3, **extra}, path
    )


def same(one, other):
    image = torch.rand(1, 3, 21, 18)
    with torch.inference_mode():
        return torch.equal(one(image), other(image)) and one.arguments == other.arguments


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"width": 3},
        {"blocks": 2},
        {"norm": "batch"},
        {"output": "linear"},
        {"width": 5, "norm": "batch", "blocks": 0},
    ],
)
def test_slim_file_rebuilds_the_network(tmp_path, arguments):
    network = trained(**arguments)
    save_network(network, tmp_path / "new/stylizer.safetensors", describe(network, style="waves", steps=7))
    loaded, metadata = load_network(tmp_path / "new/stylizer.safetensors")
    assert same(loaded, network)
    assert not loaded.training
    assert (metadata["style"], metadata["steps"], metadata["class"]) == ("waves", 7, "JohnsonNet")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["stylizer.safetensors"]


@pytest.mark.parametrize("norm", ["instance", "batch"])
def test_lightning_checkpoint_loads(tmp_path, norm):
    network = trained(norm=norm)
    lightning_file(network, tmp_path / "last.ckpt")
    assert same(load_network(str(tmp_path / "last.ckpt"))[0], network)


def test_unwritable(tmp_path):
    (tmp_path / "file").write_text("")
    network = trained()
    with pytest.raises(InputError, match="cannot write"):
        save_network(network, tmp_path / "file/stylizer.safetensors", describe(network))


def resnet_state():
    return {"conv1.weight": torch.rand(64, 3, 7, 7), "layer1.0.conv1.weight": torch.rand(64, 64, 3, 3)}


@pytest.mark.parametrize(
    "content",
    [
        resnet_state(),
        {"state_dict": {"model.weight": torch.rand(2)}, "epoch": 1, "pytorch-lightning_version": "2.6.0"},
        {"state_dict": {"network.weight": torch.rand(2)}, KEY: {"class": "OtherNet", "arguments": {}}},
        {KEY: {"class": ["JohnsonNet"]}},
        {KEY: None},
        {},
    ],
)
def test_checkpoint_of_another_class(tmp_path, content):
    torch.save(content, tmp_path / "other.ckpt")
    with pytest.raises(InputError, match="other.ckpt holds no network of stylenet: give a stylizer.safetensors"):
        load_network(tmp_path / "other.ckpt")


@pytest.mark.parametrize("entry", [None, "{", "[]", "null", '{"class": "OtherNet"}', '{"class": []}'])
def test_safetensors_of_another_class(tmp_path, entry):
    save_file(resnet_state(), tmp_path / "other.safetensors", metadata=None if entry is None else {KEY: entry})
    with pytest.raises(InputError, match="holds no network of stylenet"):
        load_network(tmp_path / "other.safetensors")


@pytest.mark.parametrize(
    "arguments",
    [
        None,
        [1],
        {"width": 3},
        {"width": -1},
        {"width": "2"},
        {"norm": "other"},
        {"color": 1},
        {"blocks": 2},
        {"blocks": 10_000_000},  # would be built until the process is killed
        {"num_styles": 10_000_000},
    ],
)
def test_arguments_that_do_not_fit(tmp_path, arguments):
    network = trained()
    entry = {
        "class": "JohnsonNet",
        "arguments": {"width": 2, "blocks": 1, **arguments} if isinstance(arguments, dict) else arguments,
    }
    save_file(dict(network.state_dict()), tmp_path / "bad.safetensors", metadata={KEY: json.dumps(entry)})
    with pytest.raises(InputError, match="bad.safetensors does not fit the JohnsonNet it claims to hold"):
        load_network(tmp_path / "bad.safetensors")


@pytest.mark.parametrize("more", [{}, {"styles": None}, {"styles": 2}, {"styles": [["a"], "b"]}, {"styles": ["a"]}])
def test_a_network_of_several_styles_without_their_names(tmp_path, more):
    entry = {"class": "JohnsonNet", "arguments": {"width": 2, "blocks": 1, "num_styles": 2}, **more}
    network = JohnsonNet(**entry["arguments"])
    save_file(dict(network.state_dict()), tmp_path / "bad.safetensors", metadata={KEY: json.dumps(entry)})
    with pytest.raises(InputError, match="bad.safetensors does not fit the JohnsonNet it claims to hold"):
        load_network(tmp_path / "bad.safetensors")


@pytest.mark.parametrize("entry", ["[" * 10_000 + "]" * 10_000, "9" * 5_000])
def test_metadata_that_no_parser_takes(tmp_path, entry):
    save_file(resnet_state(), tmp_path / "other.safetensors", metadata={KEY: entry})
    with pytest.raises(InputError, match="holds no network of stylenet"):
        load_network(tmp_path / "other.safetensors")


@pytest.mark.parametrize("key", [3, ("network", "weight"), None])
def test_a_state_dict_with_odd_keys(tmp_path, key):
    torch.save({KEY: describe(trained()), "state_dict": {key: torch.ones(1)}}, tmp_path / "odd.ckpt")
    with pytest.raises(InputError, match="odd.ckpt does not fit the JohnsonNet"):
        load_network(tmp_path / "odd.ckpt")


def test_weights_that_are_not_finite_are_refused(tmp_path):
    network = trained()
    with torch.no_grad():
        next(network.parameters()).view(-1)[0] = float("nan")
    save_network(network, tmp_path / "nan.safetensors", describe(network))
    with pytest.raises(InputError, match="nan.safetensors holds weights that are not finite"):
        load_network(tmp_path / "nan.safetensors")


def test_pickle_runs_no_code(tmp_path):
    network, marker = trained(), tmp_path / "marker"
    lightning_file(network, tmp_path / "evil.ckpt", hyper_parameters=Evil(marker))
    with pytest.raises(InputError, match="evil.ckpt cannot be read safely"):
        load_network(tmp_path / "evil.ckpt")
    assert not marker.exists()
    torch.load(tmp_path / "evil.ckpt", weights_only=False)
    assert marker.exists(), "the file is harmless, so the test proves nothing"


def test_whole_module_is_refused(tmp_path):
    torch.save(nn.Linear(2, 2), tmp_path / "model.pt")
    with pytest.raises(InputError, match="cannot be read safely"):
        load_network(tmp_path / "model.pt")


@pytest.mark.parametrize("name", ["missing.safetensors", "missing.ckpt", ".", "folder.safetensors"])
def test_missing(tmp_path, name):
    (tmp_path / "folder.safetensors").mkdir()
    with pytest.raises(InputError):
        load_network(tmp_path / name)


@pytest.mark.parametrize("suffix", [".safetensors", ".ckpt"])
def test_broken_bytes(tmp_path, suffix):
    network, path = trained(), tmp_path / f"broken{suffix}"
    (lightning_file(network, path) if suffix == ".ckpt" else save_network(network, path, describe(network)))
    raw = path.read_bytes()
    generator = random.Random(0)
    for broken in [b"", b"words", raw[:100], raw[: len(raw) // 2], *(generator.randbytes(80) for _ in range(50))]:
        path.write_bytes(broken)
        with pytest.raises(InputError, match="broken"):
            load_network(path)


def test_the_home_of_a_user_who_is_not_known_is_one_line():
    with pytest.raises(InputError, match="~nobody-here"):
        load_network("~nobody-here/net.safetensors")
