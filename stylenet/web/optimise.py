"""The tab Optimise: the picture itself is worked on, step by step (Gatys et al. 2016)."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
import pandas as pd

from stylenet.errors import InputError
from stylenet.web.app_state import AppState
from stylenet.web.components import before_after
from stylenet.web.inputs import Inputs
from stylenet.web.jobs import Job
from stylenet.web.networks import Choice
from stylenet.web.sessions import Session
from stylenet.web.work import Updates, Work

if TYPE_CHECKING:
    from torch import Tensor

    from stylenet.film.timelapse import Film
    from stylenet.gatys.optimize import Result
    from stylenet.gatys.pictures import Pictures
    from stylenet.gatys.run import Progress

BACKBONE = "vgg16"
STRENGTH = 5.0
"""Of the style where the slider says 1: the usual one."""
PARTS = {"content": "away from the photograph", "style": "away from the painting"}
COLORS = {PARTS["content"]: "#4e79a7", PARTS["style"]: "#f28e2b"}
SECONDS = 1.0
"""Between two pictures that are shown."""


@dataclass(frozen=True)
class Made:
    """What is left of a run.

    Args:
        before: The photograph, (1, 3, H, W) in [0, 1].
        result: Of the optimization.
        picture: Its file.
        film: File of the film, if there is one.
    """

    before: "Tensor"
    result: "Result"
    picture: Path
    film: Path | None


class OptimiseTab:
    """The tab.

    Args:
        state: What tabs share.
        inputs: Photograph and look.
    """

    def __init__(self, state: AppState, inputs: Inputs) -> None:
        self.state = state
        gr.Markdown(
            "Slower, and often finer: the picture is changed a little at a time until it looks like the painting."
        )
        self.result = before_after("The picture appears here while it is worked on")
        self.steps = gr.Slider(20, 500, 200, step=10, label="Steps", buttons=[])
        self.size = gr.Slider(128, 768, 384, step=32, label="Longer side in pixels", buttons=[])
        self.filmed = gr.Checkbox(True, label="Make a film of it")
        self.work = Work(state, "optimise", "Start", "Stop, and keep the picture")
        self.pause = gr.Button("Pause", visible=False)
        self.losses = gr.LinePlot(
            x="step",
            y="distance",
            color="of",
            color_map=COLORS,
            label="How far from painting (orange) and photograph (blue)",
            visible=False,
            color_title=" ",  # of a legend for which gradio leaves no room
            height=280,
        )
        self.download = gr.DownloadButton("Download the picture", visible=False)
        self.film = gr.Video(label="Film of it", visible=False, buttons=["download"], interactive=False)
        shown = [self.result, self.losses, self.download, self.film, self.pause]
        self.work.when_started(self.go, [self.steps, self.size, self.filmed, *inputs.controls], shown)
        self.pause.click(self.hold, outputs=self.pause, queue=False)

    def hold(self, request: gr.Request) -> str:
        """Pause, or go on, and return what the button says next."""
        job = self.state.visitor(request).jobs[self.work.tab]
        (job.paused.clear if job.paused.is_set() else job.paused.set)()
        return "Go on" if job.paused.is_set() else "Pause"

    def go(self, request: gr.Request, steps: int, size: int, filmed: bool, *controls: Any) -> Iterator[Updates]:
        """Optimize until the steps are done, or until the visitor has enough."""
        from stylenet.web.pictures import compared

        def work(session: Session, job: Job) -> Made:
            film = session.new_file("film.mp4") if filmed else None
            return _optimized(session, job, session.choice(*controls), steps, size, film)

        def step(new: dict[str, Any]) -> Updates:
            return {
                self.result: new["image"],
                self.losses: gr.update(value=new["losses"], visible=True),
                self.pause: gr.update(visible=True),  # again, as `Work.run` does with its buttons
            }

        def end(session: Session, made: Made) -> Updates:
            if made.result.diverged:
                raise InputError(made.result.diverged)
            return {
                self.result: compared(made.before, made.result.image, session.choice(*controls).words),
                self.download: gr.update(value=str(made.picture), visible=True),
                self.film: gr.update(value=made.film and str(made.film), visible=made.film is not None),
            }

        yield {self.pause: gr.update(value="Pause", visible=True), self.download: gr.update(visible=False)}
        yield from self.work.run(request, work, step, end, keeps=True)
        yield {self.pause: gr.update(visible=False)}


def _optimized(session: Session, job: Job, choice: Choice, steps: int, size: int, film: Path | None) -> Made:
    """Return what the optimization of a choice leaves."""
    from stylenet.features.weights import resolve_weights
    from stylenet.film.timelapse import Film
    from stylenet.gatys.defaults import gatys_loss, gatys_shares
    from stylenet.gatys.optimize import optimize
    from stylenet.images import save_image
    from stylenet.losses.weighting import Balanced

    pictures = _pictures(session, choice, size)
    loss = gatys_loss(BACKBONE, resolve_weights(BACKBONE, "auto"), pictures.styles, {"style_weight": 1.0})
    weighting = Balanced(gatys_shares(BACKBONE, STRENGTH * max(choice.strength, 0.05)))
    watch = _Watch(job, pictures, choice, None)
    how: dict[str, Any] = {
        "init": pictures.init,
        "only": pictures.only,
        "masks": pictures.masks,
        "preserve_color": choice.colors,
    }
    how |= {"steps": steps, "weighting": weighting, "callback": watch}
    if film is None:
        result = optimize(pictures.content, pictures.styles, loss, **how)
    else:
        with Film(film) as watch.film:
            result = optimize(pictures.content, pictures.styles, loss, **how)
            watch.film.hold(result.image)
    picture = session.new_file(f"{Path(str(choice.photograph)).stem}-optimised.png")
    save_image(result.image, picture)
    return Made(pictures.content, result, picture, film)


def _pictures(session: Session, choice: Choice, size: int) -> "Pictures":
    """Return the pictures of a choice; larger paintings make larger strokes."""
    from stylenet.gatys.pictures import load_pictures
    from stylenet.images import save_image
    from stylenet.web.pictures import painted, read_picture

    photograph = read_picture(choice.photograph, session.limits)
    short = size * min(photograph.shape[-2:]) / max(photograph.shape[-2:])
    masks = []
    for mask in painted(choice.mask):
        both = [mask, 1 - mask] if choice.second else [mask]
        for index, part in enumerate(both):
            masks.append(str(session.new_file(f"mask_{index}.png")))
            save_image(part.expand(-1, 3, -1, -1), masks[-1])
    return load_pictures(
        photograph,
        choice.names,
        size=size,
        style_size=max(64, round(short * choice.strokes)),
        style_weights=choice.shares or None,
        masks=masks,
    )


@dataclass
class _Watch:
    """Shows a run to the visitor, films it, and ends it when asked."""

    job: Job
    pictures: "Pictures"
    choice: Choice
    film: "Film | None"
    shown: float = 0.0

    def __post_init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def __call__(self, progress: "Progress") -> bool:
        from stylenet.web.pictures import compared

        record, steps = progress.record, progress.steps
        told = {name: value for name, value in record.weighted.items() if name in PARTS}
        self.rows += [
            {"step": record.step, "distance": float(value), "of": PARTS[name]} for name, value in told.items()
        ]
        if self.film:
            self.film.follow(record.step, steps, progress.image)
        if record.seconds - self.shown < SECONDS and record.step > 1:
            return self.job.tell(record.step, steps)
        self.shown = record.seconds
        image = compared(self.pictures.content, progress.image(), self.choice.words)
        return self.job.tell(record.step, steps, image=image, losses=pd.DataFrame(self.rows))
