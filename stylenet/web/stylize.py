"""The tab Stylize: a picture that follows the sliders, and the same at full size."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from stylenet.errors import InputError
from stylenet.web.app_state import AppState
from stylenet.web.components import before_after, problem
from stylenet.web.inputs import Inputs
from stylenet.web.jobs import Job
from stylenet.web.limits import told
from stylenet.web.networks import tile_for
from stylenet.web.sessions import Session
from stylenet.web.work import Updates, Work

SIZES = [("As it was taken", 0), ("2160 pixels", 2160), ("1080 pixels", 1080), ("512 pixels, as shown here", 512)]


class StylizeTab:
    """The tab.

    Args:
        state: What tabs share.
        inputs: Photograph and look.
    """

    def __init__(self, state: AppState, inputs: Inputs) -> None:
        self.state = state
        self.result = before_after("Drop a photograph, and it is painted here")
        self.size = gr.Dropdown(SIZES, value=0, label="Longer side of the picture to download", filterable=False)
        self.work = Work(state, "stylize", "Make it at full size")
        self.download = gr.DownloadButton("Download the picture", visible=False)
        gr.on(
            inputs.changes,
            self.preview,
            inputs.controls,
            [self.result, self.work.status, self.download],
            trigger_mode="multiple",  # gradio's "always_last" loses a change now and then
            show_progress="hidden",
            concurrency_limit=None,
        )
        self.work.when_started(self.full_size, [self.size, *inputs.controls], [self.download])

    def preview(self, request: gr.Request, *controls: Any) -> Updates:
        """Show the picture at preview size; of several requests that wait, the visitor's last one is answered."""
        from stylenet.web.pictures import compared

        session = self.state.visitor(request)
        choice = session.choice(*controls)
        newest = session.request()
        hidden: Updates = {self.download: gr.update(visible=False)}
        if choice.photograph is None:
            return {self.result: None, self.work.status: "", **hidden}
        try:
            with self.state.networks.lock:
                if not newest():
                    return {self.work.status: gr.skip()}
                photograph = session.preview(choice.photograph)
                image = self.state.networks.preview(choice, photograph)
            return {self.result: compared(photograph, image, choice.words), self.work.status: "", **hidden}
        except InputError as error:
            if not newest():
                return {self.work.status: gr.skip()}
            return {self.work.status: problem(told(error, session.folder.parent)), **hidden}

    def full_size(self, request: gr.Request, size: int, *controls: Any) -> Iterator[Updates]:
        """Make the picture at full size."""
        from stylenet.images import resize, save_image
        from stylenet.web.pictures import read_picture

        def paint(session: Session, job: Job) -> Path:
            choice = session.choice(*controls)
            photograph = resize(read_picture(choice.photograph, session.limits), size or None, side="long")
            stylizer = self.state.networks.open(choice, tile_for(photograph))

            def tell(done: int, total: int) -> None:
                job.tell(done, total)

            image = stylizer(photograph, tell)
            target = session.new_file(f"{Path(str(choice.photograph)).stem}-{Path(choice.names[0]).stem}.png")
            save_image(image, target)
            return target

        def end(session: Session, target: Path) -> Updates:
            return {self.download: gr.update(value=str(target), visible=True)}

        yield from self.work.run(request, paint, end=end)
