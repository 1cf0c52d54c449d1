"""What a study's YAML file says: its points, its overrides, its errors."""

from pathlib import Path

import pytest

from stylenet.errors import InputError
from stylenet.resources import file_digest
from stylenet.studies.study import Study, recipe_digest
from stylenet.studies.study_file import load_study, override

KNOWN = {"gatys": ["steps", "lr", "optimizer", "style_weight"], "johnson": ["model.norm"]}

TEXT = """
question: Which?
kind: gatys
base: {steps: 9}
grid:
  - optimizer: [lbfgs]
  - optimizer: [adam, adamw]
    rate:
      slow: {lr: 1e-4, steps: 50}
      fast: {lr: 1.0}
plots:
  - {x: rate, y: [ssim]}
quick:
  base: {steps: 2}
  grid: {optimizer: [lbfgs]}
  photographs: [astronaut]
"""


def load(tmp_path: Path, text: str = TEXT) -> Study:
    (tmp_path / "mine.yaml").write_text(text)
    return load_study(tmp_path / "mine.yaml", KNOWN)


def test_the_grid_is_the_product_of_its_axes_set_by_set(tmp_path: Path):
    variants = load(tmp_path).variants()
    assert [variant.labels for variant in variants] == [
        {"optimizer": "lbfgs"},
        {"optimizer": "adam", "rate": "slow"},
        {"optimizer": "adam", "rate": "fast"},
        {"optimizer": "adamw", "rate": "slow"},
        {"optimizer": "adamw", "rate": "fast"},
    ]
    assert variants[1].settings == {"steps": 50, "optimizer": "adam", "lr": 1e-4}
    assert variants[2].settings == {"steps": 9, "optimizer": "adam", "lr": 1.0}


def test_the_name_is_that_of_the_file(tmp_path: Path):
    study = load(tmp_path)
    assert (study.name, study.axes, study.plots[0].x) == ("mine", ["optimizer", "rate"], "rate")


def test_quick_replaces_the_grid_and_merges_the_base(tmp_path: Path):
    study = load(tmp_path).quickened()
    assert [variant.settings for variant in study.variants()] == [{"steps": 2, "optimizer": "lbfgs"}]
    assert study.photographs == ["astronaut"]


def test_options_set_the_base_restrict_an_axis_and_name_pictures(tmp_path: Path):
    options = {"style_weight": "1e2", "optimizer": "[adam]", "rate": "[fast]", "photographs": "a,b", "styles": "2"}
    study = override(load(tmp_path), options, KNOWN["gatys"])
    assert study.base == {"steps": 9, "style_weight": 100.0}
    assert (study.photographs, study.styles) == (["a", "b"], 2)
    assert [variant.labels for variant in study.variants()] == [{"optimizer": "adam", "rate": "fast"}]


def test_sets_without_the_restricted_axis_stay(tmp_path: Path):
    study = override(load(tmp_path), {"rate": "fast"}, KNOWN["gatys"])
    assert [variant.name for variant in study.variants()] == [
        "optimizer lbfgs",
        "optimizer adam, rate fast",
        "optimizer adamw, rate fast",
    ]


def test_several_numbers_of_an_axis_are_numbers(tmp_path: Path):
    text = TEXT.replace("optimizer: [lbfgs]", "lr: [1e-4, 0.05, 1]", 1)
    for given, wanted in {"1e-4,1.0": [1e-4, 1], "2,3e-1": [2, 0.3]}.items():
        study = override(load(tmp_path, text), {"lr": given}, KNOWN["gatys"])
        assert study.grid[0] == {"lr": wanted}


@pytest.mark.parametrize("options", [{"optimizer": "adam,adamv"}, {"rate": "fast,fats"}])
def test_a_value_that_no_list_has_is_refused_beside_one_that_some_list_has(options: dict[str, str], tmp_path: Path):
    with pytest.raises(InputError, match="did you mean '(adam|fast)'"):
        override(load(tmp_path), options, KNOWN["gatys"])


@pytest.mark.parametrize("text", ["1" * 5000, "[" * 10_000, "{a: ["])
def test_a_setting_that_is_no_yaml_is_refused(text: str, tmp_path: Path):
    with pytest.raises(InputError, match="is no YAML"):
        override(load(tmp_path), {"lr": text}, KNOWN["gatys"])


def test_values_that_no_list_has_are_taken_as_they_are(tmp_path: Path):
    study = override(load(tmp_path), {"optimizer": "sgd"}, KNOWN["gatys"])
    assert {variant.labels["optimizer"] for variant in study.variants()} == {"sgd"}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("question", "qestion", "has no question: add it"),
        ("base:", "bse:", "unknown key in .* 'bse': did you mean 'base'"),
        ("kind: gatys", "kind: gaty", "unknown kind in .*: did you mean 'gatys'"),
        ("{steps: 9}", "{stps: 9}", "unknown setting in .* 'stps': did you mean 'steps'"),
        ("lr: 1.0", "lrr: 1.0", "'lrr': did you mean 'lr'"),
        ("x: rate", "z: rate", "unknown key of a plot in .* 'z'"),
        ("photographs: [as", "photos: [as", "unknown key of quick in .*: did you mean 'photographs'"),
        ("[adam, adamw]", "adam", "optimizer is no axis"),
        ("  base: {steps: 2}", "  base: {stps: 2}", "'stps': did you mean 'steps'"),
        ("base: {steps: 9}", "base: {steps: 9", "is no YAML"),
        ("base: {steps: 9}", "base: [steps]", r"base is \['steps'\]: give names with values"),
        ("base: {steps: 9}", "base:", "base is None: give names with values"),
        ("slow: {lr: 1e-4, steps: 50}", "slow: 3", "rate is no axis: give a list of values, or overrides by label"),
        ("  - {x: rate, y: [ssim]}", "", "plots is None: give a list of {x: ..., y: .*}"),
        ("{x: rate, y: [ssim]}", "{y: [ssim]}", "plots is .*: give a list of {x: ..., y: .*}"),
        ("{x: rate, y: [ssim]}", "{x: rate}", "plots is .*: give a list of {x: ..., y: .*}"),
        ("  - {x: rate, y: [ssim]}", "  {x: rate}", "plots is .*: give a list of {x: ..., y: .*}"),
        ("y: [ssim]", "y: ssim", r"plots is .*: give a list of {x: ..., y: \[...\]}"),
        ("y: [ssim]", "y: []", "unknown y of a plot in .* ''"),
        ("y: [ssim]", "y: [sim]", "unknown y of a plot in .* 'sim': did you mean 'ssim'"),
        ("x: rate", "x: rat", "unknown x of a plot in .* 'rat': did you mean 'rate'"),
        ("y: [ssim]", "y: [ssim], series: optimiser", "unknown series of a plot in .*: did you mean 'optimizer'"),
        ("y: [ssim]", "y: [ssim], log: [z]", "unknown axis of log in .* 'z'"),
        ("y: [ssim]", "y: [loss], history: true", "unknown x of a plot in .* 'rate': .*known are seconds, step"),
        ("kind:", "figures: [ssmi]\nkind:", "unknown figure in .* 'ssmi': did you mean 'ssim'"),
        ("kind:", "baseline: nope\nkind:", "unknown baseline in .* 'nope': known are adam fast"),
        ("kind:", "claims: [{source: x}]\nkind:", "claims is .*: give a list of {source: ..., says: ...}"),
        ("kind:", "claims: [hello]\nkind:", "claims is .*: give a list of {source: ..., says: ...}"),
        ("kind:", "photographs: 0\nkind:", "photographs is 0: give names, or how many, at least 1"),
        ("kind:", "photographs: []\nkind:", r"photographs is \[\]: give names"),
        ("kind:", "styles:\nkind:", "styles is None: give names"),
    ],
)
def test_what_no_study_has_is_refused_with_the_nearest_right_name(tmp_path: Path, old: str, new: str, message: str):
    with pytest.raises(InputError, match=message):
        load(tmp_path, TEXT.replace(old, new, 1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"optimiser": "adam"}, "did you mean 'optimizer'"),
        ({"rate": "quick"}, "unknown rate 'quick'"),
        ({"output": "x"}, "did you mean '--output'"),
        ({"zzz": "x"}, "known are --output, lr, optimizer, photographs, rate, steps, style_weight, styles$"),
        ({"photographs": "0"}, "photographs is 0: give names, or how many, at least 1"),
        ({"styles": ""}, "styles is '': give names"),
    ],
)
def test_options_that_no_study_has(tmp_path: Path, options: dict[str, str], message: str):
    with pytest.raises(InputError, match=message):
        override(load(tmp_path), options, KNOWN["gatys"], ["--output"])


def test_quick_without_anything_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="quick is None: give names with values"):
        load(tmp_path, TEXT.partition("quick:")[0] + "quick:")


def test_one_picture_needs_no_brackets(tmp_path: Path):
    text = TEXT.replace("kind:", "photographs: astronaut\nstyles: starry_night,great_wave\nkind:", 1)
    study = load(tmp_path, text)
    assert study.photographs == ["astronaut"]
    assert study.styles == ["starry_night", "great_wave"]


def test_a_setting_that_the_grid_sets_is_told(tmp_path: Path):
    study = override(load(tmp_path), {"steps": "7"}, KNOWN["gatys"])
    assert study.set_by_grid("steps") == ["optimizer adam, rate slow", "optimizer adamw, rate slow"]
    assert study.set_by_grid("style_weight") == []


def test_a_missing_file(tmp_path: Path):
    with pytest.raises(InputError, match="cannot read"):
        load_study(tmp_path / "none.yaml", KNOWN)


def test_a_file_is_known_by_its_sha256(tmp_path: Path):
    (tmp_path / "abc").write_bytes(b"abc")
    standard = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, appendix B.1
    assert file_digest(tmp_path / "abc") == standard
    with pytest.raises(InputError, match="cannot read .*abd: No such file"):
        file_digest(tmp_path / "abd")


def test_a_recipe_is_known_by_its_values_in_any_order():
    assert recipe_digest({"a": 1, "b": [2]}) == recipe_digest({"b": [2], "a": 1})
    assert recipe_digest({"a": 1, "b": [2]}) != recipe_digest({"a": 1, "b": [3]})
