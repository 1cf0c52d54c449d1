"""The report of an evaluation: tables in Markdown, figures in JSON, and a sheet of its pictures."""

import json
from collections.abc import Sequence

import pandas as pd
import torch
from torch import Tensor

from stylenet.images import load_image, resize
from stylenet.studies.evaluation import NUMBERS, Evaluation, Row
from stylenet.studies.measure import FIGURES, LPIPS_FILES
from stylenet.studies.methods import Gatys
from stylenet.studies.plots import captioned
from stylenet.studies.report import bullets, markdown
from stylenet.studies.runtime import SIDES

HEADINGS = {
    "ssim": "SSIM",
    "mse": "MSE",
    "gram_difference": "Gram difference",
    "content_distance": "content distance",
    "lpips": "LPIPS",
    "label_ssim": "SSIM to label",
    "label_mse": "MSE to label",
}
SURVEY = pd.DataFrame(
    [
        ("Gatys", 0.58, 0.67, "55", "320", "2300"),
        ("Johnson", 0.61, 0.59, "5", "30", "1500"),
        ("dynamic weights and combined-image loss", 0.65, 0.48, "30", "150", "2100"),
    ],
    index=["gatys", "johnson", "gatys+"],
    columns=["method", "SSIM", "Gram difference", "s at 256 px", "s at 1024 px", "MB"],
)
"""What others measured, by kind of method: seconds for images of 256x256 and 1024x1024 pixels, and the peak memory."""
SOURCE = (
    "a survey's table for this method family; it names neither the Gram normalization of its GMD, nor its images, nor "
    "its machine: what compares is the order of its rows"
)


def evaluation_report(evaluation: Evaluation, costs: Sequence[Row]) -> str:
    """Return `table.md`.

    Args:
        evaluation: With its rows.
        costs: Rows of `stylenet.studies.costs.Costs`; none where nothing was measured.
    """
    columns = ["method", "kind", "style", "photograph", *NUMBERS, "error"]
    rows = pd.DataFrame(evaluation.rows, columns=columns).astype(dict.fromkeys(NUMBERS, float))
    good = rows[rows["error"].isna()].rename(columns=HEADINGS)
    shown = [heading for name, heading in HEADINGS.items() if good[heading].notna().any()]
    parts = ["# Evaluation", _evaluation_setting(evaluation, shown)]
    parts += ["## By method", markdown(_by_method(evaluation, good, shown, costs))]
    if any(row["estimated"] for row in costs):
        parts.append("~ estimated: the seconds of a few steps, times the number of steps.")
    by_style = good.sort_values("style", key=lambda column: column.map(list(evaluation.styles).index), kind="stable")
    by_style = by_style.groupby(["style", "method"], sort=False)[shown].mean().reset_index()
    parts += ["## By style", markdown(by_style), "## Beside a survey", markdown(_beside(evaluation, good, costs))]
    parts.append(f"Theirs: {SOURCE}. Our MB are those at 1024 px.")
    failed = [f"{r['method']}, {r['style']}, {r['photograph']}: {r['error']}" for r in evaluation.rows if r["error"]]
    failed += [f"{row['method']} at {row['side']:.0f} px: {row['error']}" for row in costs if row["error"]]
    return "\n\n".join(parts + (["## What failed", bullets(failed)] if failed else [])) + "\n"


def figures_json(judge: str, **rows: Sequence[Row]) -> str:
    """Return the judge and tables of rows by their names as JSON; null is what was not measured."""
    known = {
        name: [{key: value if value == value else None for key, value in row.items()} for row in table]  # NaN is not
        for name, table in rows.items()
    }
    return json.dumps({"judge": judge, **known}, indent=2)


def _evaluation_setting(evaluation: Evaluation, shown: Sequence[str]) -> str:
    """Return the list of what was compared, and how."""
    lines = [
        f"photographs: {len(evaluation.photographs)}, their longer side {evaluation.size} pixels; styles "
        f"{', '.join(evaluation.styles)}, their shorter side {evaluation.size} pixels; on {evaluation.device}",
        f"judge: {evaluation.judge_line}",
    ]
    for method in evaluation.methods:
        if isinstance(method, Gatys):
            lines.append(f"{method.name}: {method.steps} steps of L-BFGS, loss network {method.loss_network}")
    lines += [f"{HEADINGS[name]}: {meaning}" for name, meaning in FIGURES.items() if HEADINGS[name] in shown]
    lines.append("a copy of the photograph is best by most of these: read every row beside the untouched photograph's")
    if evaluation.lpips is None:
        lines.append(
            f"LPIPS: left out, none of {', '.join(LPIPS_FILES.values())} is in STYLENET_WEIGHTS or torch hub's cache"
        )
    else:
        lines.append(f"LPIPS: by the network {evaluation.lpips.network}")
    return bullets(lines)


def _by_method(evaluation: Evaluation, good: pd.DataFrame, shown: Sequence[str], costs: Sequence[Row]) -> pd.DataFrame:
    """Return the table of means over all pictures of a method, what one costs, and what is known of its training."""
    groups = good.groupby("method", sort=False)
    table = groups[list(shown)].mean()
    table.insert(0, "pictures", groups.size())
    for unit, name in (("s", "seconds"), ("MB", "memory_mb")) if costs else ():
        for side in SIDES:
            table[f"{unit} at {side} px"] = [_cost(costs, method, side, name) for method in table.index]
    if any(method.trained for method in evaluation.methods):
        units = {"steps": "steps", "seconds": "s"}
        trained = {method.name: method.trained for method in evaluation.methods}
        table["training"] = [", ".join(f"{n:,.0f} {units[key]}" for key, n in trained[m].items()) for m in table.index]
    return table.reset_index()


def _cost(costs: Sequence[Row], method: str, side: int, name: str) -> str | None:
    """Return the seconds or the megabytes of a method; `~` marks an estimate."""
    for row in costs:
        if row["method"] == method and row["side"] == side and row[name] is not None:
            mark = "~" if name == "seconds" and row["estimated"] else ""
            return f"{mark}{row[name]:.3g}" if name == "seconds" else f"{row[name]:.0f}"
    return None


def _beside(evaluation: Evaluation, good: pd.DataFrame, costs: Sequence[Row]) -> pd.DataFrame:
    """Return the survey's table, and our means over all methods of a kind."""
    ours = good.groupby("kind")[["SSIM", "Gram difference"]].mean()
    firsts = {method.kind: method.name for method in reversed(evaluation.methods)}
    measured = {"s at 256 px": (256, "seconds"), "s at 1024 px": (1024, "seconds"), "MB": (1024, "memory_mb")}
    for heading, (side, name) in measured.items():
        ours[heading] = [_cost(costs, firsts[kind], side, name) for kind in ours.index]
    named = SURVEY.assign(method=SURVEY["method"] + " (`" + SURVEY.index + "`)")
    if "photograph" in ours.index:
        named.loc["photograph", "method"] = "untouched photograph"
    both = named.join(ours, lsuffix=", theirs", rsuffix=", ours")
    return both[["method", *(f"{name}, {whose}" for name in ours for whose in ("theirs", "ours"))]]


def picture_grid(evaluation: Evaluation) -> Tensor:
    """Return a row for each style and photograph, a column for each method, and the style image at the end.

    What a method cannot paint, or failed at, is left white.
    """
    made = {(row["method"], row["style"], row["photograph"]): row["picture"] for row in evaluation.rows}
    names = [method.name for method in evaluation.methods]
    rows = []
    for style in evaluation.styles:
        painting = resize(evaluation.painting(style), evaluation.size, side="long")
        for photograph in evaluation.photographs:
            row = [made.get((name, style, photograph)) for name in names]
            pictures = [load_image(evaluation.output / path) if path else torch.ones(1, 3, 1, 1) for path in row]
            rows.append([*pictures, painting])
    return captioned(rows, [*names, "style"])
