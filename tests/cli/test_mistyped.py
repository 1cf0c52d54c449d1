"""What jsonargparse says of wrong types, and what is left of it."""

import pytest
from jsonargparse import ArgumentParser

from stylenet.cli.mistyped import mistyped

CASES = {
    "--count=x": (int, "count=x: give a whole number"),
    "--rate=x": (float | None, "rate=x: give a number or null"),
    "--layers=3": (list[str] | dict[str, float] | None, "layers=3: give a list, a mapping or null"),
    "--flag=maybe": (bool, "flag=maybe: give true or false"),
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
