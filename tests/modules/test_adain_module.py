"""Training AdaIN: the paper's losses, and the command line from data to a slim file."""

from functools import partial
from types import SimpleNamespace

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
import yaml
from support import DEBUG, ROOT

from stylenet.data.synthetic import DeadLeaves
from stylenet.errors import InputError
from stylenet.features.extractor import FeatureExtractor
from stylenet.images import resize
from stylenet.modules import adain
from stylenet.modules.adain import AdaINModule, feature_scales
from stylenet.networks.checkpoint import load_network, save_network

LAYERS = ("relu4_1", "relu3_1", "relu2_1", "relu1_1")


@pytest.fixture(scope="module")
def batch():
    generator = torch.Generator().manual_seed(0)
    return {name: torch.rand(2, 3, 32, 32, generator=generator) for name in ("photographs", "paintings")}


@pytest.fixture(autouse=True)
def quick_scales(monkeypatch):
    """Measure features on one small image, where eight take seconds."""
    monkeypatch.setattr(adain, "feature_scales", partial(feature_scales, images=1, size=32))


def module(**options):
    torch.manual_seed(0)
    return AdaINModule("vgg16", "bundled", 8, **{"statistic": "moments", "tv_weight": 0.0} | options)


def moments(maps):
    return np.stack([maps.mean((2, 3)), np.sqrt(maps.var((2, 3)) + 1e-5)], 1)


@pytest.mark.parametrize("exchange", [LAYERS[:1], LAYERS])
def test_the_losses_are_the_papers(batch, exchange):
    trained = module(normalization="johnson", exchange=exchange)
    terms = trained.terms(batch)
    network = trained.network
    encoded, painted = network.encode(batch["photographs"]), network.encode(batch["paintings"])
    wanted = {}
    for layer in exchange:
        maps = encoded[layer].double().numpy()
        own, new = moments(maps)[..., None, None], moments(painted[layer].double().numpy())[..., None, None]
        wanted[layer] = (maps - own[:, 0]) / own[:, 1] * new[:, 1] + new[:, 0]
    images = network.decode({layer: torch.from_numpy(maps).float() for layer, maps in wanted.items()})
    found = {name: maps.double().detach().numpy() for name, maps in trained.loss.extractor(images).items()}
    targets = {name: maps.double().numpy() for name, maps in trained.loss.extractor(batch["paintings"]).items()}
    deepest = wanted["relu4_1"] * network.scales["relu4_1"]  # the loss is of features as VGG has them
    expected = {"content/relu4_1": ((found["relu4_1"] - deepest) ** 2).mean()}
    for layer in ("relu1_1", "relu2_1", "relu3_1", "relu4_1"):
        expected[f"style/{layer}"] = ((moments(found[layer]) - moments(targets[layer])) ** 2).mean()
    assert {name: pytest.approx(term.item(), rel=2e-3) for name, term in terms.items()} == expected


def test_colors_are_exchanged_outside_training_alone(batch):
    trained, plain = module(colors=True), module()
    for name, term in plain.train().terms(batch).items():
        assert trained.train().terms(batch)[name].item() == pytest.approx(term.item(), rel=1e-5)
    tinted = batch | {"paintings": batch["paintings"] * torch.tensor([0.9, 0.3, 0.1])[:, None, None]}
    wanted = tinted["paintings"].mean((2, 3))
    assert (trained.eval().stylize(tinted).mean((2, 3)) - wanted).abs().max() < 0.02
    assert (plain.eval().stylize(tinted).mean((2, 3)) - wanted).abs().max() > 0.1


@pytest.mark.parametrize("statistic", ["moments", "gram"])
@pytest.mark.parametrize("padding", ["zeros", "reflect"])
def test_encoder_and_loss_network_pool_and_pad_alike(batch, tmp_path, statistic, padding):
    trained = module(pooling="avg", statistic=statistic, normalization="johnson", padding=padding)
    network, layer = trained.network, "relu4_1"
    scale, encoded = network.scales[layer], network.encode(batch["photographs"])
    assert torch.allclose(scale * encoded[layer], trained.loss.extractor(batch["photographs"])[layer], rtol=1e-5)
    other = {"zeros": "reflect", "reflect": "zeros"}[padding]
    for pooling, edge in (("max", padding), ("avg", other)):
        raw = module(pooling=pooling, padding=edge).network.encoder(batch["photographs"])[layer]
        assert not torch.allclose(scale * encoded[layer], raw, rtol=0.01)
    wanted = network.transfer(encoded, network.palette(batch["paintings"]).transpose(0, 1))
    found = trained.loss.extractor(network.decode(wanted))[layer]
    content = trained.terms(batch)[f"content/{layer}"]
    assert content.item() == pytest.approx((found - scale * wanted[layer]).square().mean().item(), rel=1e-4)
    save_network(network, tmp_path / "slim.safetensors", trained.metadata)
    again = load_network(tmp_path / "slim.safetensors")[0]
    assert torch.equal(again.encode(batch["photographs"])[layer], encoded[layer])


@pytest.mark.parametrize("statistic", ["moments", "gram"])
def test_photographs_paintings_and_results_are_encoded_once_each(batch, monkeypatch, statistic):
    trained, seen = module(statistic=statistic, exchange=LAYERS), []
    forward = FeatureExtractor.forward

    def counted(self, images, read=None):
        seen.append(images)
        return forward(self, images, read)

    monkeypatch.setattr(FeatureExtractor, "forward", counted)
    trained.terms(batch)
    assert len(seen) == 3
    assert [any(images is given for images in seen) for given in batch.values()] == [True, True]


def test_only_the_decoder_learns(batch):
    trained = module()
    trained.loss.total(trained.terms(batch)).backward()
    assert all(parameter.grad is not None for parameter in trained.parameters())
    assert all(not parameter.requires_grad for parameter in trained.network._encoder[0].parameters())


def test_with_several_layers_their_laterals_learn_too(batch):
    trained = module(exchange=LAYERS)
    trained.loss.total(trained.terms(batch)).backward()
    found = {name: parameter.grad for name, parameter in trained.network.named_parameters()}
    assert {name.rpartition(".")[0] for name in found if name.startswith("laterals.")} == {
        f"laterals.{layer}" for layer in LAYERS[1:]
    }
    assert all(gradient is not None and gradient.abs().sum() > 0 for gradient in found.values())


def absolute_difference(trained, images):
    """Ten times the mean absolute difference of images from themselves, encoded and decoded, by NumPy."""
    again = trained.network.decode(trained.network.encode(images))
    return 10 * np.abs(again.double().detach().numpy() - images.double().numpy()).mean()


def step(trained, batch, monkeypatch, at):
    """Return the loss of the training step number `at`."""
    monkeypatch.setattr(AdaINModule, "trainer", SimpleNamespace(log_every_n_steps=10**9))
    monkeypatch.setattr(AdaINModule, "global_step", at)
    return trained.training_step(batch, 0)


def test_reconstruction_is_of_photographs_and_paintings_in_turn(batch):
    trained = module(exchange=LAYERS)
    images = torch.stack([batch["photographs"][0], batch["paintings"][1]])
    assert trained.reconstruction(batch).item() == pytest.approx(absolute_difference(trained, images), rel=1e-5)
    alone = {name: images[:1] for name, images in batch.items()}
    assert trained.reconstruction(alone).item() == pytest.approx(
        absolute_difference(trained, batch["photographs"][:1]), rel=1e-5
    )


def test_the_first_steps_learn_to_give_images_back_without_a_loss_network(batch, monkeypatch):
    trained = module(reconstruction_steps=3, exchange=LAYERS)
    usual = trained.loss.total(trained.terms(batch)).item()
    assert step(trained, batch, monkeypatch, at=3).item() == pytest.approx(usual, rel=1e-5)
    monkeypatch.setattr(trained, "terms", lambda batch: pytest.fail("the loss network was asked"))
    for at in (0, 2):
        loss = step(trained, batch, monkeypatch, at)
        assert loss.item() == pytest.approx(trained.reconstruction(batch).item(), rel=1e-5)
    loss.backward()
    assert all(parameter.grad is not None for parameter in trained.network.parameters())


def test_an_identity_weight_adds_the_reconstruction_after_those_steps(batch, monkeypatch):
    trained = module(identity_weight=3.0, reconstruction_steps=1)
    usual, again = trained.loss.total(trained.terms(batch)).item(), trained.reconstruction(batch).item()
    assert step(trained, batch, monkeypatch, at=0).item() == pytest.approx(again, rel=1e-5)
    assert step(trained, batch, monkeypatch, at=1).item() == pytest.approx(usual + 3 * again, rel=1e-5)
    assert "identity" not in trained.terms(batch)


class Paired(torch.utils.data.Dataset):
    """Four pairs of noise."""

    def __len__(self):
        return 4

    def __getitem__(self, index):
        generator = torch.Generator().manual_seed(index)
        return {name: torch.rand(3, 32, 32, generator=generator) for name in ("photographs", "paintings")}


def test_a_training_logs_the_reconstruction_then_the_terms(tmp_path):
    trained, logged = module(reconstruction_steps=2, exchange=LAYERS), []

    class Logged(pl.Callback):
        def on_train_batch_end(self, trainer, *_):
            logged.append({name for name in trainer.logged_metrics if not name.startswith("lr")})

    trainer = pl.Trainer(
        default_root_dir=tmp_path, accelerator="cpu", max_steps=3, log_every_n_steps=1, logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False, callbacks=[Logged()],
    )  # fmt: skip
    trainer.fit(trained, torch.utils.data.DataLoader(Paired(), 2))
    assert logged[0] == logged[1] == {"train/reconstruction"}
    assert {"train/loss", "raw/content/relu4_1", "raw/style/relu1_1"} <= logged[2]
    trainer.save_checkpoint(tmp_path / "last.ckpt", weights_only=True)
    images = Paired()[0]["photographs"][None]
    again, _ = load_network(tmp_path / "last.ckpt")
    for layer, maps in again.encode(images).items():
        torch.testing.assert_close(maps, trained.network.encode(images)[layer], rtol=1e-4, atol=1e-4)
    palette = again.palette(images.flip(1))
    torch.testing.assert_close(again(images, palette), trained.network.eval()(images, palette), rtol=0, atol=1e-4)


def test_another_training_starts_from_the_weights_of_a_file(batch, tmp_path):
    trained = module(exchange=LAYERS)
    for parameter in trained.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    save_network(trained.network, tmp_path / "slim.safetensors", trained.metadata)
    start = str(tmp_path / "slim.safetensors")
    again = module(exchange=LAYERS[::-1], init_from=start)  # their order does not matter
    for one, other in zip(trained.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)
    assert torch.equal(again.stylize(batch), trained.stylize(batch))
    with pytest.raises(InputError, match="holds another network: give its options"):
        module(exchange=LAYERS[:2], init_from=start)


def test_layers_that_the_file_does_not_exchange_add_nothing_at_first_and_learn(batch, tmp_path):
    trained = module(exchange=LAYERS[:2])
    save_network(trained.network, tmp_path / "slim.safetensors", trained.metadata)
    again = module(exchange=LAYERS, init_from=str(tmp_path / "slim.safetensors"))
    torch.testing.assert_close(again.stylize(batch), trained.stylize(batch), rtol=0, atol=1e-5)
    again.loss.total(again.terms(batch)).backward()
    for layer in LAYERS[2:]:
        assert again.network.laterals[layer].weight.grad.abs().max() > 0


@pytest.fixture(scope="module")
def scales():
    return feature_scales(FeatureExtractor("vgg16", LAYERS, "bundled", padding="reflect"))


def test_scales_are_the_root_mean_squares_over_made_images(scales):
    leaves = torch.stack([DeadLeaves(128, seed=0)[i] for i in range(8)])
    maps = FeatureExtractor("vgg16", LAYERS, "bundled", padding="reflect")(leaves)
    for layer in LAYERS:
        assert scales[layer] == pytest.approx(np.sqrt((maps[layer].double().numpy() ** 2).mean()), rel=6e-3)
        assert float(f"{scales[layer]:.3g}") == scales[layer]


def test_scaled_features_of_photographs_are_near_1(scales, monkeypatch):
    data = pytest.importorskip("skimage.data")
    monkeypatch.setattr(adain, "feature_scales", lambda extractor: {layer: scales[layer] for layer in extractor.layers})
    network = module(exchange=LAYERS).network
    assert network.scales == scales
    for name in ("astronaut", "coffee", "chelsea"):
        pixels = torch.from_numpy(getattr(data, name)().copy()).permute(2, 0, 1)[None] / 255
        for layer, maps in network.encode(resize(pixels, 128)).items():
            assert 0.3 < maps.square().mean().sqrt() < 3, (name, layer)


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


@pytest.mark.parametrize("padding", ["mirror", "zero"])
def test_another_padding_is_refused(padding):
    with pytest.raises(InputError, match=f"unknown padding '{padding}'"):
        module(padding=padding)


def test_the_command_line_trains_it(train, tmp_path):
    debug = DEBUG.replace("debug.yaml", "debug_adain.yaml")
    given = ["model=adain", debug, "trainer.max_steps=2", "model.reconstruction_steps=1"]
    assert train(*given) == 0
    (slim,) = tmp_path.glob("outputs/debug/adain/version_0/stylizer.safetensors")
    network, metadata = load_network(slim)
    assert metadata["class"] == "AdaIN"
    assert metadata["loss_network"] == {"backbone": "vgg16", "weights": "bundled"}
    config = yaml.safe_load((ROOT / "configs" / "adain.yaml").read_text())["model"]["init_args"]
    assert list(network.exchange) == config["exchange"]
    assert network.arguments["colors"] is config["colors"] is True
    assert len(list(tmp_path.glob("outputs/debug/adain/version_0/grids/*.png"))) == 1
    (events,) = tmp_path.glob("outputs/debug/adain/version_0/events*")
    assert b"train/reconstruction" in events.read_bytes()
    assert b"raw/style/relu4_3" in events.read_bytes()


def test_a_photograph_that_moves_is_painted_by_the_same_painting(batch):
    torch.manual_seed(0)
    terms = module(temporal_weight=3.0).terms(batch)
    assert terms["temporal"].requires_grad
    assert 0 < terms["temporal"] < 0.5
    assert "temporal" not in module().terms(batch)
