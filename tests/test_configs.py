"""Every shipped YAML makes a run, shortened by configs/debug.yaml or, where there is one, configs/debug_MODEL.yaml."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from support import DEBUG, ROOT

from stylenet.cli import quickstart
from stylenet.data.styles import find_style
from stylenet.images import load_image

CONFIGS = ROOT / "configs"
SHIPPED = sorted(
    str(path.relative_to(CONFIGS))
    for path in CONFIGS.rglob("*.yaml")
    if not path.name.startswith("debug")  # which shorten the others
    and path.parent.name != "studies"  # tests/cli/test_study_command.py runs those
    and path.name not in ("johnson.yaml", "adain.yaml")  # tests/cli/test_train.py, tests/modules/test_adain_module.py
)


def arguments(config: str) -> list[str]:
    path = Path(config)
    adain = [f"--config={CONFIGS / 'debug_adain.yaml'}", "model.reconstruction_steps=1"]  # and then one of style
    if path.stem == "ship_adain":
        return ["model=adain", "recipe=ship_adain", *adain, "trainer.max_steps=2"]
    if path.stem == "multistyle":
        return ["style=[starry_night,great_wave]", DEBUG, "trainer.max_steps=1"]
    return [f"recipe={path.stem}", "style=starry_night", DEBUG, "trainer.max_steps=1"]


@pytest.mark.parametrize("config", SHIPPED)
def test_every_config_runs(config: str, train: Callable[..., int], tmp_path: Path):
    assert train(*arguments(config)) == 0
    assert list(tmp_path.glob("outputs/debug/*/version_0/stylizer.safetensors"))


PAINTINGS = {
    "composition_vii", "gray_tree", "great_wave", "metzinger", "night_cafe", "olive_trees", "shipwreck", "starry_night",
    "tahiti", "the_scream", "wheat_field",
}  # fmt: skip


def test_the_paintings_that_come_with_the_project_have_names_and_strokes_to_learn(bare_environment: None):
    assert {path.stem for path in (ROOT / "data" / "styles").glob("*.jpg")} == PAINTINGS
    for name in PAINTINGS:
        path = find_style(name)
        assert path.parent == ROOT / "data" / "styles"
        assert min(load_image(path).shape[-2:]) >= 384  # the style_size of the networks that ship


def test_the_network_of_many_styles_learns_the_paintings_that_ship_but_the_one_kept_for_quickstart():
    content = yaml.safe_load((CONFIGS / "multistyle.yaml").read_text())
    assert sorted(content["style"]) == sorted(PAINTINGS - {quickstart.STYLE})


def test_the_paper_recipe_allows_no_substitute():
    content = yaml.safe_load((CONFIGS / "recipes" / "paper.yaml").read_text())
    assert content["model"]["init_args"]["backbone"] == "vgg16"
    assert content["model"]["init_args"]["weights"] == "bundled"  # the authors' own
    assert content["data"]["source"] == "coco"


def test_recipes_that_go_on_from_the_network_of_many_styles_have_its_shape():
    minutes, single, ship = (
        yaml.safe_load((CONFIGS / "recipes" / f"{name}.yaml").read_text())["model"]["init_args"]
        for name in ("minutes", "ship_single", "ship")
    )
    assert minutes["init_from"] == single["init_from"] == "multistyle"
    assert minutes["width"] == single["width"] == ship["width"]
