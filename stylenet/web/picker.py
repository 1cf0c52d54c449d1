"""The controls by which a visitor chooses a look; tabs that paint share them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gradio as gr

from stylenet.data.styles import find_style
from stylenet.images import load_image, resize
from stylenet.web.networks import Choice
from stylenet.web.parts import address, upload
from stylenet.web.sessions import Session

THUMBNAIL = 96
COLORS = [("The painting's", None), ("The photograph's", "luminance"), ("A mixture: the painting, tinted", "coral")]
NONE = ""
"""Value of the menu "Blend with" where nothing is blended."""


class Picker:
    """Style, painting, blend, strength, strokes and colors, in the block that is open.

    Args:
        names: The flagship's styles.
    """

    def __init__(self, names: list[str]) -> None:
        self.names = names
        self.style = gr.Radio(_titled(names), value=names[0], label="Style", elem_classes="styles")
        with gr.Accordion("Or your own painting", open=False):
            self.painting = upload("Painting", camera=False, height=200)
        with gr.Accordion("More", open=False):
            self.strength = gr.Slider(0, 1, 1, step=0.05, label="Strength")
            self.strokes = gr.Slider(0.25, 4, 1, step=0.05, label="Size of the strokes")
            self.colors = gr.Radio(COLORS, value=None, label="Colors")
            blended = [("Nothing", NONE), *_titled(names)]
            self.second = gr.Dropdown(blended, value=NONE, label="Blend with", filterable=False)
            self.blend = gr.Slider(0, 1, 0.5, step=0.05, label="How much of it")

    @property
    def controls(self) -> list[gr.components.Component]:
        """What a look depends on, in the order of `chosen`."""
        return [self.style, self.painting, self.second, self.blend, self.strength, self.strokes, self.colors]


def chosen(session: Session, *values: Any, mask: str | None = None) -> Choice:
    """Return what the controls say.

    Args:
        session: Whose learnt styles count too.
        *values: Of the controls, in their order.
        mask: What is painted.
    """
    style, painting, second, blend, strength, strokes, colors = values
    return Choice(style, painting, second or None, blend, strength, strokes, colors, mask, dict(session.learnt))


def title(name: str) -> str:
    """Return a style's name as people write it."""
    return name.replace("_", " ").capitalize()


def thumbnails(paintings: Mapping[str, Path]) -> str:
    """Return what shows the styles on their buttons, as HTML.

    Args:
        paintings: Their files, by name.
    """
    rules = []
    for name, path in paintings.items():
        picture = address(resize(load_image(path), THUMBNAIL))
        rules.append(f'.styles [data-testid="{title(name)}-radio-label"]::before {{ background-image: url({picture}) }}')
    return f"<style>{' '.join(rules)}</style>"


def shipped(names: list[str]) -> dict[str, Path]:
    """Return the paintings of styles that have been learnt long ago."""
    return {name: find_style(name) for name in names}


def _titled(names: list[str]) -> list[tuple[str, str]]:
    return [(title(name), name) for name in names]


