"""What all tabs of the page share."""

from dataclasses import dataclass, field
from threading import Event

import gradio as gr

from stylenet.web.jobs import JobQueue
from stylenet.web.limits import Limits
from stylenet.web.networks import Networks
from stylenet.web.sessions import Session, Sessions


@dataclass
class AppState:
    """What all tabs share.

    Args:
        limits: For visitors.
        sessions: The visitors.
        queue: Where long works queue.
        networks: What paints previews.
        trainings: Where trainings queue: one at a time.
        loaded: Set once torch and the first network are there, which takes seconds: the page is shown before.
    """

    limits: Limits
    sessions: Sessions
    queue: JobQueue
    networks: Networks = field(default_factory=Networks)
    trainings: JobQueue = field(default_factory=lambda: JobQueue(1))
    loaded: Event = field(default_factory=Event)

    def load(self) -> None:
        """Load what paints."""
        try:
            self.networks.warm()
        finally:
            self.loaded.set()

    def visitor(self, request: gr.Request) -> Session:
        """Return the session of a request, as soon as there is something to paint with."""
        self.loaded.wait()  # two threads that import torch at one time may see half of it
        return self.sessions.of(request)
