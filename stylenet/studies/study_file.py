"""The YAML file of a study, read and checked: what could fail a run or the report is said before the first run."""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from stylenet.errors import InputError, unknown
from stylenet.losses.options import LossOptions
from stylenet.studies.measure import FIGURES
from stylenet.studies.study import Axis, Plot, Study, named_pictures
from stylenet.studies.values import read_yaml

KINDS = ("gatys", "johnson")
MEASURED = (*FIGURES, "loss", "steps", "seconds")
"""What a run's result can hold."""
GROUPS = tuple(entry.name.removesuffix("_weight") for entry in fields(LossOptions) if entry.name.endswith("_weight"))
NOTED = ("step", "seconds", "loss", *GROUPS, *FIGURES)
"""What the history of an optimization can hold."""


def load_study(path: Path, known: Mapping[str, Iterable[str]]) -> Study:
    """Return the study in a YAML file.

    Args:
        path: The file.
        known: Settings that each kind takes.

    Raises:
        InputError: The file is missing or no YAML, or says something that no study has; with the nearest right name.
    """
    try:
        text = path.read_text()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    content = read_yaml(text, str(path))
    if not isinstance(content, dict):
        raise InputError(f"{path} is no study: it needs question, kind and grid")
    for key in ("question", "kind", "grid"):
        if key not in content:
            raise InputError(f"{path} has no {key}: add it")
    _check(path, "key", content, [entry.name for entry in fields(Study) if entry.name != "name"])
    if content["kind"] not in KINDS:
        raise unknown(f"kind in {path}", str(content["kind"]), KINDS)
    content["question"] = str(content["question"])
    quick = content["quick"] = _mapping(path, "quick", content.get("quick", {}))
    _check(path, "key of quick", quick, ("base", "grid", "photographs", "styles"))
    for part in (content, quick):
        _read_part(path, part)
    _check_claims(path, content.get("claims", []))
    content["plots"] = _plots(path, content.get("plots", []))
    study = Study(name=path.stem, **content)
    for version in (study, study.quickened()):
        for variant in version.variants():
            _check(path, "setting", variant.settings, known[study.kind])
    _check_names(path, study)
    return study


def _read_part(path: Path, part: dict[str, Any]) -> None:
    """Check and read in place what a study and its `quick` share."""
    if "base" in part:
        _mapping(path, "base", part["base"])
    if "grid" in part:
        part["grid"] = _grid(path, part["grid"])
    for name in ("photographs", "styles"):
        if name in part:
            part[name] = named_pictures(name, part[name], f"{path}: ")


def _check(path: Path, kind: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Raise for the first name that is not known."""
    known = list(known)
    for name in given:
        if name not in known:
            raise unknown(f"{kind} in {path}", str(name), dict.fromkeys(known))


def _mapping(path: Path, name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InputError(f"{path}: {name} is {value!r}: give names with values, as in {{size: 256}}, or leave it out")
    return value


def _names(path: Path, name: str, value: Any) -> list[str]:
    """Return a list of names."""
    if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
        raise InputError(f"{path}: {name} is {value!r}: give a list of names, as in [ssim]")
    return value


def _grid(path: Path, grid: Any) -> list[dict[str, Axis]]:
    """Return the sets of axes that a file gives."""
    sets = grid if isinstance(grid, list) and grid else [grid]
    for axes in sets:
        for name, axis in axes.items() if isinstance(axes, dict) and axes else [("grid", None)]:
            if not isinstance(axis, list | dict) or not axis:
                raise InputError(f"{path}: {name} is no axis: give a list of values, or overrides by label")
            for label, overrides in axis.items() if isinstance(axis, dict) else []:
                _mapping(path, f"{label} of {name}", overrides or {})
    return [{name: _labeled(axis) for name, axis in axes.items()} for axes in sets]


def _labeled(axis: Axis) -> Axis:
    """Return an axis whose labels are text and whose overrides are there."""
    return {str(label): overrides or {} for label, overrides in axis.items()} if isinstance(axis, dict) else axis


def _check_claims(path: Path, claims: Any) -> None:
    """Raise unless each claim has its source and what it says."""
    for claim in claims if isinstance(claims, list) else [claims]:
        if not isinstance(claim, dict) or set(claim) != {"source", "says"}:
            raise InputError(f"{path}: {claim!r} is no claim: give {{source: ..., says: ...}}")


def _plots(path: Path, plots: Any) -> list[Plot]:
    """Return the figures that a file asks for."""
    found = []
    for plot in plots if isinstance(plots, list) else [plots]:
        if not isinstance(plot, dict):
            raise InputError(f"{path}: {plot!r} is no plot: give {{x: ..., y: [...]}}")
        _check(path, "key of a plot", plot, [entry.name for entry in fields(Plot)])
        if not isinstance(plot.get("x"), str) or "y" not in plot:
            raise InputError(f"{path}: a plot needs x and y: give {{x: ..., y: [...]}}")
        for name in ("y", "log"):
            if name in plot:
                _names(path, f"{name} of a plot", plot[name])
        _check(path, "axis of log", plot.get("log", []), ("x", "y"))
        found.append(Plot(**plot))
    return found


def _check_names(path: Path, study: Study) -> None:
    """Raise for a figure, an axis or a label that no run of the study has."""
    _check(path, "figure", _names(path, "figures", study.figures), MEASURED)
    for plot in study.plots:
        noted = NOTED if study.kind == "gatys" else plot.y  # a training logs what it likes
        _check(path, "x of a plot", [plot.x], ("step", "seconds") if plot.history else (*study.axes, *MEASURED))
        _check(path, "y of a plot", plot.y, noted if plot.history else MEASURED)
        _check(path, "series of a plot", [plot.series] if plot.series else [], study.axes)
    names = [" ".join(variant.labels.values()) for variant in study.variants()]
    if study.baseline is not None:
        _check(path, "baseline", [str(study.baseline)], names)
