"""Every shipped YAML makes a run, shortened by configs/debug.yaml or, where there is one, configs/debug_MODEL.yaml."""

import sys
from pathlib import Path

import pytest
import yaml
from support import DEBUG, ROOT

from stylenet.cli.commands import _train
from stylenet.cli.exits import guarded
from stylenet.data.styles import find_style, is_homage

CONFIGS = ROOT / "configs"
SHIPPED = sorted(
    str(path.relative_to(CONFIGS))
    for path in CONFIGS.rglob("*.yaml")
    if not path.name.startswith("debug") and path.parent.name != "studies"  # tests/studies runs those
)


def arguments(config: str) -> list[str]:
    path = Path(config)
    own = CONFIGS / f"debug_{path.stem}.yaml"
    if own.is_file():
        return [f"model={path.stem}", f"--config={own}"]
    if path.parent.name == "styles":
        return [f"style={path.stem}", DEBUG]
    if path.stem == "multistyle":
        return ["style=[starry_night,great_wave]", DEBUG]
    return [f"{'recipe' if path.parent.name == 'recipes' else 'model'}={path.stem}", "style=starry_night", DEBUG]


@pytest.mark.parametrize("config", SHIPPED)
def test_every_config_runs(config: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, bare_environment: None):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["train.py", *arguments(config), "trainer.max_steps=2"])
    assert guarded(_train) == 0
    name = "student" if config == "distill.yaml" else "stylizer"
    assert list(tmp_path.glob(f"outputs/debug/*/version_0/{name}.safetensors"))


@pytest.mark.parametrize("config", [config for config in SHIPPED if config.startswith("styles/")])
def test_every_style_config_has_a_homage_of_its_name(config: str, bare_environment: None):
    content = yaml.safe_load((CONFIGS / config).read_text())
    assert content["style"] == Path(config).stem
    assert is_homage(find_style(content["style"]))


def test_the_paper_recipe_allows_no_substitute():
    content = yaml.safe_load((CONFIGS / "recipes" / "paper.yaml").read_text())
    assert content["model"]["init_args"]["backbone"] == "vgg16"
    assert content["model"]["init_args"]["weights"] == "imagenet"
    assert content["data"]["source"] == "coco"
