"""`stylenet evaluate --films`: how steady films are, and what that costs in looks."""

import sys

from stylenet.cli.exits import FAILED, INTERRUPTED, OK, stop_when_asked
from stylenet.console import Watch, print_card
from stylenet.errors import InputError, one_line
from stylenet.images import written_beside
from stylenet.studies.film import FILM_FIGURES
from stylenet.studies.film_evaluation import HEADINGS, FilmEvaluation, film_table
from stylenet.studies.methods import Stopped
from stylenet.studies.report import figures_json, markdown

READING = (
    "the untouched film is steadiest but for a blurred one: read errors beside its own, and beside the sharpness",
    "the flow is Farnebäck's, on the untouched films; that of stabilized rows is another, DIS",
    "MB: peak of a process that paints a square of as many pixels as a frame has",
)


def evaluate_films(evaluation: FilmEvaluation, as_json: bool) -> int:
    """Fill the rows, write and print `table.md`, and return the exit code.

    Args:
        evaluation: What to paint and measure.
        as_json: Whether to print figures in place of the table.

    Raises:
        InputError: The place cannot be written.
    """
    print_card(
        {
            "films": ", ".join(evaluation.films),
            "styles": ", ".join(evaluation.styles),
            "methods": ", ".join(method.name for method in evaluation.methods),
            "judge": evaluation.judge_line,
            "device": str(evaluation.device),
            "output": str(evaluation.output),
        }
    )
    failed: list[str] = []
    asked = _work(evaluation, failed)
    text = report(evaluation, failed)
    with written_beside(evaluation.output / "table.md") as temporary:
        temporary.write_text(text, encoding="utf-8")
    print(figures_json(evaluation.judge_line, films=evaluation.rows) if as_json else text)
    ending = "; interrupted, repeat the command to go on" if asked else ""
    print(f"wrote {evaluation.output}{ending}", file=sys.stderr)
    return INTERRUPTED if asked else FAILED if failed else OK


def _work(evaluation: FilmEvaluation, failed: list[str]) -> bool:
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
                watch.console.print(f"failed: {failed[-1]}")
            except Stopped:
                return True
            if asked:
                return True
    return False


def report(evaluation: FilmEvaluation, failed: list[str]) -> str:
    """Return the report in Markdown.

    Args:
        evaluation: Whose rows are shown.
        failed: A line for each film that could not be measured.
    """
    frames = f"the first {evaluation.frames} frames" if evaluation.frames else "all frames"
    lines = [
        f"{frames} of each film, longer side {evaluation.size} pixels; on {evaluation.device}",
        f"judge: {evaluation.judge_line}",
        *([f"stabilized: strength {evaluation.strength:g}"] if evaluation.strength else []),
        *(f"{HEADINGS.get(name, name)}: {meaning}" for name, meaning in FILM_FIGURES.items()),
        *READING,
    ]
    parts = ["# Films", "\n".join(f"- {line}" for line in lines), markdown(film_table(evaluation.rows))]
    parts += ["## What failed", "\n".join(f"- {line}" for line in failed)] if failed else []
    return "\n\n".join(parts) + "\n"
