"""Studies as YAML files and the command line tell them; what could fail a run is said before the first one."""

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from jsonargparse.typing import NotEmptyStr, PositiveInt

from stylenet.errors import InputError, unknown
from stylenet.losses.options import LossOptions
from stylenet.studies.measure import FIGURES
from stylenet.studies.study import Axes, Axis, Claim, Plot, Settings, Study, fits, read_yaml, types_of

KINDS = ("gatys", "johnson")
MEASURED = (*FIGURES, "loss", "steps", "seconds")
"""What a run's result can hold."""
GROUPS = tuple(entry.name.removesuffix("_weight") for entry in fields(LossOptions) if entry.name.endswith("_weight"))
NOTED = ("step", "seconds", "loss", *GROUPS, *FIGURES)
"""What the history of an optimization can hold."""
_PICTURES = PositiveInt | list[NotEmptyStr], "names, or how many, at least 1"
_SETTINGS = dict[str, Any], "names with values, as in {size: 256}"
SHAPES: dict[str, tuple[Any, str]] = {
    "base": _SETTINGS,
    "quick": _SETTINGS,
    "photographs": _PICTURES,
    "styles": _PICTURES,
    "claims": (list[Claim], "a list of {source: ..., says: ...}"),
    "figures": (list[str], "a list of names, as in [ssim]"),
    "plots": (list[Plot], "a list of {x: ..., y: [...]}"),
}
"""What each part of a file has to be, for jsonargparse and in words."""


def load_study(path: Path, known: Mapping[str, Iterable[str]]) -> Study:
    """Return the study in a YAML file.

    Args:
        path: The file.
        known: Settings that each kind takes.

    Raises:
        InputError: The file is missing or no YAML, or says something that no study has; with the nearest right name.
    """
    try:
        content = read_yaml(path.read_text(), str(path))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is not UTF-8 text: save it as UTF-8") from None
    for key in ("question", "kind", "grid"):
        if not isinstance(content, dict) or key not in content:
            raise InputError(f"{path} has no {key}: add it")
    _check(path, "key", content, types_of(Study).keys() - {"name"})
    _check(path, "kind", [str(content["kind"])], KINDS)
    content = _shaped(content, path) | {"question": str(content["question"])}
    _check(path, "key of quick", content.get("quick", {}), ("base", "grid", "photographs", "styles"))
    content["quick"] = _shaped(content.get("quick", {}), path)
    study = Study(name=path.stem, **content)
    for version in (study, study.quickened()):
        for variant in version.variants():
            _check(path, "setting", variant.settings, known[study.kind])
    _check_names(path, study)
    return study


def _check(path: Path | None, kind: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Raise for the first name that is not known."""
    choices = list(known)
    for name in given:
        if name not in choices:
            raise unknown(f"{kind} in {path}", str(name), dict.fromkeys(choices))


def _shaped(part: Settings, path: Path | None = None) -> Settings:
    """Return a part of a file, or options of the command line, in the form that `Study` has it.

    Raises:
        InputError: Some value is of another type than `SHAPES` says.
    """
    where, found = f"{path}: " if path else "", dict(part)
    for name, value in part.items():
        if name in ("photographs", "styles"):
            names = value.split(",") if isinstance(value, str) else value
            found[name] = list(map(str, names)) if isinstance(names, list) else names
        for plot in value if name == "plots" and isinstance(value, list) else []:
            _check(path, "key of a plot", plot if isinstance(plot, dict) else [], types_of(Plot))
        kind, words = SHAPES.get(name, (Any, ""))
        if not fits(found[name], kind) or (value == [] and name not in ("claims", "plots")):
            raise InputError(f"{where}{name} is {value!r}: give {words}")
    if "grid" in part:
        sets = part["grid"] if isinstance(part["grid"], list) else [part["grid"]]
        found["grid"] = [_axes(axes, where) for axes in sets]
    if "plots" in part:
        found["plots"] = [Plot(**{key: it for key, it in plot.items() if it is not None}) for plot in part["plots"]]
    return found


def _axes(axes: Any, where: str) -> Axes:
    """Return a set of axes whose labels are text and whose overrides are there."""
    found: Axes = {}
    for name, axis in axes.items() if isinstance(axes, dict) and axes else [("grid", None)]:
        if isinstance(axis, dict):
            axis = {str(label): {} if overrides is None else overrides for label, overrides in axis.items()}
        if not axis or not fits(axis, list | dict[str, Settings]):
            raise InputError(f"{where}{name} is no axis: give a list of values, or overrides by label")
        found[name] = axis
    return found


def _check_names(path: Path, study: Study) -> None:
    """Raise for a figure, an axis or a label that no run of the study has."""
    _check(path, "figure", study.figures, MEASURED)
    for plot in study.plots:
        noted = NOTED if study.kind == "gatys" else plot.y  # a training logs what it likes
        _check(path, "axis of log", plot.log, ("x", "y"))
        _check(path, "x of a plot", [plot.x], ("step", "seconds") if plot.history else (*study.axes, *MEASURED))
        _check(path, "y of a plot", plot.y or [""], noted if plot.history else MEASURED)
        _check(path, "series of a plot", [plot.series] if plot.series else [], study.axes)
    names = [" ".join(variant.labels.values()) for variant in study.variants()]
    if study.baseline is not None:
        _check(path, "baseline", [str(study.baseline)], names)


def override(study: Study, options: Mapping[str, str], known: Iterable[str], flags: Iterable[str] = ()) -> Study:
    """Return a study with options of the command line.

    Args:
        study: As its file says.
        options: `photographs` and `styles`, names with commas or how many; an axis, which keeps these values
            alone; or a setting, in YAML.
        known: Settings of the study's kind.
        flags: Names of the command's other options: suggested too where a key is misspelt.

    Raises:
        InputError: An unknown name, with the nearest right one, or a label that an axis lacks.
    """
    for key, text in options.items():
        if key in ("photographs", "styles"):
            pictures: Settings = {key: int(text) if text.isdecimal() else text}
            study = replace(study, **_shaped(pictures))
        elif key in study.axes:
            study = replace(study, grid=_restricted(study.grid, key, read_yaml(text, f"{key}={text}")))
        elif key in known:
            study = replace(study, base=study.base | {key: read_yaml(text, f"{key}={text}")})
        else:
            raise unknown("option", key, {"photographs", "styles", *study.axes, *known, *flags})
    return study


def _restricted(grid: list[Axes], name: str, wanted: Any) -> list[Axes]:
    """Return a grid of these values of an axis alone; values that no list has replace those of every list.

    Sets of axes without the axis stay, those that have none of the values go.

    Raises:
        InputError: A value that no set has, beside one that some set has; or a label that none has.
    """
    if isinstance(wanted, str):
        wanted = [read_yaml(value, f"{name}={value}") for value in wanted.split(",")]
    values = wanted if isinstance(wanted, list) else [wanted]
    kept = [axes | {name: _chosen(axes[name], values)} if name in axes else axes for axes in grid]
    if any(axes.get(name) for axes in kept):
        found = [axes[name] for axes in grid if name in axes]
        for value in values:
            if not any(_chosen(axis, [value]) for axis in found):
                raise unknown(name, str(value), {str(known) for axis in found for known in axis})
        return [axes for axes in kept if axes.get(name, True)]
    labels = [label for axes in grid if isinstance(axes.get(name), dict) for label in axes[name]]
    if labels:
        raise unknown(name, ", ".join(map(str, values)), labels)
    return [axes | {name: values} if name in axes else axes for axes in grid]


def _chosen(axis: Axis, wanted: list[Any]) -> Axis:
    """Return the part of an axis that is wanted."""
    if isinstance(axis, dict):
        return {label: axis[label] for label in map(str, wanted) if label in axis}
    return [value for value in axis if value in wanted]
