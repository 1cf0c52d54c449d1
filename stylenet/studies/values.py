"""Values of YAML files and of the command line."""

import re
from typing import Any

import yaml

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
