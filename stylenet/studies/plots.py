"""The figures of a study, by matplotlib."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stylenet.errors import InputError
from stylenet.images import written_beside
from stylenet.studies.fit import fit_power_law
from stylenet.studies.runs import DONE, Cell, outcome
from stylenet.studies.study import Plot, Study
from stylenet.studies.tables import means, read_csv

Line = tuple[list[Any], list[float]]


def draw(study: Study, cells: Sequence[Cell], folder: Path) -> list[tuple[str, list[str]]]:
    """Write `plot_1.png`, `plot_2.png`, ... and return their names, each with the power laws that were fitted.

    Args:
        study: Names the figures.
        cells: Its runs; those without a result are left out.
        folder: Where they go.

    Raises:
        InputError: matplotlib is not installed.
    """
    if not study.plots:
        return []
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise InputError("plots need matplotlib, which is not installed: pip install 'stylenet[studies]'") from None
    done = [cell for cell in cells if outcome(cell)["status"] == DONE]
    drawn = []
    for number, plot in enumerate(study.plots, start=1):
        figure = Figure(figsize=(5.2 * len(plot.y), 4), layout="constrained")
        FigureCanvasAgg(figure)
        laws = []
        for place, y in enumerate(plot.y, start=1):
            lines = (_histories if plot.history else _results)(study, plot, y, done)
            laws += _panel(figure.add_subplot(1, len(plot.y), place), plot, y, lines)
        path = folder / f"plot_{number}.png"
        with written_beside(path) as temporary:
            figure.savefig(temporary, format="png", dpi=100)
        drawn.append((path.name, laws))
    return drawn


def _panel(axes: Any, plot: Plot, y: str, lines: dict[str, Line]) -> list[str]:
    """Draw one panel and return its power laws in words."""
    laws = []
    for name, (xs, ys) in lines.items():
        marker = None if plot.history and not plot.fit else "o"
        (line,) = axes.plot(xs, ys, marker=marker, markersize=4, label=name)
        law = fit_power_law(xs, ys) if plot.fit else None
        if law:
            smooth = np.geomspace(min(xs), max(xs), 100)
            axes.plot(smooth, law(smooth), "--", color=line.get_color(), linewidth=1)
            seen = law.nine_tenths <= max(xs)
            end = f"nine tenths of the way after {law.nine_tenths:.0f}" if seen else "its limit is beyond what was run"
            laws.append(f"{y}, {name}: {law}; {end}")
    axes.set(xlabel=plot.x, ylabel=y)
    if "x" in plot.log:
        axes.set_xscale("log")
    if "y" in plot.log:
        axes.set_yscale("log")
    if any(isinstance(x, str) and len(x) > 6 for xs, _ in lines.values() for x in xs):
        axes.tick_params("x", rotation=30)
    if len(lines) > 1:
        axes.legend(fontsize=7)
    axes.grid(alpha=0.3)
    return laws


def _series(study: Study, plot: Plot, labels: dict[str, str]) -> str:
    """Return the name of the line that a variant belongs to."""
    axes = [plot.series] if plot.series else [axis for axis in study.axes if axis != plot.x]
    return ", ".join(labels[axis] for axis in axes if axis in labels) or "all"


def _results(study: Study, plot: Plot, y: str, cells: Sequence[Cell]) -> dict[str, Line]:
    """Return lines through the mean figures of the variants; they go by an axis, or by a figure, a point each."""
    axes = [name for name in (plot.x, plot.series) if name in study.axes]
    rows = [
        {**outcome(cell)["figures"], **cell.labels, "line": _series(study, plot, cell.labels), "variant": cell.name}
        for cell in cells
        if all(name in cell.labels for name in axes)
    ]
    rows = [row for row in rows if y in row and plot.x in row]
    lines: dict[str, Line] = {}
    for row in means(rows, ["line", plot.x], [y]) if plot.x in axes else means(rows, ["line", "variant"], [plot.x, y]):
        xs, ys = lines.setdefault(row["line"], ([], []))
        xs.append(row[plot.x])
        ys.append(row[y])
    if plot.x not in axes:
        return lines
    labels = [x for xs, _ in lines.values() for x in xs]
    return {name: (_as_numbers(xs, labels), ys) for name, (xs, ys) in lines.items()}


def _as_numbers(labels: Sequence[str], every: Sequence[str]) -> list[Any]:
    """Return labels as numbers if every label of the axis is one."""
    try:
        numbers = {label: float(label) for label in every}
    except ValueError:
        return list(labels)
    return [numbers[label] for label in labels]


def _histories(study: Study, plot: Plot, y: str, cells: Sequence[Cell]) -> dict[str, Line]:
    """Return the mean history of each line's runs, at the steps where `y` was measured."""
    groups: dict[str, list[list[tuple[float, float]]]] = {}
    for cell in cells:
        rows = read_csv(cell.folder / "history.csv", (plot.x, y))
        points = [(row[plot.x], row[y]) for row in rows if row.get(y) is not None]
        if points:
            groups.setdefault(_series(study, plot, cell.labels), []).append(points)
    lines: dict[str, Line] = {}
    for name, members in groups.items():
        shortest = min(len(points) for points in members)
        mean = np.mean([points[:shortest] for points in members], 0)  # (steps, 2)
        lines[name] = mean[:, 0].tolist(), mean[:, 1].tolist()
    return lines
