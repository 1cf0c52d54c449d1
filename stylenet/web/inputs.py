"""What every tab starts from: a photograph and a look, chosen once beside the tabs."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import gradio as gr

from stylenet.errors import InputError
from stylenet.web.app_state import AppState
from stylenet.web.components import brush, problem, status_line, upload
from stylenet.web.limits import told
from stylenet.web.networks import title
from stylenet.web.sessions import Session

THUMBNAIL = 96
NOTHING = ""
"""What menus give for nothing."""
COLORS = [("The painting's", NOTHING), ("The photograph's", "luminance"), ("The photograph's, loosely", "coral")]


class Inputs:
    """Photograph, style, painting and how to paint, in the block that is open.

    Args:
        state: What tabs share.
        names: The flagship's styles.
    """

    def __init__(self, state: AppState, names: list[str]) -> None:
        self.state, self.names = state, names
        self.photograph = upload("Photograph", height=240)
        self.status = status_line()
        self.style = gr.Radio(_titled(names), value=names[0], label="Style", elem_classes="styles")
        with gr.Accordion("Or a painting of yours", open=False):
            self.painting = upload("Painting", camera=False, height=200)
        with gr.Accordion("Strength, strokes, colors, blending", open=False):
            self.strength = gr.Slider(0, 1, 1, step=0.05, label="Strength", buttons=[])
            self.strokes = gr.Slider(0.25, 4, 1, step=0.05, label="Size of the strokes", buttons=[])
            self.colors = gr.Radio(COLORS, value=NOTHING, label="Colors")
            self.second = gr.Dropdown(
                [("Nothing", NOTHING), *_titled(names)], value=NOTHING, label="Blend with", filterable=False
            )
            self.blend = gr.Slider(0, 1, 0.5, step=0.05, label="How much of that", buttons=[])
        with gr.Accordion("Paint where the style goes", open=False):
            gr.Markdown("With two styles, the second goes where nothing is painted.")
            self.brush = brush()
        self.thumbnails = gr.HTML("")  # last: it takes room, and shows nothing itself
        self.mask = gr.State(None)
        self._connect()

    @property
    def controls(self) -> list[Any]:
        """What a picture depends on, in the order that `Session.choice` takes."""
        look = [self.second, self.blend, self.strength, self.strokes, self.colors]
        return [self.photograph, self.mask, self.style, self.painting, *look]

    @property
    def changes(self) -> list[Any]:
        """What happens when one of the controls changes."""
        return [control.change for control in self.controls]

    def _connect(self) -> None:
        self.photograph.input(self.begin, self.photograph, [self.photograph, self.brush, self.mask, self.status])
        self.painting.input(self.begin_painting, self.painting, [self.painting, self.status])
        self.brush.input(_painted, outputs=self.mask)

    def show_thumbnails(self) -> str:
        """Return the thumbnails of the flagship's styles; see `thumbnails`."""
        self.state.loaded.wait()
        return self._shipped

    @cached_property
    def _shipped(self) -> str:
        return thumbnails(dict.fromkeys(self.names))

    def begin(self, request: gr.Request, path: str | None) -> tuple[Any, Any, None, str]:
        """Take a new photograph, or none."""
        from stylenet.web.pictures import address

        session = self.state.visitor(request)
        self.state.sessions.keep(session, "photograph", *filter(None, [path]))
        try:
            return gr.skip(), gr.update(photo=address(session.preview(path)) if path else ""), None, ""
        except InputError as error:
            self.state.sessions.keep(session, "photograph")
            return None, gr.update(photo=""), None, problem(told(error, session.folder.parent))

    def begin_painting(self, request: gr.Request, path: str | None) -> tuple[Any, str]:
        """Take a painting, or none."""
        from stylenet.web.pictures import read_picture

        session = self.state.visitor(request)
        self.state.sessions.keep(session, "painting", *filter(None, [path]))
        try:
            if path:
                read_picture(path, self.state.limits)
            return gr.skip(), ""
        except InputError as error:
            self.state.sessions.keep(session, "painting")
            return None, problem(told(error, session.folder.parent))

    def with_learnt(self, session: Session) -> dict[Any, Any]:
        """Return what changes when a visitor has a style of their own: it is chosen."""
        learnt = {name: own.painting for name, own in session.learnt.items()}
        choices = _titled([*self.names, *learnt])
        chosen = gr.update(choices=choices, value=list(learnt)[-1])
        return {self.style: chosen, self.painting: None, self.thumbnails: self._shipped + thumbnails(learnt)}


def thumbnails(paintings: Mapping[str, Path | None]) -> str:
    """Return what shows the paintings on the buttons of their styles, as HTML.

    Args:
        paintings: Their files, by name; None for the one of that name that ships.
    """
    from stylenet.data.styles import find_style
    from stylenet.images import load_image, resize
    from stylenet.web.pictures import address

    rules = []
    for name, path in paintings.items():
        shown = address(resize(load_image(path or find_style(name)), THUMBNAIL))
        rules.append(f'.styles [data-testid="{title(name)}-radio-label"]::before {{ background-image: url({shown}) }}')
    return f"<style>{' '.join(rules)}</style>"


def _titled(names: list[str]) -> list[tuple[str, str]]:
    return [(title(name), name) for name in names]


def _painted(event: gr.EventData) -> str:
    """Return what was painted."""
    return str(event.mask)
