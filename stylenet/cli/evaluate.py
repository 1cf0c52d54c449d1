"""The command `stylenet evaluate`: compare methods in figures and pictures."""

import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from jsonargparse.typing import ClosedUnitInterval

from stylenet.acceleration.allocator import keep_memory
from stylenet.cli.arguments import Count, Pixels, Steps, call
from stylenet.cli.exits import FAILED, INTERRUPTED, OK, stop_when_asked
from stylenet.console import Watch, print_card
from stylenet.devices import pick_device
from stylenet.errors import InputError, one_line
from stylenet.images import save_image, written_beside
from stylenet.inference.outputs import check_writable
from stylenet.locking import alone_in
from stylenet.studies.costs import Costs
from stylenet.studies.evaluation import PICTURES, RESULTS, Evaluation, Row
from stylenet.studies.evaluation_report import evaluation_report, figures_json, picture_grid
from stylenet.studies.film_evaluation import FilmEvaluation, film_report, find_films
from stylenet.studies.methods import Stopped, find_methods
from stylenet.studies.pictures import find_labels, find_styles, photographs_in

GRID = "grid.png"


def evaluate(
    styles: list[str],
    output: str,
    photographs: str | None = None,
    films: list[str] | None = None,
    methods: list[str] | None = None,
    size: Pixels = 256,
    steps: Steps = 300,
    limit: Count | None = None,
    judge: str | None = None,
    labels: str | None = None,
    device: str = "auto",
    runtime: bool = True,
    stabilize: ClosedUnitInterval = 0.8,
    json: bool = False,
) -> int:
    """Paint photographs or films by several methods, and measure what comes out.

    Writes results.csv, table.md and, of photographs, grid.png and every picture; what an earlier run finished in the
    output folder is not done again. Exit codes: 0 done, 1 something failed (named in table.md), 2 bad input, 130
    interrupted (what is done stays).

    Args:
        styles: Names or paths of paintings.
        output: A folder.
        photographs: A folder, with its sub-folders.
        films: In their place: films, whose flicker is measured too.
        methods: gatys; gatys+, with dynamic weights and the combined image; or files of networks, as FILE=STYLE where
            the file does not say its style; by default gatys,gatys+. The untouched photograph is always measured too.
        size: Longer side of photographs and films, shorter side of paintings.
        steps: Of gatys and gatys+.
        limit: Take so many photographs, or frames of each film, the first ones.
        judge: Backbone that measures; by default the best at hand that is the loss network of none.
        labels: A folder of stylenet pseudo-label, to compare with those too.
        device: auto, cpu, cuda, cuda:N or mps.
        runtime: Measure seconds and memory at 256 and 1024 pixels too; of films, memory.
        stabilize: Of films: strength of the stabilized rows, from 0 to 1; 0 for none.
        json: Print the figures of every picture as JSON, for pipes, in place of the table.
    """
    keep_memory()
    place, folder = pick_device(device), Path(output)
    check_writable([folder / RESULTS])
    paintings = find_styles(styles)
    chosen = methods or (["gatys", "gatys+"] if films is None else ["photograph"])
    if films is not None:
        if photographs or labels:
            raise InputError("--films stands alone: leave out --photographs and --labels")
        clips, found = find_films(films), find_methods(chosen, list(paintings), steps, place)
        given = found, clips, paintings, folder, size, place, judge, limit, stabilize, runtime
        with alone_in(folder):
            return evaluate_films(FilmEvaluation(*given), json)
    if photographs is None:
        raise InputError("give --photographs or --films; see stylenet evaluate --help")
    pictures = photographs_in(photographs, limit, without=[folder / PICTURES, folder / GRID])
    found = find_methods(chosen, list(paintings), steps, place)
    evaluation = Evaluation(found, pictures, paintings, folder, size, place, judge, find_labels(labels))
    with alone_in(folder):
        return evaluate_photographs(evaluation, runtime, json)


run = partial(call, evaluate, "stylenet evaluate", unnamed=("photographs", "styles", "output"))
"""Takes the arguments of a command line, and returns the exit code."""


def evaluate_photographs(evaluation: Evaluation, runtime: bool, as_json: bool) -> int:
    """Fill the rows, write and print what comes of them, and return the exit code.

    Args:
        evaluation: What to paint and measure.
        runtime: Whether to measure seconds and memory.
        as_json: Whether to print figures in place of the table.

    Raises:
        InputError: The place cannot be written.
    """
    costs, cells = Costs(evaluation), evaluation.cells()
    finished = sum(evaluation.finished(cell) for cell in cells)
    _print_card(
        evaluation,
        photographs=f"{len(evaluation.photographs)}, longer side {evaluation.size} pixels",
        pictures=f"{len(cells)}, of which {finished} are there already",
    )
    asked = fill(evaluation, costs, measured=runtime)
    save_image(picture_grid(evaluation), evaluation.output / GRID)
    figures = {"pictures": evaluation.rows, "runtime": costs.rows} if as_json else None
    failed = any(row["error"] for row in (*evaluation.rows, *costs.rows))
    left = f" with {len(cells) - len(evaluation.rows)} pictures left" if asked else None
    return _finish(evaluation, evaluation_report(evaluation, costs.rows), figures, failed, left)


def fill(evaluation: Evaluation, costs: Costs, measured: bool) -> bool:
    """Fill the rows under a progress bar, and return whether Ctrl-C ended it.

    It stops after the current step; a picture that it cuts short is not kept.

    Args:
        evaluation: What to paint and measure.
        costs: What to time.
        measured: Whether to time at all.
    """
    cells = evaluation.cells()
    steps = sum(cell.method.steps for cell in cells if not evaluation.finished(cell))
    with stop_when_asked() as asked, Watch(steps, asked) as watch:
        try:
            for cell in cells:
                if asked:
                    return True
                watch.begin(cell.picture)
                row = evaluation.fill(cell, watch.tick)
                if row["error"]:
                    watch.say(f"failed: {cell.picture}: {row['error']}")
        except Stopped:
            return True
        for method, side in costs.wanted() if measured else []:
            if asked:
                return True
            watch.begin(f"time and memory of {method.name} at {side} pixels")
            row = costs.fill(method, side)
            if row["error"]:
                watch.say(f"failed: {method.name} at {side} pixels: {row['error']}")
        return bool(asked)


def evaluate_films(evaluation: FilmEvaluation, as_json: bool) -> int:
    """Fill the rows, write and print what comes of them, and return the exit code; see `evaluate_photographs`."""
    _print_card(evaluation, films=", ".join(evaluation.films))
    failed: list[str] = []
    asked = fill_films(evaluation, failed)
    figures = {"films": evaluation.rows} if as_json else None
    return _finish(evaluation, film_report(evaluation, failed), figures, bool(failed), "" if asked else None)


def fill_films(evaluation: FilmEvaluation, failed: list[str]) -> bool:
    """Fill the rows under a progress bar, and return whether Ctrl-C ended it; lists what failed."""
    counts = {film: evaluation.count(film) for film in evaluation.films}
    steps = sum(counts[film] for film, style in evaluation.cells if not evaluation.finished(film, style))
    with stop_when_asked() as asked, Watch(steps, asked, "frame") as watch:
        for film, style in evaluation.cells:
            watch.begin(f"{film}, {style}")
            try:
                evaluation.fill(film, style, watch.tick)
            except InputError as error:
                failed.append(one_line(f"{film}, {style}: {error}"))
                watch.say(f"failed: {failed[-1]}")
            except Stopped:
                return True
            if asked:
                return True
    return False


def _print_card(evaluation: Evaluation | FilmEvaluation, **subjects: str) -> None:
    """Print what is compared."""
    print_card(
        {
            **subjects,
            "styles": ", ".join(evaluation.styles),
            "methods": ", ".join(method.name for method in evaluation.methods),
            "judge": evaluation.judge_line,
            "device": str(evaluation.device),
            "output": str(evaluation.output),
        }
    )


def _finish(
    evaluation: Evaluation | FilmEvaluation,
    table: str,
    figures: Mapping[str, Sequence[Row]] | None,
    failed: bool,
    left: str | None,
) -> int:
    """Write the table, print it or the figures, and return the exit code.

    Args:
        evaluation: Whose results these are.
        table: In Markdown.
        figures: Rows by their names, to be printed in place of the table.
        failed: Whether anything did.
        left: What is left to do where Ctrl-C ended the work, else None.
    """
    with written_beside(evaluation.output / "table.md") as temporary:
        temporary.write_text(table, encoding="utf-8")
    print(table if figures is None else figures_json(evaluation.judge_line, **figures))
    ending = "" if left is None else f"; interrupted{left}, repeat the command to go on"
    print(f"wrote {evaluation.output}{ending}", file=sys.stderr)
    return INTERRUPTED if left is not None else FAILED if failed else OK
