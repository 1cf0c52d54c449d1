"""A study: a question, and the settings whose product answers it, as a YAML file and the command line tell it."""

import hashlib
import json
from argparse import ArgumentError
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from inspect import formatannotation, signature
from itertools import product
from types import NoneType
from typing import Any, TypedDict, get_args

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
        InputError: It is no YAML, or a number of too many digits; calls it by the name.
    """
    try:
        return get_loader("yaml")(text)
    except (YAMLError, ValueError, RecursionError) as error:
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


Axis = list[Any] | dict[str, Settings]
Axes = dict[str, Axis]


class Claim(TypedDict):
    """What a document says."""

    source: str
    says: str


@dataclass(frozen=True)
class Plot:
    """A plot of the report.

    Args:
        x: A setting, an axis or a figure; of a history `step` or `seconds`.
        y: Figures, a panel each; of a history its columns.
        series: The axis that tells the lines apart; by default all others.
        log: Which of `x` and `y` are logarithmic.
        history: Whether lines are drawn from the histories of the runs, not from their results.
        fit: Whether `a + b n^-c` is fitted to each line.
    """

    x: str
    y: list[str]
    series: str | None = None
    log: list[str] = field(default_factory=list)
    history: bool = False
    fit: bool = False


@dataclass(frozen=True)
class Variant:
    """One point of the grid.

    Args:
        labels: The value of each axis, in words.
        settings: The base with what the axes override.
    """

    labels: dict[str, str]
    settings: Settings

    @property
    def name(self) -> str:
        """The labels in a line."""
        return ", ".join(f"{axis} {label}" for axis, label in self.labels.items())


@dataclass(frozen=True)
class Study:
    """A study.

    Args:
        name: Of its file.
        question: What it asks.
        kind: `gatys`, an optimization for each photograph and painting; or `johnson`, a training for each painting.
        base: Settings of every run.
        grid: Axes, or several sets of axes, whose products are run one after the other. An axis is a list of values
            of the setting it is called by, or overrides by label.
        claims: What the documents say.
        photographs: Names or paths; a number takes so many evenly spaced ones of those at hand.
        styles: Names or paths; a number takes the first ones.
        figures: Columns of the report's table.
        baseline: Label of the variant that the others are compared with, pair by pair.
        plots: Plots of the report.
        quick: What `--quick` replaces: `base` (merged), `grid`, `photographs`, `styles`.
    """

    name: str
    question: str
    kind: str
    grid: list[Axes]
    base: Settings = field(default_factory=dict)
    claims: list[Claim] = field(default_factory=list)
    photographs: int | list[str] = 1
    styles: int | list[str] = 1
    figures: list[str] = field(default_factory=lambda: ["ssim", "gram_difference", "content_distance", "seconds"])
    baseline: str | None = None
    plots: list[Plot] = field(default_factory=list)
    quick: Settings = field(default_factory=dict)

    @property
    def axes(self) -> list[str]:
        """Names of all axes."""
        return list(dict.fromkeys(name for axes in self.grid for name in axes))

    def variants(self) -> list[Variant]:
        """Return every point of the grid."""
        found = []
        for axes in self.grid:
            for choice in product(*(_choices(name, axis) for name, axis in axes.items())):
                labels = {name: label for name, (label, _) in zip(axes, choice, strict=True)}
                settings = dict(self.base)
                for _, overrides in choice:
                    settings |= overrides
                found.append(Variant(labels, settings))
        return found

    def quickened(self) -> "Study":
        """Return the study on the tiny settings of its `quick`."""
        return replace(self, **self.quick | {"base": self.base | self.quick.get("base", {})})

    def set_by_grid(self, key: str) -> list[str]:
        """Return the names of the variants whose axes set this setting, whatever the base says."""
        return [variant.name for variant in self.variants() if variant.settings.get(key) != self.base.get(key)]


def _choices(name: str, axis: Axis) -> list[tuple[str, Settings]]:
    """Return the labels of an axis and what each overrides."""
    if isinstance(axis, dict):
        return list(axis.items())
    return [(f"{value:g}" if isinstance(value, float) else str(value), {name: value}) for value in axis]
