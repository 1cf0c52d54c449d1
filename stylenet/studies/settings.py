"""Settings of runs: their types and defaults, read from YAML; digests, by which settings and files are known again."""

import hashlib
import json
from argparse import ArgumentError
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from inspect import formatannotation, signature
from types import NoneType
from typing import Any, get_args

from jsonargparse import ArgumentParser, get_loader
from yaml import YAMLError

from stylenet.errors import InputError

Settings = dict[str, Any]


@dataclass(frozen=True)
class RunSettings:
    """What can be set for every kind of run.

    Args:
        backbone: The loss network.
        weights: Of it.
        size: Pixels of the photographs' longer side, where they are stylized.
        judge: The network that measures.
        device: Where.
    """

    backbone: str = "vgg16"
    weights: str = "auto"
    size: int = 256
    judge: str | None = None
    device: str = "auto"


def read_yaml(text: str, name: str) -> Any:
    """Return a YAML value; `1e-4` is a number.

    Raises:
        InputError: It is no YAML; calls it by the name.
    """
    try:
        return get_loader("yaml")(text)
    except YAMLError as error:
        raise InputError(f"{name} is no YAML: {' '.join(str(error).split())}") from None


def types_of(owner: Callable[..., Any]) -> dict[str, Any]:
    """Return the annotation of each parameter of a function or a class."""
    return {name: parameter.annotation for name, parameter in signature(owner).parameters.items()}


def defaults_of(owner: Callable[..., Any]) -> Settings:
    """Return the default of each parameter of a function or a class that has one."""
    parameters = signature(owner).parameters.items()
    return {name: parameter.default for name, parameter in parameters if parameter.default is not parameter.empty}


def fits(value: Any, kind: Any) -> bool:
    """Tell whether a value from YAML is of a type; a number in quotes is no number."""
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--value", type=kind)
    try:
        read = parser.parse_object({"value": deepcopy(value)})["value"]  # it changes dicts in place
    except ArgumentError:
        return False
    if value is None:
        return kind is Any or NoneType in get_args(kind)
    return not (isinstance(value, str) and isinstance(read, int | float))


def check_types(settings: Mapping[str, Any], types: Mapping[str, Any]) -> None:
    """Raise an InputError for a value that is not of its setting's type, the annotation of that name."""
    for key, value in settings.items():
        if not fits(value, types[key]):
            raise InputError(f"{key}={value} cannot be used: give a value of type {formatannotation(types[key])}")


def recipe_digest(recipe: Any) -> str:
    """Return the beginning of the SHA-256 of plain values, 16 hexadecimal digits."""
    return hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:16]
