"""The page: its tabs, its colors, and what happens when a visitor comes and goes."""

import gradio as gr

from stylenet.web.parts import CSS
from stylenet.web.picker import shipped, thumbnails
from stylenet.web.studio import Studio
from stylenet.web.stylize import StylizeTab

TITLE = "stylenet"
FONTS = ["system-ui", "sans-serif"]
THEME = gr.themes.Soft(primary_hue="indigo", font=FONTS, font_mono=["monospace"])


def build(studio: Studio) -> gr.Blocks:
    """Return the page.

    Args:
        studio: What its tabs share.
    """
    names = studio.networks.names()
    with gr.Blocks(title=TITLE, analytics_enabled=False) as page:
        gr.Markdown("# stylenet\nPhotographs, painted. Everything stays on the machine that shows this page.")
        gr.HTML(thumbnails(shipped(names)))
        with gr.Tab("Stylize"):
            StylizeTab(studio, names)
        page.unload(studio.sessions.close)
    return page
