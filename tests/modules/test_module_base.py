from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Trainer

import stylenet.features
from stylenet.cli.train_resume import Resumed
from stylenet.errors import InputError
from stylenet.features.extractor import FeatureExtractor
from stylenet.modules.adain import AdaINModule
from stylenet.modules.base import _Schedule, warmup
from stylenet.modules.johnson import JohnsonModule
from stylenet.networks.checkpoint import describe, save_network
from stylenet.networks.johnson import JohnsonNet


@pytest.fixture
def module(bare_environment: None) -> JohnsonModule:
    return JohnsonModule("starry_night", style_size=32, backbone="vgg16", weights="random", width=4, lr_decay=0.5)


def test_the_loss_network_is_in_no_state_dict_and_unknown_to_ddp(module: JohnsonModule):
    assert {name.split(".")[0] for name in module.state_dict()} == {"network"}
    assert len(list(module.parameters())) == len(list(module.network.parameters()))
    assert list(module.buffers()) == []


def test_what_is_outside_the_tree_moves_along(module: JohnsonModule):
    module.to(torch.float64)
    assert {parameter.dtype for parameter in module.loss.extractor.parameters()} == {torch.float64}
    assert {buffer.dtype for buffer in module.loss.buffers()} == {torch.float64}
    photographs = torch.rand(2, 3, 32, 32, dtype=torch.float64)
    assert module.loss.total(module.loss(module(photographs), photographs)).dtype == torch.float64


def test_a_step_gives_gradients_to_every_weight_of_the_network_and_to_no_other(module: JohnsonModule):
    photographs = torch.rand(2, 3, 32, 32)
    module.loss.total(module.loss(module(photographs), photographs)).backward()
    assert all(parameter.grad is not None for parameter in module.network.parameters())
    assert all(parameter.grad is None for parameter in module.loss.extractor.parameters())


def test_style_warm_up_grows_a_hundredfold_geometrically():
    assert warmup(0, 100) == pytest.approx(0.01)
    assert warmup(50, 100) == pytest.approx(0.1)
    assert [warmup(100, 100), warmup(101, 100), warmup(0, 0)] == [1, 1, 1]


def test_the_learning_rate_decays_hyperbolically(module: JohnsonModule):
    configured = module.configure_optimizers()
    optimizer, schedule = configured["optimizer"], configured["lr_scheduler"]["scheduler"]
    rates = []
    for _ in range(3):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert rates == pytest.approx([1e-3, 1e-3 / 1.5, 1e-3 / 2])


@pytest.mark.parametrize("optimizer", ["adam", "muon"])
@pytest.mark.parametrize("norm", ["instance", "batch"])
def test_scales_and_shifts_of_norms_have_a_rate_of_their_own(bare_environment: None, optimizer: str, norm: str):
    module = JohnsonModule(
        "starry_night", style_size=32, width=4, optimizer=optimizer, norm=norm, lr=1e-4, norm_lr=0.02
    )
    rest, norms = module.configure_optimizers()["optimizer"].param_groups
    assert [rest["lr"], norms["lr"]] == [1e-4, 0.02]
    named = {id(parameter): name for name, parameter in module.network.named_parameters()}
    assert {named[id(parameter)] for group in (rest, norms) for parameter in group["params"]} == set(named.values())
    scales = {name for name, layer in module.network.named_modules() if type(layer).__name__.endswith("Norm2d")}
    wanted = {f"{name}.{kind}" for name in scales for kind in ("weight", "bias")}
    assert {named[id(parameter)] for parameter in norms["params"]} == wanted
    with pytest.raises(InputError, match="norm_lr is -1"):
        JohnsonModule("starry_night", style_size=32, width=4, norm_lr=-1.0)


@pytest.mark.parametrize(
    ("groups", "refusal"),
    [
        (("convolutions", "norms"), None),
        ((None,), "older version, which had one rate for all: give model.init_from=last.ckpt"),
        (("norms",), "trained norms alone, this run would train convolutions and norms: give the options of that run"),
    ],
)
def test_a_resume_of_a_run_that_trained_other_groups_is_refused(
    module: JohnsonModule, groups: tuple[str | None, ...], refusal: str | None
):
    resumed = Resumed(Path("last.ckpt"), {}, {}, 1, "adam", groups)
    with pytest.raises(InputError, match=refusal) if refusal else nullcontext():
        resumed.check_optimizer(module)


@pytest.mark.parametrize(("given", "weights"), [({}, "bundled"), ({"weights": "random"}, "random")])
def test_the_loss_network_is_the_vgg16_that_ships_unless_told_otherwise(
    bare_environment: None, given: dict, weights: str
):
    module = JohnsonModule("starry_night", style_size=32, width=4, **given)
    assert module.metadata["loss_network"] == {"backbone": "vgg16", "weights": weights}
    assert module.ingredients()["loss network"] == f"vgg16, {weights} weights"
    wanted = FeatureExtractor("vgg16", ("relu1_1",), weights).body.get_parameter("features.0.weight")
    assert torch.equal(module.loss.extractor.body.get_parameter("features.0.weight"), wanted)


def test_weights_that_are_not_at_hand_are_not_replaced(bare_environment: None, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.hub, "download_url_to_file", lambda *_, **__: pytest.fail("a download"))
    with pytest.raises(InputError, match=r"no vgg_normalised\.pth in"):
        JohnsonModule("starry_night", style_size=32, width=4, backbone="vgg_normalised")


def test_the_loss_network_is_named_by_its_file_without_the_folder(tmp_path: Path, bare_environment: None):
    bundled = Path(stylenet.features.__path__[0]) / "vgg16.safetensors"
    (tmp_path / "mine.safetensors").write_bytes(bundled.read_bytes())
    weights = str(tmp_path / "mine.safetensors")
    made = JohnsonModule("starry_night", style_size=32, width=4, weights=weights).metadata["loss_network"]
    assert made == {"backbone": "vgg16", "weights": "mine.safetensors"}


def test_init_from_needs_a_network_of_the_same_shape(tmp_path, bare_environment: None):
    other = JohnsonNet(width=2)
    save_network(other, tmp_path / "other.safetensors", describe(other))
    with pytest.raises(InputError, match="another network"):
        JohnsonModule("starry_night", style_size=32, width=4, init_from=str(tmp_path / "other.safetensors"))


def test_a_resume_with_another_loss_is_warned_about(module: JohnsonModule):
    checkpoint = {"stylenet": module.metadata | {"loss_network": {"backbone": "vgg16"}}}
    with pytest.warns(UserWarning, match="loss_network was {'backbone': 'vgg16'}"):
        module.on_load_checkpoint(checkpoint)


def test_a_term_that_a_training_cannot_have_is_refused():
    with pytest.raises(InputError, match=r"model\.combined_weight is for the Gatys optimizer"):
        JohnsonModule("starry_night", backbone="vgg16", weights="random", combined_weight=1.0)


def test_another_optimizer_is_refused():
    with pytest.raises(InputError, match=r"unknown optimizer 'adm': did you mean 'adam'\?"):
        AdaINModule("vgg16", "bundled", 8, optimizer="adm")


def test_the_rate_decays_and_cools_down_to_nothing_at_the_end():
    factor = _Schedule(rate=0.1, cooldown=4, last=10)
    assert [factor(step) for step in (0, 5, 6, 8, 10, 12)] == pytest.approx([1, 1 / 1.5, 1 / 1.6, 0.5 / 1.8, 0, 0])
    assert _Schedule(0.0)(1_000_000) == 1


def test_the_seconds_of_a_training_add_up_over_its_resumptions(module, monkeypatch):
    clock = iter([100.0, 107.0, 200.0, 203.0])
    monkeypatch.setattr("stylenet.modules.train.time.perf_counter", lambda: next(clock))
    checkpoint: dict = {}
    module.on_fit_start()
    module.on_save_checkpoint(checkpoint)
    assert checkpoint["stylenet"]["seconds"] == 7
    module.on_load_checkpoint(checkpoint)
    module.on_fit_start()
    assert module.described()["seconds"] == 10


@pytest.mark.parametrize("fast", [True, False])
def test_a_training_on_a_cpu_is_accelerated_unless_told_otherwise(bare_environment: None, fast: bool):
    module = JohnsonModule("starry_night", style_size=32, weights="random", width=4, accelerate=fast)
    module.trainer = Trainer(accelerator="cpu", logger=False, enable_checkpointing=False)
    module.setup("fit")
    for part in (module.network, module.loss):
        assert any(type(layer).__module__.startswith("stylenet.acceleration") for layer in part.modules()) == fast


@pytest.mark.parametrize("weight", [0.0, 5.0])
def test_the_temporal_term_is_there_where_it_has_a_weight(bare_environment: None, weight: float):
    module = JohnsonModule("starry_night", style_size=32, weights="random", width=4, temporal_weight=weight)
    photographs = torch.rand(2, 3, 32, 32)
    terms = module.terms({"photographs": photographs})
    assert ("temporal" in terms) == bool(weight)
    if weight:
        expected = module.loss.weights["temporal"] * terms["temporal"]
        assert torch.equal(module.loss.weighted(terms)["temporal"], expected)
        assert weight == module.loss.weights["temporal"]
        assert torch.equal(terms["temporal"], module.terms({"photographs": photographs})["temporal"])  # as if resumed
        (gradient,) = torch.autograd.grad(terms["temporal"], module.network.decoder[2].bias)
        assert gradient.abs().sum() > 0
