"""What jsonargparse says of wrong types, and what is left of it."""

from typing import Literal

import pytest
from jsonargparse import ArgumentParser
from jsonargparse.typing import NonNegativeFloat

from stylenet.cli.arguments import Port
from stylenet.cli.mistyped import mistyped, nearest_option

CASES = {
    "--count=x": (int, "count=x: give a whole number"),
    "--rate=x": (float | None, "rate=x: give a number"),
    "--layers=3": (list[str] | dict[str, float] | None, "layers=3: give a list as [a,b] or a mapping as {a: 1}"),
    "--layers={a: x}": (
        list[str] | dict[str, float] | None,
        "layers={a: x}: give a mapping as {a: 1}",
    ),
    "--scales={a: .inf, b: [2]}": (dict[str, float] | None, "scales={a: inf,b: [2]}: give a mapping as {a: 1}"),
    "--pooling=mean": (Literal["max", "average"] | int | None, "pooling=mean: give max, average or a whole number"),
    "--flag=maybe": (bool, "flag=maybe: give true or false"),
    "--port=x": (Port | None, "port=x: give a whole number from 1 to 65535"),
    "--share=-1": (NonNegativeFloat | None, "share=-1: give a number from 0"),
}


@pytest.mark.parametrize("argument", CASES)
def test_a_wrong_type_is_said_in_words(argument: str):
    kind, words = CASES[argument]
    heard: list[str] = []

    class Parser(ArgumentParser):
        def error(self, message, ex=None):
            heard.append(mistyped(message))
            raise SystemExit

    parser = Parser()
    parser.add_argument(argument.partition("=")[0], type=kind)
    with pytest.raises(SystemExit):
        parser.parse_args([argument])
    assert heard == [words]


def test_other_messages_stay_but_for_their_line_breaks():
    assert mistyped("no such\n  file") == "no such file"


INFER = ("ckpt", "input", "output", "device", "style", "style_size", "size")
GATYS = ("content", "style", "output", "steps", "device", "backbone", "loss.content_layers", "loss.style_weight")
TRAIN = ("style", "ckpt_path", "model.lr", "model.output", "data.root", "data.batch_size", "trainer.devices")
TRAIN += ("trainer.min_epochs", "trainer.max_epochs", "trainer.max_steps", "trainer.logger.init_args.save_dir")


@pytest.mark.parametrize(
    ("name", "known", "meant"),
    [
        ("content_image", INFER, "input"),
        ("content_image", GATYS, "content"),
        ("style_image", GATYS, "style"),
        ("gpu", INFER, "device"),
        ("trainer.gpus", TRAIN, "trainer.devices"),
        ("epochs", TRAIN, "trainer.max_epochs"),
        ("num_iterations", GATYS, "steps"),
        ("model", GATYS, "backbone"),
        ("batch_size", TRAIN, "data.batch_size"),
        ("batch_size", INFER, None),  # and not style_size
        ("output", TRAIN, "trainer.logger.init_args.save_dir"),  # and not model.output
        ("resume", TRAIN, "ckpt_path"),
    ],
)
def test_names_of_other_tools_are_known(name: str, known: tuple[str, ...], meant: str | None):
    assert nearest_option(name, known) == meant


def test_a_misspelt_name_is_looked_for_whole_and_then_without_its_group():
    assert nearest_option("model.lrr", TRAIN) == "model.lr"
    assert nearest_option("model.style_weight", GATYS) == "loss.style_weight"
    assert nearest_option("styel_weight", GATYS) == "loss.style_weight"
    assert nearest_option("zzz", GATYS) is None
