"""Options of the commands that do not train: argparse, with errors of one line that name the nearest right option."""

import argparse
from collections.abc import Callable, Iterable, Sequence
from typing import NoReturn

from stylenet.errors import InputError, unknown


class OneLineParser(argparse.ArgumentParser):
    """An argument parser whose errors are `InputError`s, without the usage that argparse prints before them."""

    def error(self, message: str) -> NoReturn:
        """Raise the message."""
        raise InputError(message)

    @property
    def flags(self) -> list[str]:
        """Every option's name, e.g. `--size`."""
        return [name for action in self._actions for name in action.option_strings if name.startswith("--")]

    def options(self, argv: Sequence[str]) -> argparse.Namespace:
        """Return the options of a command that takes nothing else.

        Args:
            argv: What follows the program's name.

        Raises:
            InputError: An unknown option (with the nearest right name), or a bad value.
        """
        arguments, rest = self.parse_known_args(argv)
        for extra in rest:
            if extra.startswith("-"):
                raise unknown("option", extra.partition("=")[0], self.flags)
        if rest:
            raise InputError(f"what is {rest[0]!r} for? Options look like --input=photo.jpg")
        return arguments

    def require(self, arguments: argparse.Namespace, *names: str) -> None:
        """Raise unless all of these options were given."""
        missing = [f"--{name}" for name in names if not getattr(arguments, name)]
        if missing:
            raise InputError(f"give {', '.join(missing)}; see {self.prog} --help")


def split(arguments: Iterable[str], flags: Sequence[str]) -> dict[str, str]:
    """Return `key=value` and `--key=value` arguments as a dict.

    Args:
        arguments: What a parser left over.
        flags: Names of the options that it knows.

    Raises:
        InputError: Something that is neither.
    """
    settings = {}
    for argument in arguments:
        key, equals, value = argument.removeprefix("--").partition("=")
        if not equals and argument.startswith("-"):
            raise unknown("option", argument, flags)
        if not equals:
            raise InputError(f"what is {argument!r} for? Options look like {flags[1]}=photo.jpg or key=value")
        settings[key] = value
    return settings


def whole(least: int, most: int, what: str = "numbers") -> Callable[[str], int]:
    """Return the type of an option that takes whole numbers in a range.

    Args:
        least: Smallest of them.
        most: Largest of them.
        what: What is counted.
    """

    def read(text: str) -> int:
        if text.isdecimal() and least <= int(text) <= most:
            return int(text)
        raise argparse.ArgumentTypeError(f"give whole {what} from {least} to {most}, not {text!r}")

    return read


pixels = whole(1, 16_384, "pixels")
