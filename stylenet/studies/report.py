"""The report of a study: tables in Markdown, and what they were made of."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import torch

from stylenet.images import written_beside
from stylenet.studies.measure import describe_judge
from stylenet.studies.plots import draw_plots, draw_sheets
from stylenet.studies.runs import DONE, FAILED, NOT_AT_HAND, NOT_RUN, Cell, results
from stylenet.studies.study import Study


def markdown(table: pd.DataFrame) -> str:
    """Return a table in Markdown: numbers with about three digits, nothing for what is missing."""
    shown = [list(map(_shown, row)) for row in table.astype(object).itertuples(index=False, name=None)]
    lines = [list(table.columns), ["---"] * table.shape[1], *shown]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _shown(value: object) -> str:
    """Return a cell of a table."""
    if pd.isna(value):
        return ""
    if not isinstance(value, float):
        return str(value).replace("|", r"\|").replace("\n", " ")
    if 0 < abs(value) < 0.1:
        return f"{value:.2g}"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}" if abs(value) < 100 else f"{value:.0f}"


def bullets(lines: Sequence[str]) -> str:
    """Return lines as a list in Markdown."""
    return "\n".join(f"- {line}" for line in lines)


def write_study_report(study: Study, cells: Sequence[Cell], folder: Path, command: str) -> None:
    """Write all that can be told of a study as it stands; runs that are missing are named.

    Args:
        study: The study.
        cells: Its runs.
        folder: Gets `results.csv`, `pictures_N.png`, `plot_N.png` and `report.md`.
        command: What makes this report.

    Raises:
        InputError: The place cannot be written.
    """
    table = results(cells)
    with written_beside(folder / "results.csv") as temporary:
        table.to_csv(temporary, index=False, float_format="%.7g")
    parts = [f"# Study: {study.name}", study.question, "## Setting", f"    {command}", _study_setting(study, cells)]
    if study.claims:
        parts += ["## What the documents say", bullets([f"{c['source']}: {c['says']}" for c in study.claims])]
    parts += ["## Result", _study_means(study, table), _compared(study, table)]
    for name, laws in draw_plots(study, cells, folder):
        parts += [f"![{name}]({name})", bullets(laws)]
    parts += [f"![{name}]({name})" for name in draw_sheets(cells, folder)]
    films = [cell.folder / "film.mp4" for cell in cells if (cell.folder / "film.mp4").is_file()]
    parts += [f"[{film.parent.name}]({film.relative_to(folder).as_posix()})" for film in films]
    parts += _missing(study, table)
    with written_beside(folder / "report.md") as temporary:
        temporary.write_text("\n\n".join(part for part in parts if part) + "\n", encoding="utf-8")


def _study_setting(study: Study, cells: Sequence[Cell]) -> str:
    """Return how it was run."""
    first = cells[0].settings
    networks = {cell.name: cell.settings["backbone"] for cell in cells}
    same = {key: value for key, value in first.items() if all(cell.settings.get(key) == value for cell in cells)}
    shown = [f"`{key}={value}`" for key, value in same.items() if value not in (None, False) and "judge" not in key]
    photographs = dict.fromkeys(path.stem for cell in cells for path in cell.photographs)
    paintings = dict.fromkeys(cell.style.stem for cell in cells)
    lines = [
        f"{len(cells)} runs ({study.kind}): {' x '.join(study.axes)}; photographs {', '.join(photographs)}; "
        f"paintings {', '.join(paintings)}.",
        f"Settings of all runs: {', '.join(shown)}.",
        f"Judge: {describe_judge(first['judge'], first['judge_weights'], networks)}.",
        f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads; seconds are those of a clock on the wall.",
    ]
    return bullets(lines)


def _study_means(study: Study, table: pd.DataFrame) -> str:
    """Return the table of means over photographs and paintings."""
    done = table[table["status"] == DONE].reindex(columns=[*table, *(set(study.figures) - set(table))])
    if done.empty:
        return "No run is finished."
    groups = done.fillna(dict.fromkeys(study.axes, "")).groupby(study.axes, sort=False)
    means = groups[[name for name in study.figures if name not in study.axes]].mean()
    return markdown(means.assign(runs=groups.size()).reset_index())


def _compared(study: Study, table: pd.DataFrame) -> str:
    """Return on how many pairs of photograph and painting each variant beats the baseline, nothing without one.

    More is better for an SSIM, less for all others.
    """
    figures = [name for name in study.figures if name not in ("steps", "loss", *study.axes)]
    done = table[table["status"] == DONE].set_index(["photographs", "style"]).reindex(columns=[*study.axes, *figures])
    variants = done[study.axes].apply(lambda labels: " ".join(labels.dropna()), axis=1)
    baseline, lines = str(study.baseline), []
    for name in variants.unique() if baseline in variants.to_numpy() else ():
        ours, base = (done.loc[variants == which, figures] for which in (name, baseline))
        ours, base = ours.align(base, "inner", axis=0)
        wins = [(ours > base if "ssim" in figure else ours < base)[figure].sum() for figure in figures]
        lines.append([name, *(f"{count} of {len(ours)}" for count in wins)])
    lines = [line for line in lines if line[0] != baseline]
    table = pd.DataFrame(lines, columns=["", *figures])
    return f"Pairs on which a variant is better than {baseline}:\n\n{markdown(table)}" if lines else ""


def _missing(study: Study, table: pd.DataFrame) -> list[str]:
    """Return what failed and what was not at hand, with the reasons."""
    titles = {FAILED: "## Failed", NOT_AT_HAND: "## Not at hand", NOT_RUN: "## Not run yet"}
    parts = []
    for status, title in titles.items():
        rows = table[table["status"] == status].reindex(columns=[*study.axes, "photographs", "style", "error"])
        reasons = rows.pop("error").fillna("the study was stopped")
        names = rows.apply(lambda row: ", ".join(row.dropna()), axis=1)
        lines = [f"{'; '.join(names[reasons == reason])}: {reason}" for reason in reasons.unique()]
        parts += [title, bullets(lines)] if lines else []
    return parts
