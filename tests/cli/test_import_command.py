"""The command `stylenet import`."""

import pytest
import torch

from stylenet.cli.exits import guarded
from stylenet.cli.import_network import run
from stylenet.networks.adain import AdaIN
from stylenet.networks.checkpoint import load_network

PLACES = (1, 5, 8, 11, 14, 18, 21, 25, 28)  # of the convolutions in the published decoder


@pytest.fixture
def decoder(tmp_path, monkeypatch):
    """A published decoder with its encoder beside it, random."""
    network = AdaIN("vgg_normalised", "random")
    layers = [layer for layer in network.decoder if isinstance(layer, torch.nn.Conv2d)]
    state = {
        f"{place}.{kind}": getattr(layer, kind).detach().clone()
        for place, layer in zip(PLACES, layers, strict=True)
        for kind in ("weight", "bias")
    }
    torch.save(state, tmp_path / "decoder.pth")
    torch.save(network._encoder[0].body.state_dict(), tmp_path / "vgg_normalised.pth")
    monkeypatch.setenv("STYLENET_WEIGHTS", str(tmp_path))
    return tmp_path / "decoder.pth"


def test_a_published_decoder_becomes_a_slim_file_with_the_same_pictures(decoder, tmp_path, capsys):
    target = tmp_path / "adain.safetensors"
    assert run([str(decoder), str(target)]) == 0
    assert capsys.readouterr().err.endswith("AdaIN of naoto0804/pytorch-AdaIN\n")
    (theirs, _), (ours, metadata) = load_network(decoder), load_network(target)
    image = torch.rand(1, 3, 32, 40)
    assert torch.equal(ours(image, ours.palette(image)), theirs(image, theirs.palette(image)))
    assert metadata["arguments"]["weights"] == "imagenet"  # a name, not a path of this machine


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "give --source, --target; see stylenet import --help"),
        (["a.pth"], "give --target"),
        (["a.pth", "b.pth"], "end it with .safetensors"),
        (["a.safetensors", "a.safetensors"], "would overwrite what is read"),
        (["a.pth", "b.safetensors", "c"], "what is 'c' for?"),
        (["--outptu", "a.pth", "b.safetensors"], "unknown option"),
        (["missing.pth", "b.safetensors"], "no such file: missing.pth"),
    ],
)
def test_bad_input_is_one_line(arguments, line, tmp_path, monkeypatch, refused):
    monkeypatch.chdir(tmp_path)
    refused(lambda: guarded(lambda: run(arguments)), line)
