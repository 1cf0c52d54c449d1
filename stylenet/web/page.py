"""The page: its tabs, its colors, and what happens when a visitor comes and goes."""

import gradio as gr

from stylenet.web.app_state import AppState
from stylenet.web.compare import CompareTab
from stylenet.web.components import GROUPS_JS
from stylenet.web.films import FilmsTab
from stylenet.web.inputs import Inputs
from stylenet.web.learn import LearnTab
from stylenet.web.optimise import OptimiseTab
from stylenet.web.stylize import StylizeTab

TITLE = "stylenet"
THEME = gr.themes.Soft(primary_hue="indigo", font=["system-ui", "sans-serif"], font_mono=["monospace"])
TABS = {
    "Stylize": StylizeTab,
    "Optimise": OptimiseTab,
    "Film and many": FilmsTab,
    "Learn": LearnTab,
    "Compare": CompareTab,
}


def build(state: AppState) -> gr.Blocks:
    """Return the page.

    Args:
        state: What its tabs share.
    """
    with gr.Blocks(title=TITLE, analytics_enabled=False) as page:
        gr.Markdown("# stylenet\nPhotographs, painted. Everything stays on the machine that shows this page.")
        with gr.Row():
            with gr.Column(scale=2, min_width=280):
                inputs = Inputs(state, state.networks.names())
            with gr.Column(scale=3, min_width=280):
                for name, tab in TABS.items():
                    with gr.Tab(name):
                        tab(state, inputs)
        page.load(inputs.show_thumbnails, outputs=inputs.thumbnails, show_progress="hidden")
        page.load(None, js=GROUPS_JS)
        page.unload(state.sessions.close)
    return page
