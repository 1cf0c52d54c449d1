"""The plots of a study, the power laws fitted to them, and sheets of pictures under captions."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont
from scipy.optimize import least_squares
from torch import Tensor
from torch.nn import functional as F
from torchvision.transforms.functional import to_tensor

from stylenet.images import grid, load_image, resize, save_image, to_uint8, written_beside
from stylenet.studies.runs import DONE, Cell, outcome, results
from stylenet.studies.study import Plot, Study

GAP, LINE = 4, 16
"""Pixels between the pictures of a sheet, and of a caption's height."""
MOST_PAIRS, MOST_COLUMNS, SIDE = 4, 8, 160
"""Of a study's sheet: rows, columns, and pixels of a picture's longer side."""


@dataclass(frozen=True)
class PowerLaw:
    """`y = limit + slope * x^-exponent`.

    Args:
        limit: What y tends to.
        slope: Distance from that at x = 1.
        exponent: How fast it gets there.
        r2: Share of the variance that is explained.
    """

    limit: float
    slope: float
    exponent: float
    r2: float

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Return y."""
        return self.limit + self.slope * x**-self.exponent

    def __str__(self) -> str:
        sign = "-" if self.slope < 0 else "+"
        return f"{self.limit:.3g} {sign} {abs(self.slope):.3g} n^-{self.exponent:.2f} (R² {self.r2:.3f})"

    @property
    def nine_tenths(self) -> float:
        """The x at which nine tenths of the way from x = 1 to the limit are gone."""
        return 10 ** (1 / self.exponent)


def fit_power_law(x: Sequence[float], y: Sequence[float]) -> PowerLaw | None:
    """Return the power law of the least squared error, None where there are fewer than four points.

    Args:
        x: More than 0.
        y: As many values.
    """
    if len(x) < 4:
        return None
    xs, ys = np.asarray(x, float), np.asarray(y, float)

    def fit(exponent: float) -> Any:
        start, bounds = [ys[-1], ys[0] - ys[-1], exponent], ([-np.inf, -np.inf, 0.05], [np.inf, np.inf, 5])
        return least_squares(lambda law: law[0] + law[1] * xs ** -law[2] - ys, start, bounds=bounds, x_scale="jac")

    best = min(map(fit, (0.1, 0.5, 2)), key=lambda found: found.cost)  # it may end in a local minimum
    spread = float(np.square(ys - ys.mean()).sum())
    limit, slope, exponent = best.x.tolist()
    return PowerLaw(limit, slope, exponent, r2=1 - 2 * float(best.cost) / spread if spread else 1.0)


def draw_plots(study: Study, cells: Sequence[Cell], folder: Path) -> list[tuple[str, list[str]]]:
    """Write `plot_1.png`, `plot_2.png`, ... and return their names, each with the power laws that were fitted.

    Args:
        study: Names the plots.
        cells: Its runs; those without a result are left out.
        folder: Where they go.
    """
    done = [cell for cell in cells if outcome(cell)["status"] == DONE]
    drawn = []
    for number, plot in enumerate(study.plots, start=1):
        figure = Figure(figsize=(5.2 * len(plot.y), 4), layout="constrained")
        panels = figure.subplots(1, len(plot.y), squeeze=False)[0]
        laws = []
        for axes, y in zip(panels, plot.y, strict=True):
            lines = (_histories if plot.history else _results)(study, plot, y, done)
            laws += _draw_panel(axes, plot, y, lines)
        path = folder / f"plot_{number}.png"
        with written_beside(path) as temporary:
            figure.savefig(temporary, format="png", dpi=100)
        drawn.append((path.name, laws))
    return drawn


def _draw_panel(axes: Axes, plot: Plot, y: str, lines: Mapping[str, pd.DataFrame]) -> list[str]:
    """Draw one panel, a line for each table of x and y, and return its power laws in words."""
    laws = []
    for name, line in lines.items():
        marker = None if plot.history and not plot.fit else "o"
        (drawn,) = axes.plot(line[plot.x].tolist(), line[y], marker=marker, markersize=4, label=name)
        law = fit_power_law(line[plot.x], line[y]) if plot.fit else None
        if law:
            smooth = np.geomspace(line[plot.x].min(), line[plot.x].max(), 100)
            axes.plot(smooth, law(smooth), "--", color=drawn.get_color(), linewidth=1)
            seen = law.nine_tenths <= line[plot.x].max()
            end = f"nine tenths of the way after {law.nine_tenths:.0f}" if seen else "its limit is beyond what was run"
            laws.append(f"{y}, {name}: {law}; {end}")
    axes.set(xlabel=plot.x, ylabel=y, **{f"{axis}scale": "log" for axis in plot.log})
    if any(isinstance(x, str) and len(x) > 6 for line in lines.values() for x in line[plot.x]):
        axes.tick_params("x", rotation=30)
    if len(lines) > 1:
        axes.legend(fontsize=7)
    axes.grid(alpha=0.3)
    return laws


def _line_name(study: Study, plot: Plot, cell: Cell) -> str:
    """Return the name of the line that a run belongs to."""
    axes = [plot.series] if plot.series else [axis for axis in study.axes if axis != plot.x]
    return ", ".join(cell.labels[axis] for axis in axes if axis in cell.labels) or "all"


def _results(study: Study, plot: Plot, y: str, cells: Sequence[Cell]) -> dict[str, pd.DataFrame]:
    """Return lines through the mean figures of the variants; they go by an axis, or by a figure, a point each."""
    by_axis = plot.x in study.axes
    needed = [plot.x, y] + ([plot.series] if plot.series else [])
    table = results(cells)
    if not set(needed) <= set(table):
        return {}
    table["line"] = [_line_name(study, plot, cell) for cell in cells]
    table["variant"] = table[plot.x] if by_axis else [cell.name for cell in cells]
    groups = table.dropna(subset=needed).groupby(["line", "variant"], sort=False)
    means = groups[[y] if by_axis else [plot.x, y]].mean().reset_index()
    if by_axis:
        numbers = pd.to_numeric(means["variant"], errors="coerce")
        means[plot.x] = means["variant"] if numbers.isna().any() else numbers
    return {str(name): line for name, line in means.groupby("line", sort=False)}


def _histories(study: Study, plot: Plot, y: str, cells: Sequence[Cell]) -> dict[str, pd.DataFrame]:
    """Return the mean history of each line's runs, at the steps where `y` was measured."""
    groups: dict[str, list[pd.DataFrame]] = {}
    for cell in cells:
        path = cell.folder / "history.csv"
        history = pd.read_csv(path) if path.is_file() else pd.DataFrame()
        points = history.reindex(columns=[plot.x, y]).dropna(ignore_index=True)
        if len(points):
            groups.setdefault(_line_name(study, plot, cell), []).append(points)
    return {
        name: pd.concat(runs).groupby(level=0).mean().head(min(map(len, runs)))  # by the place in the history
        for name, runs in groups.items()
    }


def captioned(rows: Sequence[Sequence[Tensor]], columns: Sequence[str]) -> Tensor:
    """Return one image, (1, 3, H, W): rows of images under the names of their columns.

    Args:
        rows: Rows of (1, 3, h, w) images in [0, 1], smaller ones are centered; an image for each column.
        columns: A caption for each column; columns are as wide as the widest picture or caption.
    """
    font = ImageFont.load_default(12)
    pictures = grid(rows, GAP, max(math.ceil(font.getlength(text)) + GAP for text in columns))
    sheet = Image.fromarray(to_uint8(F.pad(pictures[0], (0, 0, GAP + LINE, 0), value=1.0)).permute(1, 2, 0).numpy())
    width = (sheet.width - GAP) // len(columns) - GAP
    for number, text in enumerate(columns):
        ImageDraw.Draw(sheet).text((GAP + number * (width + GAP), GAP + 1), text, "black", font)
    return to_tensor(sheet)[None]


def draw_sheets(cells: Sequence[Cell], folder: Path) -> list[str]:
    """Write `pictures_1.png`, ..., a row for each photograph and painting and a column for each variant.

    Returns:
        Their names.
    """
    for old in folder.glob("pictures_*.png"):
        old.unlink()
    made: dict[str, dict[tuple[str, str], Path]] = {}
    for cell in cells:
        for path in cell.photographs:
            picture = cell.folder / f"{path.stem}.png"
            if picture.is_file():
                made.setdefault(cell.name, {})[path.stem, cell.style.stem] = picture
    names: list[str] = []
    for start in range(0, len(made), MOST_COLUMNS):
        columns = dict(list(made.items())[start : start + MOST_COLUMNS])
        rows = []
        for pair in list(dict.fromkeys(pair for pictures in columns.values() for pair in pictures))[:MOST_PAIRS]:
            paths = [pictures.get(pair) for pictures in columns.values()]
            photograph = next(path for path in paths if path).with_name(f"{pair[0]}.photograph.png")
            rows.append([_small(path) for path in (photograph, *paths)])
        names.append(f"pictures_{len(names) + 1}.png")
        save_image(captioned(rows, ["photograph", *columns]), folder / names[-1])
    return names


def _small(path: Path | None) -> Tensor:
    """Return a picture, small; white where there is none."""
    return torch.ones(1, 3, SIDE, SIDE) if path is None else resize(load_image(path), SIDE, side="long")
