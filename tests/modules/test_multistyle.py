"""One network learns many styles: which sample gets which, what is trained, what is kept."""

import copy
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import lightning.pytorch as pl
import pytest
import torch
from support import DEBUG, ROOT

from stylenet.data.datamodule import StylizationData
from stylenet.errors import InputError
from stylenet.losses.style import gram_loss
from stylenet.modules.johnson import JohnsonModule
from stylenet.modules.multistyle import MultiStyleModule, style_of
from stylenet.networks.checkpoint import KEY, load_network, save_network
from stylenet.networks.layers import ConditionalNorm

STYLES = ["starry_night", "great_wave", "the_scream"]
SMALL = {"style_size": 32, "backbone": "vgg16", "weights": "random", "width": 2, "style_warmup": 0}


def made(style: list[str] = STYLES, **options) -> MultiStyleModule:
    torch.manual_seed(0)
    return MultiStyleModule(style, **(SMALL | options))


def photographs(count: int = 4) -> torch.Tensor:
    return torch.rand(count, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def fit(
    module: MultiStyleModule, folder: Path, steps: int, checkpoint: Path | None = None, devices: int = 1, **data
) -> Path:
    """Train for so many steps in all and return the checkpoint."""
    trainer = pl.Trainer(
        accelerator="cpu",
        devices=devices,
        strategy="ddp" if devices > 1 else "auto",
        max_steps=steps,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        default_root_dir=folder,
    )
    options = {"source": "synthetic", "size": 32, "batch_size": 2, "num_workers": 0, "val_count": 0} | data
    trainer.fit(module, StylizationData(**options), ckpt_path=checkpoint, weights_only=True)
    trainer.save_checkpoint(folder / f"{steps}.ckpt")
    return folder / f"{steps}.ckpt"


def saved(module: JohnsonModule, path: Path) -> str:
    save_network(module.network, path, module.metadata)
    return str(path)


def test_of_as_many_samples_in_a_row_as_styles_each_style_gets_one():
    dealt = [style_of(sample, seed=3, count=5) for sample in range(500)]
    assert all(sorted(dealt[i : i + 5]) == list(range(5)) for i in range(0, 500, 5))
    pairs = Counter((sample % 5, style) for sample, style in enumerate(dealt))
    assert len(pairs) == 25, "a place in a row is tied to a style"
    assert dealt != [style_of(sample, seed=4, count=5) for sample in range(500)]


def test_each_photograph_is_compared_with_the_painting_of_its_style(bare_environment: None):
    module = made()
    given = module._with_rows({"photographs": photographs()}, [2, 0, 1, 2])
    assert given["row"].tolist() == [2, 0, 1, 2]
    terms = module.terms(given)
    stylized = module.network(photographs(), torch.eye(3)[[2, 0, 1, 2]])
    maps = module.loss.extractor(stylized)
    for name, term in terms.items():
        group, _, layer = name.partition("/")
        if group != "style":
            continue
        targets = [module.judges[row].get_buffer(f"gram_{layer}") for row in (2, 0, 1, 2)]
        each = [gram_loss(maps[layer][i : i + 1], target) for i, target in enumerate(targets)]
        assert term.item() == pytest.approx(torch.cat(each).mean().item(), rel=1e-5)


def test_paintings_and_judges_are_in_no_state_dict_and_move_along(bare_environment: None):
    module = made()
    assert {name.split(".")[0] for name in module.state_dict()} == {"network"}
    assert list(module.buffers()) == []
    module.to(torch.float64)
    assert module.trial(photographs().double()).dtype == torch.float64
    assert copy.deepcopy(module).trial(photographs().double()).isfinite()


def test_checkpoints_name_the_styles_in_the_order_of_their_rows(tmp_path: Path, bare_environment: None):
    module = made()
    network, metadata = load_network(saved(module, tmp_path / "many.safetensors"))
    assert metadata["styles"] == STYLES
    mixture = torch.eye(3)[:1]
    with torch.no_grad():
        assert torch.equal(network(photographs(1), mixture), module.eval()(photographs(1), mixture))


def test_a_resumed_training_equals_the_uninterrupted_one(tmp_path: Path, bare_environment: None):
    straight, cut = made(), made()
    fit(straight, tmp_path, 3)
    half = fit(cut, tmp_path, 1)
    again = made(lr=1e-3)
    fit(again, tmp_path, 3, half)
    for name, tensor in straight.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name])
        assert not torch.equal(tensor, cut.state_dict()[name])


def test_processes_deal_the_samples_out_as_one_does(bare_environment: None, monkeypatch: pytest.MonkeyPatch):
    """Batch b of process r of W with batch size B has the samples from (b W + r) B on."""

    class Progress:
        def __init__(self, batches: int, rank: int, world: int) -> None:
            self.fit_loop = self.epoch_loop = self.batch_progress = self.total = self
            self.processed, self.global_rank, self.world_size = batches, rank, world
            self.datamodule = type("Data", (), {"seed": 7})

    module, seen = made(), []
    monkeypatch.setattr(JohnsonModule, "training_step", lambda self, batch, _: seen.extend(batch["row"].tolist()))
    for batch in range(3):
        for rank in range(2):
            monkeypatch.setattr(MultiStyleModule, "trainer", Progress(batch, rank, 2))
            module.training_step(photographs(2), 0)
    together, seen[:] = list(seen), []
    for batch in range(3):
        monkeypatch.setattr(MultiStyleModule, "trainer", Progress(batch, 0, 1))
        module.training_step({"photographs": photographs(4)}, 0)
    assert together == seen == [style_of(sample, 7, 3) for sample in range(12)]


def test_pseudo_labels_bring_their_style(bare_environment: None, monkeypatch: pytest.MonkeyPatch):
    module = made()
    labeled = {"photographs": photographs(3), "style": torch.tensor([1, 0, 1])}
    data = type("Data", (), {"label_styles": ["great_wave", "the_scream"]})
    monkeypatch.setattr(MultiStyleModule, "trainer", type("Trainer", (), {"datamodule": data}))
    assert module._with_rows(labeled, range(3))["row"].tolist() == [2, 1, 2]
    data.label_styles = ["great_wave", "shipwreck"]
    with pytest.raises(InputError, match="pseudo-labels in shipwreck"):
        module._with_rows(labeled, range(3))


def test_a_new_style_trains_its_own_rows_alone(tmp_path: Path, bare_environment: None):
    old = made()
    torch.nn.init.normal_(old.network.encoder[0][1].weight)
    path = saved(old, tmp_path / "old.safetensors")
    new = made(["the_scream", "shipwreck", "starry_night"], init_from=path)
    before, trained = old.network.state_dict(), new.network.state_dict()
    assert torch.equal(trained["encoder.0.1.weight"][[0, 2]], before["encoder.0.1.weight"][[2, 0]])
    assert torch.allclose(trained["encoder.0.1.weight"][1], before["encoder.0.1.weight"].mean(0))
    start = copy.deepcopy(trained)
    fit(new, tmp_path, 3)
    for name, tensor in new.network.state_dict().items():
        if tensor.dim() == 2:
            assert torch.equal(tensor[[0, 2]], start[name][[0, 2]])
            assert not torch.equal(tensor[1], start[name][1])
        else:
            assert torch.equal(tensor, start[name])
    optimizer = new.configure_optimizers()["optimizer"]
    assert [group["name"] for group in optimizer.param_groups] == ["norms"]
    assert all(parameter.requires_grad for group in optimizer.param_groups for parameter in group["params"])
    assert "the rows of shipwreck alone" in new.ingredients()["trained"]


@pytest.mark.parametrize("only", ["great_wave", "starry_night,great_wave", ["starry_night", "great_wave"]])
def test_only_the_rows_of_named_styles_are_trained(tmp_path: Path, bare_environment: None, only: str | list[str]):
    module = made(init_from=saved(made(), tmp_path / "old.safetensors"), only=only)
    start = copy.deepcopy(module.network.state_dict())
    fit(module, tmp_path, 3)
    rows = [STYLES.index(name) for name in STYLES if name in only]
    assert sorted(module.trained) == rows
    for name, tensor in module.network.state_dict().items():
        changed = [not torch.equal(new, old) for new, old in zip(tensor, start[name], strict=True)]
        assert changed == [tensor.dim() == 2 and row in rows for row in range(len(tensor))]


def test_only_names_styles_of_ours_and_what_the_others_are_taken_from(tmp_path: Path, bare_environment: None):
    with pytest.raises(InputError, match="give model.init_from"):
        made(only=["great_wave"])
    path = saved(made(), tmp_path / "old.safetensors")
    with pytest.raises(InputError, match=r"style in model.only 'grate_wave'.*great_wave"):
        made(init_from=path, only=["grate_wave"])


def test_all_is_trained_if_asked_for_or_if_nothing_is_new(tmp_path: Path, bare_environment: None):
    path = saved(made(), tmp_path / "old.safetensors")
    for module in (made([*STYLES, "shipwreck"], init_from=path, only="all"), made(init_from=path)):
        assert all(parameter.requires_grad for parameter in module.network.parameters())
        assert module.trained == list(range(len(module.styles)))


def test_a_network_of_one_style_gives_its_rows_to_every_style(tmp_path: Path, bare_environment: None):
    torch.manual_seed(1)
    one = JohnsonModule("starry_night", **SMALL)
    torch.nn.init.normal_(one.network.encoder[0][1].weight)
    module = made(init_from=saved(one, tmp_path / "one.safetensors"))
    assert all(parameter.requires_grad for parameter in module.network.parameters())
    with torch.no_grad():
        for row in range(3):
            ours = module.network(photographs(), torch.eye(3)[[row]])
            assert torch.allclose(ours, one.network(photographs()), atol=1e-4)


@pytest.mark.parametrize(
    ("style", "shares"), [("great_wave", [0.0, 1.0, 0.0]), ("shipwreck", [1 / 3, 1 / 3, 1 / 3])], ids=["known", "new"]
)
def test_a_single_network_starts_as_its_part_of_one_of_many_styles_or_as_their_mean(
    tmp_path: Path, bare_environment: None, style: str, shares: list[float]
):
    many = made()
    with torch.no_grad():
        for norm in many.network.modules():
            if isinstance(norm, ConditionalNorm):
                norm.weight.normal_(), norm.bias.normal_()
    one = JohnsonModule(style, **SMALL, init_from=saved(many, tmp_path / "many.safetensors"))
    images = photographs(2)
    torch.testing.assert_close(one.network(images), many.network(images, torch.tensor([shares])))
    assert one.metadata["style"] == style


def test_init_from_needs_the_same_width(tmp_path: Path, bare_environment: None):
    path = saved(made(width=4), tmp_path / "wide.safetensors")
    with pytest.raises(InputError, match="another network: give its options, .*'width': 4"):
        made(init_from=path)


@pytest.mark.parametrize(
    ("style", "options", "words"),
    [
        (["starry_night"], {}, "takes two styles or more"),
        ("starry_night", {}, "takes two styles or more"),
        (["starry_night", "great_wav"], {}, "did you mean 'great_wave'"),
        (["starry_night", "great_wave", "starry_night"], {}, "two styles are named starry_night"),
        (STYLES, {"statistic": "patches"}, "take gram or moments"),
        (STYLES, {"norm": "batch"}, "norm=instance"),
    ],
)
def test_bad_styles(bare_environment: None, style, options: dict, words: str):
    with pytest.raises(InputError, match=words):
        made(style, **options)


def test_a_resume_with_other_styles_is_refused(bare_environment: None):
    with pytest.raises(InputError, match="that training had styles"):
        made().on_load_checkpoint({KEY: {"styles": STYLES[:2]}})


def test_validation_shows_every_style_beside_its_photograph(bare_environment: None, monkeypatch: pytest.MonkeyPatch):
    module, logged = made().eval(), {}
    monkeypatch.setattr(module, "log_dict", lambda values, **_: logged.update(values))
    images = photographs(3)
    with torch.no_grad():
        shown = module.validation_step(images, 0)
        for row in range(3):
            alone = module.network(images[row : row + 1], torch.eye(3)[[row]])
            assert torch.allclose(shown[row : row + 1], alone, atol=1e-4)
        expected = [module.judges[i](images[i : i + 1], images[i : i + 1])["gram_difference"] for i in range(3)]
    assert logged["val/gram_difference_photograph"].item() == pytest.approx(torch.cat(expected).mean().item())
    assert logged["val/ssim_photograph"].item() == pytest.approx(1, abs=1e-5)


@pytest.mark.slow
def test_two_processes_learn_what_one_learns(tmp_path: Path, bare_environment: None):
    command = [sys.executable, __file__, str(tmp_path)]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": str(ROOT / "tests"), "OMP_NUM_THREADS": "1"})
    whole = made(lr=1e-4)
    fit(whole, tmp_path, 3, batch_size=4)
    both = torch.load(tmp_path / "2" / "3.ckpt", weights_only=True)["state_dict"]
    start = made().state_dict()
    for name, tensor in whole.state_dict().items():
        if name.endswith("weight"):  # a norm takes most biases out again: Adam enlarges rounding errors of no gradient
            assert (tensor - both[name]).norm() < 0.05 * (tensor - start[name]).norm(), name


@pytest.mark.slow
def test_the_command_line_trains_many_styles_and_adds_one(
    train: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture
):
    assert train("model=multistyle", "style=[starry_night,great_wave,the_scream]", DEBUG) == 0
    slim = tmp_path / "outputs/debug/multistyle/version_0/stylizer.safetensors"
    assert load_network(slim)[1]["styles"] == STYLES
    added = "style=[starry_night,great_wave,the_scream,shipwreck]"
    assert train(added, DEBUG, f"model.init_from={slim}") == 0
    assert "the rows of shipwreck alone" in " ".join(capsys.readouterr().err.split())
    before, after = load_network(slim)[0], load_network(str(slim).replace("version_0", "version_1"))[0]
    assert torch.equal(before.decoder[2].weight, after.decoder[2].weight)
    assert torch.equal(before.encoder[0][1].bias, after.encoder[0][1].bias[:3])


if __name__ == "__main__":
    fit(made(lr=1e-4), Path(sys.argv[1], "2"), 3, devices=2, batch_size=2)
