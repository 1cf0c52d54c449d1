"""Defaults of the optimiser: the layers of Gatys et al. 2016 for the VGGs, those of the backbone for all others."""

import pytest

from stylenet.errors import InputError
from stylenet.features.backbones import get_backbone
from stylenet.gatys.defaults import gatys_options


@pytest.mark.parametrize("backbone", ["vgg16", "vgg19"])
def test_vggs_are_read_where_gatys_et_al_read_them(backbone: str):
    options = gatys_options(backbone, {})
    assert options.content_layers == ["relu4_2"]
    assert options.style_layers == [f"relu{block}_1" for block in (1, 2, 3, 4, 5)]
    assert set(options.layers) <= set(get_backbone(backbone).layers)


def test_other_backbones_keep_their_own_layers_and_smoothness():
    spec, options = get_backbone("vgg_small"), gatys_options("vgg_small", {})
    assert options.content_layers == list(spec.content_layers)
    assert options.style_layers == list(spec.style_layers)
    assert options.style_weight < gatys_options("vgg16", {}).style_weight
    assert options.tv_weight < gatys_options("vgg16", {}).tv_weight


def test_what_is_asked_for_wins():
    options = gatys_options("vgg16", {"content_layers": ["relu2_2"], "tv_weight": 0.0})
    assert options.content_layers == ["relu2_2"]
    assert options.tv_weight == 0
    assert options.style_layers == list(gatys_options("vgg16", {}).style_layers or ())


def test_a_wrong_option_is_refused_as_everywhere():
    with pytest.raises(InputError, match="scales"):
        gatys_options("vgg16", {"scales": 0})
