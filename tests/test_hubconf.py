"""`torch.hub` gives the networks that ship."""

import pytest
import torch
from support import ROOT

from stylenet.resources import shipped_networks


@pytest.mark.parametrize("name", shipped_networks())
def test_every_shipped_network_is_an_entry_point(name: str):
    network = torch.hub.load(str(ROOT), name, source="local", trust_repo=True)
    assert not network.training
    assert len(list(network.parameters())) > 10


def test_a_network_of_one_style_keeps_the_size_of_a_photograph():
    network = torch.hub.load(str(ROOT), "starry_night", source="local", trust_repo=True)
    with torch.no_grad():
        image = network(torch.rand(1, 3, 33, 46))
    assert image.shape == (1, 3, 33, 46)
    assert 0 <= image.min() <= image.max() <= 1
