"""The networks in checkpoints/ are what their cards say."""

import pytest
import torch
from torch import Tensor

from stylenet.data.sources import find_source
from stylenet.data.styles import find_style, load_style
from stylenet.images import resize
from stylenet.networks.adain import AdaIN
from stylenet.networks.checkpoint import NETWORKS, load_network
from stylenet.networks.johnson import JohnsonNet
from stylenet.resources import shipped_networks

MIB = 2**20
FLAGSHIP = [
    "starry_night",
    "great_wave",
    "the_scream",
    "composition_vii",
    "shipwreck",
    "gray_tree",
    "wheat_field",
    "olive_trees",
    "night_cafe",
    "tahiti",
]


@pytest.fixture(scope="module")
def photograph() -> Tensor:
    files = find_source("embedded").held_out
    assert files is not None
    return resize(files.read(0), 256, side="long")


@pytest.mark.parametrize("name", shipped_networks())
def test_a_shipped_file_is_rebuilt_by_its_own_metadata(name: str):
    network, metadata = load_network(name)
    again = NETWORKS[metadata["class"]](**metadata["arguments"])
    again.load_state_dict(network.state_dict())
    assert all(tensor.isfinite().all() for tensor in network.state_dict().values())
    assert metadata["loss_network"]["backbone"] == "vgg16"
    assert metadata["steps"] > 0


def test_the_flagship_has_ten_paintings_in_one_small_file():
    _, metadata = load_network("multistyle")
    assert metadata["styles"] == FLAGSHIP
    assert shipped_networks()["multistyle"].stat().st_size < 8 * MIB


def test_adain_ships_its_decoder_alone():
    network, _ = load_network("adain")
    assert isinstance(network, AdaIN)
    assert all(key.split(".")[0] in ("decoder", "laterals") for key in network.state_dict())
    assert shipped_networks()["adain"].stat().st_size < 12 * MIB


@pytest.mark.parametrize("style", ["starry_night", "great_wave", "tahiti"])
def test_adain_leaves_no_streaks(style: str, photograph: Tensor):
    network, _ = load_network("adain")
    with torch.no_grad():
        image = network(photograph, network.palette(load_style(find_style(style), 192)))
    steps = (image[..., 1:, :] - image[..., :-1, :]).abs().mean((0, 1, 3))  # between rows: alike, odd and even
    assert 0.8 < steps[::2].mean() / steps[1::2].mean() < 1.25


@pytest.mark.parametrize("name", ["starry_night", "great_wave"])
def test_a_white_sky_stays_light(name: str, photograph: Tensor):
    network, _ = load_network(name)
    assert isinstance(network, JohnsonNet)
    white_above = photograph.clone()
    white_above[..., : photograph.shape[-2] // 2, :] = 1.0
    with torch.no_grad():
        image = network(white_above)
    above, below = image[..., :100, :].mean(), image[..., -100:, :].mean()
    assert above > below
