"""Values of YAML files and of the command line."""

import re
from argparse import ArgumentError
from collections.abc import Mapping
from inspect import formatannotation
from types import NoneType
from typing import Any, get_args

import yaml
from jsonargparse import ArgumentParser

from stylenet.errors import InputError

NUMBER = re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+")
"""`1e-4`, which YAML 1.1 takes for text."""


def read_yaml(text: str, name: str) -> Any:
    """Return a YAML value; `1e-4` is a number.

    Args:
        text: YAML.
        name: What to call it in an error.

    Raises:
        InputError: It is no YAML.
    """
    try:
        return _with_numbers(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise InputError(f"{name} is no YAML: {' '.join(str(error).split())}") from None


def _with_numbers(value: Any) -> Any:
    """Return a value of YAML whose numbers are numbers."""
    if isinstance(value, dict):
        return {key: _with_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_numbers(item) for item in value]
    return float(value) if isinstance(value, str) and NUMBER.fullmatch(value) else value


def check_types(settings: Mapping[str, Any], types: Mapping[str, Any]) -> None:
    """Raise an InputError for a value that is not of its setting's type.

    Args:
        settings: Values from YAML; a number in quotes is no number.
        types: Annotation of each setting.
    """
    for key, value in settings.items():
        wanted = types[key]
        parser = ArgumentParser(exit_on_error=False)
        parser.add_argument("--value", type=wanted)
        try:
            read = parser.parse_object({"value": value})["value"]
            right = value is not None or wanted is Any or NoneType in get_args(wanted)
            right = right and not (isinstance(value, str) and isinstance(read, int | float))
        except ArgumentError:
            right = False
        if not right:
            raise InputError(f"{key}={value} cannot be used: give a value of type {formatannotation(wanted)}")
