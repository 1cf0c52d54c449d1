"""Defaults of the optimizer, by backbone: how it is read, and the unit of a style strength."""

import pytest

from stylenet.errors import InputError
from stylenet.features.backbones import get_backbone
from stylenet.gatys.defaults import DEFAULTS, UNITS, gatys_options, gatys_shares
from stylenet.losses.weighting import strength_shares


@pytest.mark.parametrize("backbone", ["vgg16", "vgg19"])
def test_vggs_are_read_where_gatys_et_al_read_them(backbone: str):
    options = gatys_options(backbone, {})
    assert options.content_layers == ["relu4_2"]
    assert options.style_layers == [f"relu{block}_1" for block in (1, 2, 3, 4, 5)]


@pytest.mark.parametrize("backbone", DEFAULTS)
def test_the_layers_are_the_backbones(backbone: str):
    assert set(gatys_options(backbone, {}).layers) <= set(get_backbone(backbone).layers)


def test_squeezenet_is_read_without_its_max_pools():
    assert gatys_options("squeezenet1_1", {}).pooling == "avg"
    assert gatys_options("squeezenet1_1", {"pooling": "max"}).pooling == "max"


@pytest.mark.parametrize("backbone", ["resnet50", "vgg_normalised"])
def test_other_backbones_keep_their_own_layers_and_smoothness(backbone: str):
    spec, options = get_backbone(backbone), gatys_options(backbone, {})
    assert options.content_layers == list(spec.content_layers)
    assert options.style_layers == list(spec.style_layers)
    assert options.style_weight < gatys_options("vgg16", {}).style_weight
    assert options.tv_weight < gatys_options("vgg16", {}).tv_weight


def test_what_is_asked_for_wins():
    options = gatys_options("vgg16", {"content_layers": ["relu2_2"], "tv_weight": 0.0})
    assert options.content_layers == ["relu2_2"]
    assert options.tv_weight == 0
    assert options.style_layers == [f"relu{block}_1" for block in (1, 2, 3, 4, 5)]


def test_a_wrong_option_is_refused_as_everywhere():
    with pytest.raises(InputError, match="scales"):
        gatys_options("vgg16", {"scales": 0})


def test_a_strength_is_told_in_units_of_the_backbone():
    assert gatys_shares("resnet50", 5.0) == strength_shares(5.0)
    shares = gatys_shares("vgg16", 5.0)
    assert shares["style"] / shares["content"] == pytest.approx(5 * UNITS["vgg16"])


@pytest.mark.parametrize("backbone", ["vgg16", "resnet50"])
def test_a_wrong_strength_is_named_as_it_was_given(backbone: str):
    with pytest.raises(InputError, match=r"style_strength is -1\.0: give more than 0"):
        gatys_shares(backbone, -1.0)


def test_a_term_of_trainings_is_refused():
    with pytest.raises(InputError, match="temporal_weight is for trainings of networks: leave it out"):
        gatys_options("vgg16", {"temporal_weight": 1.0})
