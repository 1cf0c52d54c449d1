"""The grammar of commands: what is typed, what a function gets, what is refused."""

from pathlib import Path
from typing import Any

import pytest

from stylenet.cli.arguments import Pixels, Steps, call, check_configs
from stylenet.errors import InputError
from stylenet.losses.options import LossOptions

GROUPS = {"loss": (LossOptions, ("pixel_weight",))}


def run(*argv: str) -> dict[str, Any]:
    """Return what a command is given."""
    got: dict[str, Any] = {}

    def command(
        content: str,
        style: list[str],
        size: Pixels | None = None,
        steps: Steps = 300,
        style_weights: list[float] | None = None,
        quick: bool = False,
        loss: dict[str, Any] | None = None,
    ) -> int:
        """Do it.

        Twice, if need be.

        Args:
            content: The photograph.
            style: Paintings.
            size: In pixels.
            steps: How many.
            style_weights: Shares.
            quick: Whether to hurry.
            loss: What is minimized.
        """
        got.update(content=content, style=style, size=size, steps=steps, shares=style_weights, quick=quick, loss=loss)
        return 0

    assert call(command, "program", argv, GROUPS) == 0
    return got


@pytest.mark.parametrize(
    "argv",
    [
        ["--content=a", "--style=b", "--style-weights=0.5", "--loss.style-weight=2", "--quick"],
        ["--content", "a", "--style", "b", "--style-weights", "0.5", "--loss.style_weight", "2", "--quick=true"],
        ["content=a", "style=b", "style_weights=0.5", "loss.style_weight=2", "quick=true"],
        ["a", "b", "style_weights=[0.5]", "style_weight=2", "--quick", "true"],
        ["style=[b]", "--quick", "a", "style-weights=0.5", "style_weight=2"],
    ],
)
def test_all_spellings_mean_the_same(argv):
    wanted = {"content": "a", "style": ["b"], "size": None, "steps": 300, "shares": [0.5], "quick": True}
    assert run(*argv) == wanted | {"loss": {"style_weight": 2.0}}


def test_a_number_in_bounds_is_a_plain_one():
    assert type(run("a", "b", "size=64")["size"]) is int


@pytest.mark.parametrize(
    "styles", [["--style=b", "--style=c"], ["style=b,c"], ["style=[b, c]"], ["style=b", "style=c"]]
)
def test_lists(styles):
    assert run("a", *styles)["style"] == ["b", "c"]


def test_a_path_with_a_comma_is_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "b,c.png").touch()
    assert run("a", "b,c.png")["style"] == ["b,c.png"]


def test_a_list_may_be_longer_than_a_name_of_a_file():
    styles = [f"style_{number:03}" for number in range(40)]
    assert run("a", f"style={','.join(styles)}")["style"] == styles


def test_a_tilde_is_the_home_folder_where_shells_leave_it(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "b,c.png").touch()
    assert run("content=~/a.jpg", "style=~/b.jpg,c")["content"] == f"{tmp_path}/a.jpg"
    assert run("--content=~/a.jpg", "style=~/b.jpg,c")["style"] == [f"{tmp_path}/b.jpg", "c"]
    assert run("~a", "style=~/b,c.png")["style"] == [f"{tmp_path}/b,c.png"]
    assert run("~a", "b")["content"] == "~a"


def test_a_file_of_arguments_which_later_ones_beat(tmp_path):
    (tmp_path / "given.yaml").write_text("content: a\nstyle: [b]\nsteps: 7\nsize: 32\nloss: {style_weight: 3}\n")
    got = run("--config", str(tmp_path / "given.yaml"), "steps=9")
    assert (got["content"], got["style"], got["steps"], got["size"]) == ("a", ["b"], 9, 32)
    assert got["loss"] == {"style_weight": 3.0}


@pytest.mark.parametrize("option", [["--config=given.yaml"], ["--config", "given.yaml"], ["config=given.yaml"]])
def test_a_command_that_takes_any_key_takes_a_file_too(option, tmp_path, monkeypatch):
    got = []

    def command(name: str, workers: int = 1, settings: dict[str, str] | None = None) -> int:
        got.append((name, workers, settings))
        return 0

    monkeypatch.chdir(tmp_path)
    (tmp_path / "given.yaml").write_text("workers: 2\n")
    assert call(command, "program", ["a", *option, "lr=0.1"], others="settings") == 0
    assert got == [("a", 2, {"lr": "0.1"})]


def test_a_command_that_takes_any_key_takes_its_value_apart_too():
    got = []

    def command(name: str, quick: bool = False, settings: dict[str, str] | None = None) -> int:
        got.append((name, quick, settings))
        return 0

    assert call(command, "program", ["a", "--lr", "0.1", "--quick", "--size=3"], others="settings") == 0
    assert call(command, "program", ["--lr", "0.1", "a"], others="settings") == 0
    assert got == [("a", True, {"lr": "0.1", "size": "3"}), ("a", False, {"lr": "0.1"})]
    with pytest.raises(InputError, match="unknown option '--quik': did you mean '--quick'"):
        call(command, "program", ["--quik", "a"], others="settings")
    with pytest.raises(InputError, match="unknown option '--lr'"):
        call(command, "program", ["a", "--lr", "--quick"], others="settings")


def test_a_flag_is_turned_off():
    assert run("a", "b", "--quick", "--no-quick")["quick"] is False


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        ([], "give --content, --style; see program --help"),
        (["a", "b", "c"], "what is 'c' for? Options look like --input=photo.jpg or key=value, lists like a,b"),
        (["-i", "a", "b"], "unknown option '-i': did you mean '--content'?"),
        (["a", "b", "--stepps=3"], "unknown option '--stepps': did you mean '--steps'?"),
        (["a", "b", "stepps=3"], "unknown option 'stepps': did you mean 'steps'?"),
        (["a", "b", "--style-wieght=3"], "did you mean '--loss.style-weight'?"),
        (["a", "b", "zzz=3"], "unknown option 'zzz': known are content, style, size,"),
        (["a", "b", "pixel_weight=3"], "unknown option 'pixel_weight'"),
        (["a", "b", "--steps"], "--steps has no value: give --steps=VALUE"),
        (["a", "b", "steps=0"], "steps=0: give a whole number from 1 to 1000000"),
        (["a", "b", "size=1.5"], "size=1.5: give whole pixels from 1 to 16384"),
        (["a", "b", "config=\0"], "config holds a character of code 0"),
        (["a", "b", "style_weights=x"], "style_weights=x: give a number"),
        (["a", "b", "style_weight=x"], "loss.style_weight=x: give a number"),
    ],
)
def test_mistakes_are_one_line(argv, line):
    with pytest.raises(InputError) as caught:
        run(*argv)
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


def test_help_has_types_defaults_and_the_docstring(capsys):
    with pytest.raises(SystemExit):
        run("--help")
    text = " ".join(capsys.readouterr().out.split())
    assert "usage: program" in text
    assert "Twice, if need be. options:" in text
    assert "--steps STEPS How many. (type: Steps, default: 300)" in text
    assert "--loss.style_weight" in text


def test_the_configuration_is_printed(capsys):
    with pytest.raises(SystemExit):
        run("a", "b", "steps=3", "--print_config")
    assert "steps: 3" in capsys.readouterr().out


def test_a_configuration_that_is_no_text_is_named(tmp_path: Path):
    (tmp_path / "latin.yaml").write_bytes(b"size: 3 # caf\xe9")
    with pytest.raises(InputError, match="latin.yaml is not UTF-8 text: save it as UTF-8"):
        check_configs([f"--config={tmp_path / 'latin.yaml'}"])
    check_configs(["--config=missing.yaml", "--size=3"])  # the parser says so
