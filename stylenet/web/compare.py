"""The tab Compare: one photograph, one style, several ways to paint it, and what they measure."""

from collections.abc import Iterator
from contextlib import suppress
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from stylenet.errors import InputError
from stylenet.resources import shipped_networks
from stylenet.web.app_state import AppState
from stylenet.web.inputs import Inputs
from stylenet.web.jobs import Job, Stopped
from stylenet.web.networks import Choice, title
from stylenet.web.sessions import Session
from stylenet.web.work import Updates, Work

if TYPE_CHECKING:
    from stylenet.studies.evaluation import Evaluation, Row
    from stylenet.studies.methods import Method

FIGURES = {
    "ssim": "Like the photograph, of 1",
    "gram_difference": "Away from the painting",
    "content_distance": "Away from the photograph",
    "seconds": "Seconds",
}
"""Figures of `stylenet evaluate` that are shown, and what they are called."""
SIZES = [("256 pixels", 256), ("384 pixels", 384), ("512 pixels", 512)]
STEPS = 100
NAMES = {
    "photograph": "The photograph",
    "adain": "Network for any painting",
    "multistyle": "Network of ten styles",
    "gatys": f"Optimise, {STEPS} steps",
    "own": "What was learnt here",
}
"""What ways to paint are called on the page; other networks by their style."""


class CompareTab:
    """The tab.

    Args:
        state: What tabs share.
        inputs: Photograph and style.
    """

    def __init__(self, state: AppState, inputs: Inputs) -> None:
        self.state = state
        ways = [(called(name), name) for name in (*shipped_networks(), "gatys", "own")]
        gr.Markdown("Of the look, the style alone counts here. Networks that never learnt it are left out.")
        self.ways = gr.CheckboxGroup(ways, value=["adain", "multistyle", "gatys"], label="Ways to paint")
        self.size = gr.Dropdown(SIZES, value=256, label="Longer side", filterable=False)
        self.work = Work(state, "compare", "Compare")
        self.table = gr.HTML("")
        self.work.when_started(self.go, [self.ways, self.size, *inputs.controls], [self.table])

    def go(self, request: gr.Request, ways: list[str], size: int, *controls: Any) -> Iterator[Updates]:
        """Paint in every way, and show each as soon as it is there."""

        def work(session: Session, job: Job) -> str:
            return _filled(job, _evaluation(session, session.choice(*controls), ways, size))

        def step(new: dict[str, Any]) -> Updates:
            return {self.table: new["table"]}

        yield from self.work.run(request, work, step, lambda session, table: {self.table: table})


def called(way: str) -> str:
    """Return what a way to paint is called on the page."""
    return NAMES.get(way, f"Network of {title(way)} alone")


def _evaluation(session: Session, choice: Choice, ways: list[str], size: int) -> "Evaluation":
    """Return the evaluation of several ways to paint; the photograph is decoded here once, and scaled down.

    Raises:
        InputError: There is no photograph that can be used, or no way that knows the style.
    """
    from stylenet.devices import pick_device
    from stylenet.images import resize, save_image
    from stylenet.studies.evaluation import Evaluation
    from stylenet.studies.pictures import find_styles
    from stylenet.web.pictures import read_picture

    photograph, output = session.new_file("photograph.png"), session.new_file("compared")
    save_image(resize(read_picture(choice.photograph, session.limits), size, side="long"), photograph)
    styles = find_styles(choice.names[:1])
    given = [way for way in ways if way != "own"]
    given += [str(choice.own.network)] if choice.own and "own" in ways else []
    methods = _knowing(given, *styles)
    return Evaluation(methods, {"photograph": photograph}, styles, output, size, pick_device())


def _knowing(ways: list[str], style: str) -> list["Method"]:
    """Return the ways that can paint a style, after the untouched photograph.

    Raises:
        InputError: None can.
    """
    from stylenet.devices import pick_device
    from stylenet.studies.methods import find_methods

    found: dict[str, Method] = {}
    for way in ways:
        with suppress(InputError):  # it never learnt the style
            found |= {method.name: method for method in find_methods([way], [style], STEPS, pick_device())}
    if not found:
        raise InputError("choose ways to paint that know this style: the network for any painting does")
    return list(found.values())


def _filled(job: Job, evaluation: "Evaluation") -> str:
    """Return the table of an evaluation, which is shown row by row."""
    from stylenet.studies.methods import Stopped as Cut

    cells = evaluation.cells()
    done, total = 0, sum(cell.method.steps for cell in cells)

    def tick() -> bool:
        nonlocal done
        done += 1
        job.tell(done, total)
        return False

    for cell in cells:
        try:
            evaluation.fill(cell, tick)
        except Cut:
            raise Stopped from None
        job.tell(done, total, table=table(evaluation.rows, evaluation.output))
    return table(evaluation.rows, evaluation.output)


def table(rows: list["Row"], folder: Path) -> str:
    """Return pictures side by side, each with its figures, as HTML.

    Args:
        rows: Of an evaluation.
        folder: Where its pictures are.
    """
    from stylenet.images import load_image
    from stylenet.web.pictures import address

    shown = []
    for row in rows:
        name = escape(called(str(row["method"])))
        figures = "".join(
            f"<dt>{label}</dt><dd>{row[figure]:.2f}</dd>"
            for figure, label in FIGURES.items()
            if row[figure] is not None
        )
        seen = f'<img src="{address(load_image(folder / row["picture"]))}" alt="{name}">' if row["picture"] else ""
        error = f"<p>{escape(str(row['error']))}</p>" if row["error"] else ""
        shown.append(f"<figure>{seen}<figcaption>{name}</figcaption><dl>{figures}</dl>{error}</figure>")
    return f'<div class="compared">{"".join(shown)}</div>'
