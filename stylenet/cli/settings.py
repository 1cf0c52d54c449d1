"""`key=value` options of a command, checked against the signatures that take them."""

import inspect
from argparse import ArgumentError
from collections.abc import Callable, Collection, Mapping
from typing import Any

from jsonargparse import ArgumentParser

from stylenet.errors import InputError, unknown


def typed(
    settings: Mapping[str, str], owners: Mapping[Callable[..., Any], Collection[str]], flags: Collection[str]
) -> list[dict[str, Any]]:
    """Return the keyword arguments of each owner, read as YAML and checked against the annotations.

    Args:
        settings: Every `key=value` given.
        owners: Classes or functions, with the names of their parameters that may be given.
        flags: Names of the command's other options: suggested too where a key is misspelt.

    Raises:
        InputError: An unknown key, with the nearest right name, or a value of another type.
    """
    known = {name: owner for owner, names in owners.items() for name in names}
    for key in settings:
        if key not in known:
            raise unknown("option", key, [*known, *flags])
    return [
        {key: _value(owner, key, text) for key, text in settings.items() if known[key] is owner} for owner in owners
    ]


def _value(owner: Callable[..., Any], key: str, text: str) -> Any:
    """Return the value of one parameter of `owner`."""
    parameters = inspect.signature(owner).parameters
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument(f"--{key}", type=parameters[key].annotation)
    try:
        return parser.parse_args([f"--{key}={text}"])[key]
    except ArgumentError:
        wanted = inspect.formatannotation(parameters[key].annotation)
        raise InputError(f"{key}={text} cannot be used: give a value of type {wanted}") from None
