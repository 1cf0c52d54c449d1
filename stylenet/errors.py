"""The errors that users are meant to read."""

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """Something the user gave cannot be used: one line that names the mend.

    The command line prints the line and exits with code 2; in Python it is a `ValueError`.
    """


class Failed(RuntimeError):
    """Work that good input began and that could not be done: one line. The command line ends with exit code 1."""


class MissingWeights(InputError):
    """Weights that this machine does not hold and cannot fetch; the line says how to get them."""


def unknown(kind: str, name: str, known: Iterable[str]) -> InputError:
    """Return the error for a name that is not one of `known`, with the nearest right name.

    Args:
        kind: What the name stands for, e.g. `"backbone"`.
        name: What the user wrote.
        known: Every name that would have been right.
    """
    choices = sorted(known)
    nearest = difflib.get_close_matches(name, choices, n=1, cutoff=0.5)
    hint = f"did you mean {nearest[0]!r}? " if nearest else ""
    return InputError(f"unknown {kind} {name!r}: {hint}known are {', '.join(choices)}")


def one_line(message: str) -> str:
    """Return a message with its line breaks and indents as single spaces."""
    return " ".join(message.split())
