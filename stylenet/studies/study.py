"""A study as its YAML file tells it: a question, and the settings whose product answers it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

from stylenet.errors import InputError, unknown
from stylenet.studies.values import read_yaml

Settings = dict[str, Any]
Axis = list[Any] | dict[str, Settings]


@dataclass(frozen=True)
class Plot:
    """A figure of the report.

    Args:
        x: A setting, an axis or a figure; of a history `step` or `seconds`.
        y: Figures, a panel each; of a history its columns.
        series: The axis that tells the lines apart; by default all others.
        log: Which of `x` and `y` are logarithmic.
        history: Whether lines are drawn from the histories of the cells, not from their results.
        fit: Whether `a + b n^-c` is fitted to each panel.
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
        claims: What the documents say: `source` and `says`.
        photographs: Names or paths; a number takes so many evenly spaced ones of those at hand.
        styles: Names or paths; a number takes the first ones.
        figures: Columns of the report's table.
        baseline: Label of the variant that the others are compared with, pair by pair.
        plots: Figures of the report.
        quick: What `--quick` replaces: `base` (merged), `grid`, `photographs`, `styles`.
    """

    name: str
    question: str
    kind: str
    grid: list[dict[str, Axis]]
    base: Settings = field(default_factory=dict)
    claims: list[dict[str, str]] = field(default_factory=list)
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
        changes = dict(self.quick)
        base = self.base | changes.pop("base", {})
        return replace(self, base=base, **changes)

    def set_by_grid(self, key: str) -> list[str]:
        """Return the names of the variants whose axes set this setting, whatever the base says."""
        return [variant.name for variant in self.variants() if variant.settings.get(key) != self.base.get(key)]

    def overridden(self, options: Mapping[str, str], known: Iterable[str], flags: Iterable[str] = ()) -> "Study":
        """Return the study with options of the command line.

        Args:
            options: `photographs` and `styles`, names with commas or how many; an axis, which keeps these values
                alone; or a setting, in YAML.
            known: Settings of the study's kind.
            flags: Names of the command's other options: suggested too where a key is misspelt.

        Raises:
            InputError: An unknown name, with the nearest right one, or a label that an axis lacks.
        """
        study = self
        for key, text in options.items():
            if key in ("photographs", "styles"):
                pictures: dict[str, Any] = {key: named_pictures(key, int(text) if text.isdecimal() else text)}
                study = replace(study, **pictures)
            elif key in self.axes:
                study = replace(study, grid=_restricted(study.grid, key, _listed(read_yaml(text, f"{key}={text}"))))
            elif key in known:
                study = replace(study, base=study.base | {key: read_yaml(text, f"{key}={text}")})
            else:
                raise unknown("option", key, {"photographs", "styles", *self.axes, *known, *flags})
        return study


def named_pictures(name: str, value: Any, where: str = "") -> int | list[str]:
    """Return photographs or styles: how many, or their names, which may be one text with commas.

    Args:
        name: `photographs` or `styles`.
        value: What was given.
        where: Begins the error.

    Raises:
        InputError: None of them, or something else.
    """
    wanted = value.split(",") if isinstance(value, str) else value
    several = isinstance(wanted, list) and all(isinstance(item, str | int) and item != "" for item in wanted)
    if not several and (not isinstance(wanted, int) or isinstance(wanted, bool)):
        wanted = None
    if not wanted or (isinstance(wanted, int) and wanted < 1):
        raise InputError(f"{where}{name} is {value!r}: give names, or how many, at least 1")
    return [str(item) for item in wanted] if isinstance(wanted, list) else wanted


def _choices(name: str, axis: Axis) -> list[tuple[str, Settings]]:
    """Return the labels of an axis and what each overrides."""
    if isinstance(axis, dict):
        return list(axis.items())
    return [(f"{value:g}" if isinstance(value, float) else str(value), {name: value}) for value in axis]


def _restricted(grid: list[dict[str, Axis]], name: str, wanted: list[Any]) -> list[dict[str, Axis]]:
    """Return a grid of these values of an axis alone; values that no list has replace those of every list.

    Sets of axes without the axis stay, those that have none of the values go.
    """
    kept = [axes | {name: _chosen(axes[name], wanted)} if name in axes else axes for axes in grid]
    if any(axes.get(name) for axes in kept):
        return [axes for axes in kept if axes.get(name, True)]
    labels = [label for axes in grid if isinstance(axes.get(name), dict) for label in axes[name]]
    if labels:
        raise unknown(name, ", ".join(map(str, wanted)), labels)
    return [axes | {name: wanted} if name in axes else axes for axes in grid]


def _chosen(axis: Axis, wanted: list[Any]) -> Axis:
    """Return the part of an axis that is wanted."""
    if isinstance(axis, dict):
        return {label: axis[label] for label in map(str, wanted) if label in axis}
    return [value for value in axis if value in wanted]


def _listed(value: Any) -> list[Any]:
    """Return a value as a list; `a,b` is one."""
    return value if isinstance(value, list) else value.split(",") if isinstance(value, str) else [value]
