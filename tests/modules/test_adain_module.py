"""Training AdaIN: the paper's losses, and the command line from data to a slim file."""

import sys

import numpy as np
import pytest
import torch
from support import DEBUG

from stylenet.cli.commands import _train
from stylenet.cli.exits import guarded
from stylenet.errors import InputError
from stylenet.modules.adain import AdaINModule
from stylenet.networks.checkpoint import load_network, save_network


@pytest.fixture(scope="module")
def batch():
    generator = torch.Generator().manual_seed(0)
    return {name: torch.rand(2, 3, 32, 32, generator=generator) for name in ("photographs", "paintings")}


def module(**options):
    torch.manual_seed(0)
    return AdaINModule("vgg16", "bundled", 8, **{"statistic": "moments", "tv_weight": 0.0} | options)


def moments(maps):
    return np.stack([maps.mean((2, 3)), np.sqrt(maps.var((2, 3)) + 1e-5)], 1)


def test_the_losses_are_the_papers(batch):
    trained = module(normalization="johnson")
    terms = trained.terms(batch)
    network = trained.network
    palette = network.palette(batch["paintings"])[0]
    encoded = network.encode(batch["photographs"]).double().numpy()
    own, painted = moments(encoded)[..., None, None], palette.double().numpy()[..., None, None]
    wanted = (encoded - own[:, 0]) / own[:, 1] * painted[:, 1] + painted[:, 0]
    images = network.decode(torch.from_numpy(wanted).float())
    found = {name: maps.double().detach().numpy() for name, maps in trained.loss.extractor(images).items()}
    targets = {name: maps.double().numpy() for name, maps in trained.loss.extractor(batch["paintings"]).items()}
    expected = {"content/relu4_1": ((found["relu4_1"] - wanted) ** 2).mean()}
    for layer in ("relu1_1", "relu2_1", "relu3_1", "relu4_1"):
        expected[f"style/{layer}"] = ((moments(found[layer]) - moments(targets[layer])) ** 2).mean()
    assert {name: pytest.approx(term.item(), rel=2e-3) for name, term in terms.items()} == expected


@pytest.mark.parametrize("statistic", ["moments", "gram"])
def test_encoder_and_loss_network_pool_alike(batch, tmp_path, statistic):
    trained = module(pooling="avg", statistic=statistic, normalization="johnson")
    layer, encoded = trained.network.layer, trained.network.encode(batch["photographs"])
    assert torch.equal(encoded, trained.loss.extractor(batch["photographs"])[layer])
    assert not torch.allclose(encoded, module().network.encode(batch["photographs"]))
    palette = trained.network.palette(batch["paintings"]).transpose(0, 1)
    wanted = trained.network.transfer(encoded, palette)
    found = trained.loss.extractor(trained.network.decode(wanted))[layer]
    content = trained.terms(batch)[f"content/{layer}"]
    assert content.item() == pytest.approx((found - wanted).square().mean().item(), rel=1e-4)
    save_network(trained.network, tmp_path / "slim.safetensors", trained.metadata)
    assert torch.equal(load_network(tmp_path / "slim.safetensors")[0].encode(batch["photographs"]), encoded)


def test_paintings_are_encoded_once(batch, monkeypatch):
    trained = module()
    monkeypatch.setattr(trained.network, "palette", lambda paintings: pytest.fail("encoded once more"))
    assert trained.terms(batch)


def test_only_the_decoder_learns(batch):
    trained = module()
    trained.loss.total(trained.terms(batch)).backward()
    assert all(parameter.grad is not None for parameter in trained.parameters())
    assert all(not parameter.requires_grad for parameter in trained.network._encoder[0].parameters())


def test_identity_is_of_photographs_and_paintings_in_turn(batch):
    trained = module(identity_weight=3.0, normalization="johnson")
    images = torch.stack([batch["photographs"][0], batch["paintings"][1]])
    again = trained.network.decode(trained.network.encode(images))
    assert trained.terms(batch)["identity"].item() == pytest.approx(((again - images) ** 2).mean().item(), rel=1e-5)
    assert trained.loss.weights["identity"] == 3


def test_pseudo_labels_are_a_further_term(batch):
    terms = module(pixel_weight=1.0, normalization="johnson").terms(batch | {"labels": batch["paintings"]})
    plain = module(normalization="johnson").terms(batch)
    assert set(terms) == {*plain, "pixel"}
    assert terms["pixel"] > 0


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"scales": 2}, "leave it out for AdaIN"),
        ({"content_layers": ["relu3_1"]}, "leave out content_layers"),
        ({"content_weight": 0.0}, "give it a weight"),
    ],
)
def test_options_without_a_use_are_refused(options, line):
    with pytest.raises(InputError, match=line):
        module(**options)


def test_the_command_line_trains_it(tmp_path, monkeypatch, bare_environment):
    monkeypatch.chdir(tmp_path)
    debug = DEBUG.replace("debug.yaml", "debug_adain.yaml")
    monkeypatch.setattr(sys, "argv", ["train.py", "model=adain", debug, "trainer.max_steps=2"])
    assert guarded(_train) == 0
    (slim,) = tmp_path.glob("outputs/debug/adain/version_0/stylizer.safetensors")
    network, metadata = load_network(slim)
    assert metadata["class"] == "AdaIN"
    assert metadata["loss_network"]["backbone"] == "vgg16"
    assert len(list(tmp_path.glob("outputs/debug/adain/version_0/grids/*.png"))) == 1
