"""What an evaluation found: tables in Markdown and a grid of pictures."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from stylenet.images import load_image, resize
from stylenet.studies.evaluate import Evaluation
from stylenet.studies.lpips import NETWORKS
from stylenet.studies.measure import FIGURES
from stylenet.studies.methods import Gatys, Method
from stylenet.studies.published import SOURCE, SURVEY
from stylenet.studies.runtime import SIDES
from stylenet.studies.sheets import captioned
from stylenet.studies.tables import markdown, means

HEADINGS = {
    "ssim": "SSIM",
    "mse": "MSE",
    "gram_difference": "Gram difference",
    "content_distance": "content distance",
    "lpips": "LPIPS",
    "label_ssim": "SSIM to label",
    "label_mse": "MSE to label",
}
Row = dict[str, Any]
Cells = list[str | float | None]


def report(evaluation: Evaluation, costs: Sequence[Row]) -> str:
    """Return `table.md`.

    Args:
        evaluation: With its rows.
        costs: Rows of `stylenet.studies.costs`; none where nothing was measured.
    """
    parts = ["# Evaluation", _setting(evaluation), "## By method", _by_method(evaluation, costs)]
    if any(row["estimated"] for row in costs):
        parts.append("~ estimated: the seconds of a few steps, times the number of steps.")
    parts += ["## By style", _by_style(evaluation)]
    parts += ["## Beside a survey", _beside(evaluation, costs), f"Theirs: {SOURCE}. Our MB are those at 1024 px."]
    if failed := _failures(evaluation, costs):
        parts += ["## What failed", "\n".join(f"- {line}" for line in failed)]
    return "\n\n".join(parts) + "\n"


def _failures(evaluation: Evaluation, costs: Sequence[Row]) -> list[str]:
    """Return a line for everything that failed."""
    pictures = [row for row in evaluation.rows if row["error"]]
    lines = [f"{row['method']}, {row['style']}, {row['photograph']}: {row['error']}" for row in pictures]
    return lines + [f"{row['method']} at {row['side']:.0f} px: {row['error']}" for row in costs if row["error"]]


def _setting(evaluation: Evaluation) -> str:
    """Return the list of what was compared, and how."""
    styles = ", ".join(evaluation.styles)
    lines = [
        f"photographs: {len(evaluation.photographs)}, their longer side {evaluation.size} pixels; styles {styles}, "
        f"their shorter side {evaluation.size} pixels; on {evaluation.device}",
        f"judge: {evaluation.judge_line}",
    ]
    for method in evaluation.methods:
        if isinstance(method, Gatys):
            lines.append(f"{method.name}: {method.steps} steps of L-BFGS, loss network {method.loss_network}")
    lines += [f"{HEADINGS[name]}: {meaning}" for name, meaning in FIGURES.items() if name in _present(evaluation)]
    lines.append("a copy of the photograph is best by most of these: read every row beside the untouched photograph's")
    if evaluation.lpips is None:
        lines.append(f"LPIPS: left out, none of {', '.join(NETWORKS.values())} is in torch hub's cache")
    else:
        lines.append(f"LPIPS: by the network {evaluation.lpips.network}")
    return "\n".join(f"- {line}" for line in lines)


def _present(evaluation: Evaluation) -> list[str]:
    """Return the figures that some row has; those of labels are not always there."""
    return [name for name in FIGURES if any(row.get(name) is not None for row in evaluation.rows)]


def _by_method(evaluation: Evaluation, costs: Sequence[Row]) -> str:
    """Return the table of means over all pictures of a method."""
    shown = _present(evaluation)
    header = ["method", "pictures", *(HEADINGS[name] for name in shown)]
    if costs:
        header += [f"s at {side} px" for side in SIDES] + [f"MB at {side} px" for side in SIDES]
    methods = {method.name: method for method in evaluation.methods}
    trained = any(method.trained for method in evaluation.methods)
    rows: list[Cells] = []
    for mean in means(_good(evaluation.rows), ["method"], shown):
        cells: Cells = [mean["method"], str(mean["count"]), *(mean[name] for name in shown)]
        if costs:
            cells += [_cost(costs, mean["method"], side, "seconds") for side in SIDES]
            cells += [_cost(costs, mean["method"], side, "memory_mb") for side in SIDES]
        rows.append(cells + ([_training(methods[mean["method"]])] if trained else []))
    return markdown(header + (["training"] if trained else []), rows)


def _good(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if not row["error"]]


def _cost(costs: Sequence[Row], method: str, side: int, name: str) -> str | float | None:
    """Return the seconds or the megabytes of a method; `~` marks an estimate."""
    for row in costs:
        if row["method"] == method and row["side"] == side and row[name] is not None:
            mark = "~" if name == "seconds" and row["estimated"] else ""
            return f"{mark}{row[name]:.3g}" if name == "seconds" else f"{row[name]:.0f}"
    return None


def _training(method: Method) -> str | None:
    """Return what is known of a method's training."""
    units = {"steps": "steps", "seconds": "s"}
    return ", ".join(f"{value:,.0f} {units[key]}" for key, value in method.trained.items()) or None


def _by_style(evaluation: Evaluation) -> str:
    """Return the table of means over the photographs, for each style and method."""
    shown = _present(evaluation)
    found = means(_good(evaluation.rows), ["style", "method"], shown)
    found.sort(key=lambda mean: list(evaluation.styles).index(mean["style"]))
    rows = [[mean["style"], mean["method"], *(mean[name] for name in shown)] for mean in found]
    return markdown(["style", "method", *(HEADINGS[name] for name in shown)], rows)


def _beside(evaluation: Evaluation, costs: Sequence[Row]) -> str:
    """Return the survey's table, and our means over all methods of a kind."""
    names = ["SSIM", "Gram difference", "s at 256 px", "s at 1024 px", "MB"]
    header = ["method", *(f"{name}, {whose}" for name in names for whose in ("theirs", "ours"))]
    ours = {mean["kind"]: mean for mean in means(_good(evaluation.rows), ["kind"], ["ssim", "gram_difference"])}
    rows: list[Cells] = []
    for kind, theirs in SURVEY.items():
        mine, first = ours.get(kind, {}), next((m.name for m in evaluation.methods if m.kind == kind), "")
        pairs: list[tuple[str | float | None, str | float | None]] = [
            (theirs.ssim, mine.get("ssim")),
            (theirs.gram_difference, mine.get("gram_difference")),
            (f"{theirs.seconds_256:.0f}", _cost(costs, first, 256, "seconds")),
            (f"{theirs.seconds_1024:.0f}", _cost(costs, first, 1024, "seconds")),
            (f"{theirs.memory_mb:.0f}", _cost(costs, first, 1024, "memory_mb")),
        ]
        rows.append([f"{theirs.name} (`{kind}`)", *(cell for pair in pairs for cell in pair)])
    if "photograph" in ours:
        untouched = ours["photograph"]
        rows.append(["untouched photograph", None, untouched["ssim"], None, untouched["gram_difference"], *[None] * 6])
    return markdown(header, rows)


def picture_grid(evaluation: Evaluation) -> Tensor:
    """Return a row for each style and photograph, a column for each method, and the style image at the end.

    What a method cannot paint, or failed at, is left white.
    """
    made = {(row["method"], row["style"], row["photograph"]): row["picture"] for row in _good(evaluation.rows)}
    names = [method.name for method in evaluation.methods]
    rows = []
    for style in evaluation.styles:
        painting = evaluation.painting(style)
        for photograph in evaluation.photographs:
            row = [made.get((name, style, photograph)) for name in names]
            pictures = [load_image(evaluation.output / path) if path else torch.ones(1, 3, 1, 1) for path in row]
            rows.append([*pictures, resize(painting, evaluation.size, side="long")])
    return captioned(rows, [*names, "style"])
