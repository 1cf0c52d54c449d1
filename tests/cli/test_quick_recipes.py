"""Quick recipes train in 16-bit floats where a CPU has units for them."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from support import DEBUG

from stylenet.cli.shorthand import CONFIGS, expand
from stylenet.cli.train import QUICK_RECIPES, quickest_precision


def machine(monkeypatch: pytest.MonkeyPatch, units: bool, accelerator: bool = False) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: units, raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: accelerator)
    if hasattr(torch, "accelerator"):
        monkeypatch.setattr(torch.accelerator, "is_available", lambda: accelerator)


@pytest.mark.parametrize("recipe", QUICK_RECIPES)
def test_quick_recipes_are_recipes(recipe: str):
    assert (CONFIGS / "recipes" / f"{recipe}.yaml").is_file()


@pytest.mark.parametrize(
    ("arguments", "units", "accelerator", "precision"),
    [
        (["style=starry_night", "recipe=minutes"], True, False, "bf16-mixed"),
        (["model=multistyle", "recipe=ship"], True, False, "bf16-mixed"),
        (["model=adain", "recipe=ship_adain"], True, False, "bf16-mixed"),
        (["style=starry_night", f"--config={CONFIGS / 'recipes' / 'minutes.yaml'}"], True, False, "bf16-mixed"),
        (["style=starry_night", "recipe=minutes"], False, False, None),
        (["style=starry_night", "recipe=minutes"], True, True, None),
        (["style=starry_night", "recipe=paper"], True, False, None),
        (["style=starry_night"], True, False, None),
    ],
)
def test_16_bits_are_for_quick_recipes_on_a_cpu_with_units_for_them(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], units: bool, accelerator: bool, precision: str | None
):
    machine(monkeypatch, units, accelerator)
    assert quickest_precision(expand(arguments)) == ({} if precision is None else {"precision": precision})


@pytest.mark.parametrize(
    ("option", "precision"), [([], "bf16-mixed"), (["trainer.precision=32-true"], "32-true")], ids=["default", "given"]
)
def test_a_quick_recipe_trains_in_16_bits_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
    train: Callable[..., int],
    option: list[str],
    precision: str,
):
    machine(monkeypatch, units=True)
    shallow = ["model.style_layers=[relu1_2]", "model.content_layers=[relu1_2]"]  # 16 bits are slow elsewhere
    assert train("style=starry_night", "recipe=minutes", DEBUG, "trainer.max_steps=1", *shallow, *option) == 0
    assert f"precision {precision}" in " ".join(capsys.readouterr().err.split())
    run = Path("outputs/debug/starry_night/version_0")
    assert yaml.safe_load((run / "config.yaml").read_text())["trainer"]["precision"] == precision
    learnt = torch.load(run / "last.ckpt", weights_only=True)["state_dict"].values()
    assert all(tensor.dtype == torch.float32 and tensor.isfinite().all() for tensor in learnt)
