from pathlib import Path

import pytest

from stylenet.cli.shorthand import CONFIGS, expand
from stylenet.errors import InputError

JOHNSON = f"--config={CONFIGS / 'johnson.yaml'}"
PAPER = f"--config={CONFIGS / 'recipes' / 'paper.yaml'}"


def test_fit_and_johnson_are_the_defaults():
    assert expand(["style=starry_night"]) == ["fit", JOHNSON, "--style=starry_night"]


def test_other_subcommands_stay():
    assert expand(["validate", "style=starry_night"])[0] == "validate"


def test_help_stays():
    assert expand(["--help"]) == ["--help"]


def test_key_value_becomes_an_option_and_options_stay():
    assert expand(["trainer.devices=2", "--model.lr=1", "--print_config"])[2:] == [
        "--trainer.devices=2",
        "--model.lr=1",
        "--print_config",
    ]


def test_models_come_first_then_recipes_then_everything_else(tmp_path: Path):
    mine = tmp_path / "mine.yaml"
    mine.write_text("trainer: {max_steps: 1}")
    expanded = expand([f"--config={mine}", "recipe=paper", "style=starry_night", "model=johnson"])
    assert expanded == ["fit", JOHNSON, PAPER, f"--config={mine}", "--style=starry_night"]


@pytest.mark.parametrize("style", ["starry_night", "pictures/mine.jpg"])
def test_every_way_to_give_a_style_is_the_same(style: str):
    ways = [["--style", style], [f"--style={style}"], [f"style={style}"]]
    assert [expand(way) for way in ways] == [["fit", JOHNSON, f"--style={style}"]] * 3


def test_the_default_model_comes_before_configs_that_may_name_another():
    assert expand(["--config", "other.yaml"]) == ["fit", JOHNSON, "--config=other.yaml"]
    assert expand(["-c", "other.yaml"]) == ["fit", JOHNSON, "--config=other.yaml"]


def test_a_model_may_be_named_by_its_class_path():
    assert expand(["style=starry_night", "model=a.Model"]) == ["fit", "--model=a.Model", "--style=starry_night"]


def test_two_styles_are_refused_and_one_twice_is_one():
    with pytest.raises(InputError, match=r"give one, or style=\[starry_night,a\.jpg\]"):
        expand(["style=starry_night", "--style", "a.jpg"])
    assert expand(["style=a.jpg", "--style", "a.jpg"])[:2] == ["fit", JOHNSON]


def test_a_shipped_config_given_by_its_path_takes_the_place_of_its_name(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(CONFIGS.parent)
    by_path = expand(["style=starry_night", "--config", "configs/recipes/paper.yaml", "-c", "configs/johnson.yaml"])
    assert by_path == expand(["model=johnson", "style=starry_night", "recipe=paper"])


@pytest.mark.parametrize(
    "argv",
    [["style=starry_night", "recipe=paper", "trainer.devices=2"], ["fit", "--style=a/b.jpg"], ["model=a.Model"], []],
)
def test_expanding_twice_changes_nothing_since_child_processes_expand_again(argv: list[str]):
    assert expand(expand(argv)) == expand(argv)


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["model=jonson"], "did you mean 'johnson'"),
        (["recipe=papr"], "did you mean 'paper'"),
        (["test", "style=starry_night"], "unknown subcommand 'test': known are fit, validate"),
        (["predict"], "unknown subcommand 'predict'"),
    ],
)
def test_unknown_names_are_refused_with_the_nearest_right_one(argv: list[str], words: str):
    with pytest.raises(InputError, match=words):
        expand(argv)


@pytest.mark.parametrize("option", [["--ckpt-path=a.ckpt"], ["ckpt-path=a.ckpt"], ["--ckpt-path", "a.ckpt"]])
def test_hyphens_in_a_key_are_underscores(option: list[str]):
    assert "=".join(expand(option)[2:]) == "--ckpt_path=a.ckpt"


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (["starry_night"], "unknown subcommand 'starry_night': .*; options look like style=starry_night"),
        (["style=[starry_night,", "great_wave]"], r"what is 'great_wave\]' for\? .*quote what has spaces in it"),
        (["style=a", "photo.jpg"], "what is 'photo.jpg' for?"),
        (["fit", "style", "=", "starry_night"], "what is 'style' for?"),
    ],
)
def test_words_that_belong_to_no_option_are_refused(argv: list[str], line: str):
    with pytest.raises(InputError, match=line):
        expand(argv)


def test_a_tilde_is_the_home_folder_where_shells_leave_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    given = ["data.root=~/photographs", "--trainer.logger.init_args.save_dir=~/runs"]
    wanted = [f"--data.root={tmp_path}/photographs", f"--trainer.logger.init_args.save_dir={tmp_path}/runs"]
    assert expand(given)[2:] == wanted


def test_a_style_with_a_comma_is_a_list_unless_a_file_is_called_so(tmp_path: Path):
    file = tmp_path / "one,two.jpg"
    file.touch()
    assert expand(["style=a.jpg,great_wave"]) == expand(["style=[a.jpg,great_wave]"])
    assert expand([f"style={file}"]) == ["fit", JOHNSON, f"--style={file}"]


def test_a_list_of_styles_may_be_longer_than_a_name_of_a_file():
    styles = ",".join(f"style_{number:03}" for number in range(40))
    assert expand([f"style={styles}"]) == expand([f"style=[{styles}]"])


@pytest.mark.parametrize("argv", [["style=[starry_night,great_wave]"], ["--style", "[starry_night,great_wave]"]])
def test_a_list_of_styles_takes_the_model_of_many_and_no_config_of_one(argv: list[str]):
    expanded = ["fit", f"--config={CONFIGS / 'multistyle.yaml'}", "--style=[starry_night,great_wave]"]
    assert expand(argv) == expand(["model=multistyle", *argv]) == expand(expand(argv)) == expanded
    assert expand(["model=johnson", *argv])[1] == JOHNSON


def test_configs_that_shorten_a_run_are_no_models():
    with pytest.raises(InputError, match="unknown model 'debug_adai'") as caught:
        expand(["model=debug_adai"])
    assert "debug_adain" not in str(caught.value)
    mine = f"--config={CONFIGS / 'debug_adain.yaml'}"
    assert expand(["model=adain", mine]) == ["fit", f"--config={CONFIGS / 'adain.yaml'}", mine]
