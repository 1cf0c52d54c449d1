"""The methods of an evaluation."""

import json

import pytest
import torch
from support import picture

from stylenet.errors import InputError
from stylenet.features.extractor import FeatureExtractor
from stylenet.gatys.defaults import gatys_shares
from stylenet.gatys.optimize import optimize
from stylenet.losses.multiscale import perceptual_loss
from stylenet.losses.options import LossOptions
from stylenet.networks.adain import AdaIN
from stylenet.networks.checkpoint import describe, save_network
from stylenet.networks.johnson import JohnsonNet
from stylenet.studies.methods import PLUS_STRENGTHS, Stopped, find_methods

CPU = torch.device("cpu")

pytestmark = pytest.mark.usefixtures("place")


def network(path, kind=JohnsonNet, made=None, **arguments):
    torch.manual_seed(0)
    net = kind(**arguments)
    save_network(net, path, describe(net, **made or {}))
    return net.eval()


def methods(*given, styles=("one", "two"), steps=2):
    return {method.name: method for method in find_methods(given, styles, steps, CPU)}


def paint(method, style="one", tick=lambda: False):
    return method.painter(style, picture(1))(picture(0), tick)


def test_the_photograph_is_always_first():
    assert list(methods("gatys+", "gatys", "gatys")) == ["photograph", "gatys+", "gatys"]
    assert list(methods("photograph")) == ["photograph"]
    assert torch.equal(paint(methods()["photograph"]), picture(0))


def test_gatys_is_the_optimizer_with_its_defaults():
    method = methods("gatys")["gatys"]
    layers = {"content_layers": ["relu4_2"], "style_layers": [f"relu{block}_1" for block in (1, 2, 3, 4, 5)]}
    options = LossOptions(**layers, style_weight=20.0, tv_weight=0.1)  # as docs/gatys.md has them
    loss = perceptual_loss(FeatureExtractor("vgg16", options.layers, "bundled"), picture(1), options)
    expected = optimize(picture(0), picture(1), loss, steps=2)
    assert torch.equal(paint(method), expected.image)
    assert (method.loss_network, method.kind) == ("vgg16", "gatys")


def test_gatys_plus_is_another_and_never_remembers():
    plain, plus = (methods(name, steps=3)[name] for name in ("gatys", "gatys+"))
    painter = plus.painter("one", picture(1))
    first, second = (painter(picture(0), lambda: False) for _ in range(2))
    assert torch.equal(first, second)
    assert (first - paint(plain)).abs().max() > 1e-3
    assert plus.recipe()["options"]["combined_weight"] > 0
    assert plus.recipe()["shares"] == [gatys_shares("vgg16", strength) for strength in PLUS_STRENGTHS]
    assert not plain.recipe()["shares"]
    json.dumps(plus.recipe())


def test_every_step_is_told_and_can_be_the_last():
    ticks = []
    method = methods("gatys", steps=4)["gatys"]
    paint(method, tick=lambda: bool(ticks.append(1)))
    assert len(ticks) == method.steps == 4
    with pytest.raises(Stopped):
        paint(method, tick=lambda: True)


def test_a_network_of_one_style_paints_that_alone():
    net = network("net.safetensors", made={"style": "two", "steps": 7, "loss_network": {"backbone": "vgg16"}}, width=1)
    method = methods("net.safetensors")["net"]
    assert (method.kind, method.loss_network, method.trained) == ("johnson", "vgg16", {"steps": 7})
    assert [method.paints(style) for style in ("one", "two")] == [False, True]
    with torch.no_grad():
        assert torch.allclose(paint(method, "two"), net(picture(0)).clamp(0, 1), atol=1e-6)
    with pytest.raises(InputError, match=r"net\.safetensors paints two alone: give one of them to --styles"):
        methods("net.safetensors", styles=("one",))


def test_a_network_that_does_not_know_its_style_is_told():
    network("peer.safetensors", width=1)
    with pytest.raises(InputError, match=r"does not say its style: write peer\.safetensors=STYLE"):
        methods("peer.safetensors")
    assert methods("peer.safetensors=one.png")["peer"].paints("one")
    with pytest.raises(InputError, match="unknown style 'on'|no style"):
        methods("peer.safetensors=nowhere/on.png")


def test_a_network_of_many_styles_paints_each_by_its_name():
    net = network("many.safetensors", made={"styles": ["two", "one", "three"]}, width=2, blocks=1, num_styles=3)
    with torch.no_grad():
        for name, value in net.named_parameters():
            if value.dim() == 2:  # the rows of the styles
                value.copy_(torch.rand(value.shape, generator=torch.Generator().manual_seed(len(name))))
        save_network(net, "many.safetensors", describe(net, styles=["two", "one", "three"]))
        expected = net(picture(0), torch.tensor([[0.0, 1.0, 0.0]])).clamp(0, 1)
    method = methods("many.safetensors")["many"]
    assert method.kind == "multi-style"
    assert torch.allclose(paint(method, "one"), expected, atol=1e-6)
    assert not torch.allclose(paint(method, "two"), expected, atol=1e-3)


@pytest.mark.parametrize(
    "exchange", [{}, {"exchange": ["relu4_1", "relu2_1"], "scales": {"relu4_1": 334, "relu2_1": 331}}]
)
def test_adain_paints_any_style(exchange):
    net = network("any.safetensors", AdaIN, backbone="vgg16", weights="bundled", width=8, **exchange)
    method = methods("any.safetensors")["any"]
    assert (method.kind, method.loss_network) == ("adain", "vgg16")
    with torch.no_grad():
        expected = net(picture(0), net.palette(picture(1)))
    assert torch.allclose(paint(method, "whatever"), expected, atol=1e-3)  # an untrained decoder amplifies rounding


def test_files_of_one_name_are_told_apart():
    for folder in ("a", "b"):
        (path := f"{folder}/version_0/stylizer.safetensors")
        network(path, made={"style": "one"}, width=1)
    found = methods(*(f"{folder}/version_0/stylizer.safetensors" for folder in "ab"))
    assert list(found) == ["photograph", "a-version_0-stylizer", "b-version_0-stylizer"]


@pytest.mark.parametrize("given", ["gaty", "missing.safetensors"])
def test_unknown_methods(given):
    with pytest.raises(InputError, match=f"no method '{given}': give photograph, gatys, gatys"):
        methods(given)


def test_recipes_are_plain():
    network("net.safetensors", made={"style": "one"}, width=1)
    for method in methods("net.safetensors", "gatys", "gatys+").values():
        assert json.loads(json.dumps(method.recipe()))["kind"] == method.kind
