"""The tab Stylize: a photograph, a style, and a picture that follows the sliders."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from stylenet.errors import InputError
from stylenet.images import save_image
from stylenet.inference.sizes import scaled
from stylenet.web.jobs import Job, Stopped
from stylenet.web.limits import read_picture, told
from stylenet.web.networks import Choice, tile_for
from stylenet.web.parts import address, before_after, brush, compared, problem, saying, status_line, upload
from stylenet.web.picker import Picker, chosen, title
from stylenet.web.studio import Studio

TAB = "stylize"
SIZES = [("As the photograph", 0), ("2160 pixels", 2160), ("1080 pixels", 1080), ("512 pixels, as shown", 512)]


class StylizeTab:
    """The tab.

    Args:
        studio: What tabs share.
        names: The flagship's styles.
    """

    def __init__(self, studio: Studio, names: list[str]) -> None:
        self.studio = studio
        with gr.Row():
            with gr.Column(scale=2, min_width=280):
                self.photograph = upload("Photograph", height=240)
                self.picker = Picker(names)
                with gr.Accordion("Paint where the style goes", open=False):
                    self.brush = brush()
            with gr.Column(scale=3, min_width=280):
                self.result = before_after("Your picture appears here")
                self.status = status_line()
                self.size = gr.Dropdown(SIZES, value=0, label="Longer side of the picture", filterable=False)
                with gr.Row():
                    self.make = gr.Button("Make it at full size", variant="primary")
                    self.stop = gr.Button("Cancel", visible=False)
                self.download = gr.DownloadButton("Download the picture", visible=False)
        self.mask = gr.State(None)
        self._connect()

    def _connect(self) -> None:
        controls = [self.photograph, self.mask, *self.picker.controls]
        self.photograph.input(self.begin, self.photograph, [self.photograph, self.brush, self.mask, self.status])
        self.picker.painting.input(self.begin_painting, self.picker.painting, [self.picker.painting, self.status])
        self.brush.input(_mask, outputs=self.mask)
        gr.on(
            [control.change for control in controls],
            self.preview,
            controls,
            [self.result, self.status, self.download],
            trigger_mode="always_last",
            show_progress="hidden",
            concurrency_id="preview",
            concurrency_limit=1,
        )
        self.make.click(
            self.full_size,
            [self.size, *controls],
            [self.result, self.status, self.make, self.stop, self.download],
            show_progress="hidden",
            concurrency_limit=None,
        )
        self.stop.click(self.studio.sessions.stopper(TAB), queue=False)

    def begin(self, request: gr.Request, path: str | None) -> tuple[Any, Any, None, str]:
        """Take a new photograph, or none."""
        session = self.studio.sessions.of(request)
        self.studio.sessions.keep(session, TAB, path)
        session.stop(TAB)
        try:
            return gr.skip(), gr.update(photo=address(session.preview(path)) if path else ""), None, ""
        except InputError as error:
            self.studio.sessions.keep(session, TAB, None)
            return None, gr.update(photo=""), None, problem(told(error, session.folder.parent))

    def begin_painting(self, request: gr.Request, path: str | None) -> tuple[Any, str]:
        """Take a painting, or none."""
        session = self.studio.sessions.of(request)
        self.studio.sessions.keep(session, "painting", path)
        try:
            if path:
                read_picture(path, self.studio.limits, "a painting")
            return gr.skip(), ""
        except InputError as error:
            self.studio.sessions.keep(session, "painting", None)
            return None, problem(told(error, session.folder.parent))

    def preview(self, request: gr.Request, path: str | None, mask: str | None, *values: Any) -> dict[Any, Any]:
        """Show the picture at preview size."""
        session = self.studio.sessions.of(request)
        hidden = {self.download: gr.update(visible=False)}
        if path is None:
            return {self.result: None, **hidden}
        try:
            choice = chosen(session, *values, mask=mask)
            photograph = session.preview(path)
            shown = self.studio.networks.preview(choice, photograph)
            return {self.result: compared(photograph, shown, _words(choice)), self.status: "", **hidden}
        except InputError as error:
            return {self.status: problem(told(error, session.folder.parent)), **hidden}

    def full_size(
        self, request: gr.Request, size: int, path: str | None, mask: str | None, *values: Any
    ) -> Iterator[dict[Any, Any]]:
        """Make the picture at full size, with progress, until it is done or cancelled."""
        session = self.studio.sessions.of(request)
        idle = {self.make: gr.update(interactive=True), self.stop: gr.update(visible=False)}
        try:
            choice = chosen(session, *values, mask=mask)
            job = session.start(TAB, self.studio.desk.start(lambda job: self._paint(job, choice, path, size or None)))
            yield {self.make: gr.update(interactive=False), self.stop: gr.update(visible=True)}
            for step in job.follow():
                yield {self.status: saying(step.text, step.done, step.total)}
            target = session.new_file(f"{Path(str(path)).stem}-{Path(values[0]).stem}.png")
            save_image(job.result, target)
            yield {self.status: saying("Done"), self.download: gr.update(value=str(target), visible=True), **idle}
        except Stopped:
            yield {self.status: saying("Cancelled"), **idle}
        except InputError as error:
            yield {self.status: problem(told(error, session.folder.parent)), **idle}

    def _paint(self, job: Job, choice: Choice, path: str | None, size: int | None) -> Any:
        photograph = scaled(read_picture(path, self.studio.limits), size)
        stylizer = self.studio.networks.open(choice, tile_for(photograph))
        return stylizer(photograph, job.tell)


def _mask(event: gr.EventData) -> str:
    """Return what was painted."""
    return str(event.mask)


def _words(choice: Choice) -> str:
    """Return what a picture shows."""
    style = "your painting" if choice.painting else title(choice.style)
    return f"The photograph in the style of {style}" + (f" and {title(choice.second)}" if choice.second else "")
