"""The page, shown by a server in this process, and a browser that looks at it."""

import shutil

import pytest
from support import ROOT

CHROMIUM = "chromium", "chromium-browser", "google-chrome"
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
FLAGS += ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
PATIENCE = 100_000
"""Milliseconds until a browser gives up: machines that test do other things too."""


@pytest.fixture(scope="session")
def address():
    """Where the page is."""
    pytest.importorskip("gradio", reason="the page needs gradio: pip install -e '.[web]'")
    from stylenet.web.limits import Limits
    from stylenet.web.server import running

    with running("127.0.0.1", None, Limits(megabytes=20, film_seconds=5)) as address:
        yield address


@pytest.fixture(scope="session")
def chromium():
    """The system's browser, started once."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install -e '.[dev]'")
    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if path is None:
        pytest.skip("needs a browser: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium, address):
    """Return a function that opens the page as a new visitor, who has never been there."""
    contexts = []

    def open_page(place=address, greeting="Photographs, painted", **options):
        context = chromium.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = context.new_page()
        page.goto(place)
        page.get_by_text(greeting).first.wait_for()
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture
def shipped_network():
    """The network of many styles."""
    return ROOT / "checkpoints" / "multistyle.safetensors"
