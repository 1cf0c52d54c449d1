"""The options of a loss."""

import pytest

from stylenet.errors import InputError
from stylenet.losses.options import LossOptions, layer_weights


@pytest.mark.parametrize(
    ("layers", "shares"),
    [
        (["a", "b", "c", "d"], {"a": 0.25, "b": 0.25, "c": 0.25, "d": 0.25}),
        ({"a": 2, "b": 6}, {"a": 0.25, "b": 0.75}),
        ({"a": 0, "b": 6}, {"a": 0, "b": 1}),
        ([], {}),
    ],
)
def test_shares_add_up_to_one(layers, shares):
    assert layer_weights(layers) == shares


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"normalization": "jonson"}, "unknown normalization 'jonson': did you mean 'johnson'"),
        ({"statistic": "grim"}, "unknown statistic 'grim': did you mean 'gram'"),
        ({"style_weight": -1.0}, "style_weight is -1.0: give 0 or more"),
        ({"tv_weight": float("nan")}, "tv_weight is nan"),
        ({"content_weight": 0.0, "style_weight": 0.0, "tv_weight": 0.0}, "every weight is 0"),
        ({"secondary_weight": 0.1}, "secondary_weight needs layers"),
        ({"scales": 0}, "scales is 0: give at least 1"),
    ],
)
def test_what_cannot_be_used_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        LossOptions(**options)


def test_layers_come_from_the_backbone_unless_named():
    options = LossOptions(style_layers=["relu1_1"]).resolved("vgg19")
    assert options.style_layers == ["relu1_1"]
    assert options.content_layers == ["relu4_2"]


def test_only_layers_with_weight_are_read():
    options = LossOptions(style_layers=["a", "b"], content_layers={"b": 1.0, "c": 2.0})
    assert options.layers == ["a", "b", "c"]
    assert LossOptions(style_layers=["a"], content_layers=["b"], content_weight=0.0).layers == ["a"]
    assert LossOptions(style_layers=["a"], content_layers=["b"], style_weight=0.0).layers == ["b"]
