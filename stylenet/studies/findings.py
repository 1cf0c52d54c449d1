"""What a study leaves: results.csv, pictures, plots and report.md."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from stylenet.images import load_image, resize, save_image, written_beside
from stylenet.studies.judges import describe_judge
from stylenet.studies.plots import draw
from stylenet.studies.runs import DONE, FAILED, NOT_AT_HAND, NOT_RUN, Cell, rows
from stylenet.studies.sheets import captioned
from stylenet.studies.study import Study
from stylenet.studies.tables import Row, markdown, means, write_csv

MOST_PAIRS, MOST_COLUMNS, SIDE = 4, 8, 160
"""Of a sheet of pictures: rows, columns, and pixels of a picture's longer side."""

Pair = tuple[str, str]
"""Names of a photograph and a painting."""


def write_findings(study: Study, cells: Sequence[Cell], folder: Path, command: str) -> None:
    """Write all that can be told of a study as it stands; runs that are missing are named.

    Args:
        study: The study.
        cells: Its runs.
        folder: Gets `results.csv`, `pictures_N.png`, `plot_N.png` and `report.md`.
        command: What makes this report.

    Raises:
        InputError: The place cannot be written, or matplotlib is not installed.
    """
    table = rows(cells)
    write_csv(table, folder / "results.csv")
    parts = [f"# Study: {study.name}", study.question, "## Setting", _setting(study, cells, command)]
    if study.claims:
        parts += ["## What the documents say", "\n".join(f"- {c['source']}: {c['says']}" for c in study.claims)]
    parts += ["## Result", _results(study, table)]
    if study.baseline:
        parts.append(_compared(study, table))
    for name, laws in draw(study, cells, folder):
        parts += [f"![{name}]({name})", "\n".join(f"- {law}" for law in laws)]
    parts += [f"![{name}]({name})" for name in _sheets(cells, folder)]
    films = [cell.folder / "film.mp4" for cell in cells if (cell.folder / "film.mp4").is_file()]
    parts += [f"[{film.parent.name}]({film.relative_to(folder).as_posix()})" for film in films]
    parts += _missing(table)
    with written_beside(folder / "report.md") as temporary:
        temporary.write_text("\n\n".join(part for part in parts if part) + "\n", encoding="utf-8")


def _setting(study: Study, cells: Sequence[Cell], command: str) -> str:
    """Return how it was run."""
    first = cells[0].settings
    networks = {cell.name: cell.settings["backbone"] for cell in cells}
    same = {key: value for key, value in first.items() if all(cell.settings.get(key) == value for cell in cells)}
    shown = [f"`{key}={value}`" for key, value in same.items() if value not in (None, False) and "judge" not in key]
    photographs = dict.fromkeys(path.stem for cell in cells for path in cell.photographs)
    paintings = dict.fromkeys(cell.style.stem for cell in cells)
    lines = [
        f"    {command}",
        "",
        f"- {len(cells)} runs ({study.kind}): {' x '.join(study.axes)}; photographs {', '.join(photographs)}; "
        f"paintings {', '.join(paintings)}.",
        f"- Settings of all runs: {', '.join(shown)}.",
        f"- Judge: {describe_judge(first['judge'], first['judge_weights'], networks)}.",
        f"- PyTorch {torch.__version__}, {torch.get_num_threads()} threads; seconds are those of a clock on the wall.",
    ]
    return "\n".join(lines)


def _results(study: Study, table: Sequence[Row]) -> str:
    """Return the table of means over photographs and paintings."""
    done = [row for row in table if row["status"] == DONE]
    if not done:
        return "No run is finished."
    found = means([dict.fromkeys(study.axes, "") | dict(row) for row in done], study.axes, study.figures)
    names = [*study.axes, *study.figures]
    return markdown([*names, "runs"], [[*(row[name] for name in names), str(row["count"])] for row in found])


def _compared(study: Study, table: Sequence[Row]) -> str:
    """Return on how many pairs of photograph and painting each variant beats the baseline, nothing without one."""
    scores: dict[str, dict[Pair, Row]] = {}
    for row in table:
        if row["status"] == DONE:
            name = " ".join(row[axis] for axis in study.axes if axis in row)
            scores.setdefault(name, {})[row["photographs"], row["style"]] = row
    base = scores.pop(str(study.baseline), {})
    if not base or not scores:
        return ""
    figures = [name for name in study.figures if name not in ("steps", "loss")]
    lines = []
    for variant, pairs in scores.items():
        both = [(pairs[pair], base[pair]) for pair in pairs if pair in base]
        wins = [f"{sum(better(name, *rows) for rows in both)} of {len(both)}" for name in figures]
        lines.append([variant, *wins])
    return f"Pairs on which a variant is better than {study.baseline}:\n\n" + markdown(["", *figures], lines)


def better(figure: str, ours: Row, theirs: Row) -> bool:
    """Tell whether a row has the better figure: more is better for an SSIM, less for all others."""
    first, second = ours.get(figure), theirs.get(figure)
    if first is None or second is None:
        return False
    return first > second if "ssim" in figure else first < second


def _missing(table: Sequence[Row]) -> list[str]:
    """Return what failed and what was not at hand, with the reasons."""
    titles = {FAILED: "## Failed", NOT_AT_HAND: "## Not at hand", NOT_RUN: "## Not run yet"}
    parts = []
    for status, title in titles.items():
        reasons: dict[str, list[str]] = {}
        for row in table:
            if row["status"] == status:
                names = ", ".join(str(value) for key, value in row.items() if key not in ("status", "error"))
                reasons.setdefault(row.get("error", "the study was stopped"), []).append(names)
        if reasons:
            parts += [title, "\n".join(f"- {'; '.join(runs)}: {reason}" for reason, runs in reasons.items())]
    return parts


def _sheets(cells: Sequence[Cell], folder: Path) -> list[str]:
    """Write sheets of pictures, a row for each pair and a column for each variant, and return their names."""
    for old in folder.glob("pictures_*.png"):
        old.unlink()
    made: dict[str, dict[Pair, Path]] = {}
    for cell in cells:
        for path in cell.photographs:
            picture = cell.folder / f"{path.stem}.png"
            if picture.is_file():
                made.setdefault(cell.name, {})[path.stem, cell.style.stem] = picture
    names: list[str] = []
    for start in range(0, len(made), MOST_COLUMNS):
        columns = dict(list(made.items())[start : start + MOST_COLUMNS])
        pairs = list(dict.fromkeys(pair for pictures in columns.values() for pair in pictures))[:MOST_PAIRS]
        names.append(f"pictures_{len(names) + 1}.png")
        sheet = [[_photograph(columns, pair), *(_small(columns[name].get(pair)) for name in columns)] for pair in pairs]
        save_image(captioned(sheet, ["photograph", *columns]), folder / names[-1])
    return names


def _photograph(columns: Mapping[str, Mapping[Pair, Path]], pair: Pair) -> Tensor:
    """Return the photograph of a pair as one of the runs had it."""
    made = next(pictures[pair] for pictures in columns.values() if pair in pictures)
    return _small(made.with_name(f"{pair[0]}.photograph.png"))


def _small(path: Path | None) -> Tensor:
    """Return a picture, small; white where there is none."""
    return torch.ones(1, 3, SIDE, SIDE) if path is None else resize(load_image(path), SIDE, side="long")
