"""A tab's long work: the buttons that start and stop it, and the line that tells how far it is."""

import traceback
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from stylenet.errors import InputError
from stylenet.web.app_state import AppState
from stylenet.web.components import problem, saying, status_line
from stylenet.web.jobs import Job, JobQueue, Stopped
from stylenet.web.limits import told
from stylenet.web.sessions import Session

Updates = dict[Any, Any]
"""What changes on the page, by component."""


class Work:
    """Two buttons and a line.

    Args:
        state: What tabs share.
        tab: Its name; a visitor has one work in each tab.
        start: What the first button says.
        stop: What the second says.
        queue: Where its works queue; by default with all others.
    """

    def __init__(
        self, state: AppState, tab: str, start: str, stop: str = "Cancel", queue: JobQueue | None = None
    ) -> None:
        self.state, self.tab, self.queue = state, tab, queue or state.queue
        self.status = status_line()
        with gr.Row():
            self.start = gr.Button(start, variant="primary")
            self.stop = gr.Button(stop, visible=False)
        self.stop.click(self._stop, queue=False)

    def when_started(
        self, handler: Callable[..., Any], inputs: list[Any], outputs: list[Any], button: gr.Button | None = None
    ) -> None:
        """Have the first button, or another one, call a handler, which yields what `run` does."""
        shown = [self.status, self.start, self.stop, *outputs]
        (button or self.start).click(handler, inputs, shown, show_progress="hidden", concurrency_limit=None)

    def run(
        self,
        request: gr.Request,
        work: Callable[[Session, Job], Any],
        step: Callable[[dict[str, Any]], Updates] | None = None,
        end: Callable[[Session, Any], Updates] | None = None,
        keeps: bool = False,
    ) -> Iterator[Updates]:
        """Do a work when its turn comes, and give what changes on the page until it has ended.

        Args:
            request: Of the visitor.
            work: Does it.
            step: Returns what else changes by what is newly shown of it.
            end: Returns what changes by its result; a text under `status` stands in for "Finished".
            keeps: Whether what there is when it is stopped counts as its result.
        """
        session = self.state.visitor(request)
        idle = {self.start: gr.update(interactive=True), self.stop: gr.update(visible=False)}
        # given with every step: of two changes in quick succession, a browser that is busy may lose one
        busy = {self.start: gr.update(interactive=False), self.stop: gr.update(visible=True)}
        job = session.start(self.tab, self.queue.start(lambda job: work(session, job), keeps))
        yield busy
        try:
            seen: dict[str, Any] = {}
            for now in job.follow():
                new = {name: value for name, value in now.shown.items() if seen.get(name) is not value}
                seen |= new
                changes = step(new) if step and new else {}
                yield {self.status: saying(now.text, now.done, now.total), **busy, **changes}
            yield {self.status: saying("Finished"), **idle, **(end(session, job.result) if end else {})}
        except Stopped:
            yield {self.status: saying("Cancelled"), **idle}
        except InputError as error:
            yield {self.status: problem(told(error, session.folder.parent)), **idle}
        except Exception:
            traceback.print_exc()
            yield {self.status: problem("Something went wrong here, and the log says what"), **idle}

    def _stop(self, request: gr.Request) -> None:
        self.state.visitor(request).stop(self.tab)
