"""What the tests in a browser do with the page."""

import mimetypes
import re
from base64 import b64encode
from pathlib import Path

import av
import numpy as np
import torch
from PIL import Image

PATIENCE = 100.0
"""Seconds."""
UNFOLDED = 1500
"""Milliseconds until what has just been unfolded listens; a person takes longer."""
PANEL = "[role=tabpanel]:visible"
PHOTOGRAPH = "button.upload-container"
PAINTING, FILES = f".label-wrap ~ div {PHOTOGRAPH}", f"[role=tabpanel] {PHOTOGRAPH}"
"""Where files are dropped."""
DROP = """([place, files]) => {
  const found = document.querySelector(place);
  if (!found) return false;
  const transfer = new DataTransfer();
  for (const [name, type, content] of files)
    transfer.items.add(new File([Uint8Array.from(atob(content), char => char.charCodeAt(0))], name, { type }));
  return found.dispatchEvent(new DragEvent('drop', { dataTransfer: transfer, bubbles: true })) || true;
}"""


def photograph(path, seed=0, size=(96, 128)):
    """Write a soft, colorful picture."""
    coarse = torch.rand(1, 3, 4, 5, generator=torch.Generator().manual_seed(seed))
    array = torch.nn.functional.interpolate(coarse, size, mode="bicubic").clamp(0, 1)[0].permute(1, 2, 0).numpy()
    Image.fromarray((255 * array).astype(np.uint8)).save(path)
    return path


def film(path, frames=6):
    """Write a short film."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=6)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for index in range(frames):
            array = np.full((64, 96, 3), 40 * index, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(array, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def drop(page, *paths, place=PHOTOGRAPH):
    """Drop files on the page.

    Its inputs are no sure way: gradio puts a new one in the place of the last at every change, and a file that is given
    to the last just then is lost. A visitor, who chooses it in a dialog, is not as quick.
    """
    files = [
        (Path(path).name, mimetypes.guess_type(path)[0] or "", b64encode(Path(path).read_bytes()).decode())
        for path in paths
    ]
    page.wait_for_function(DROP, arg=[place, files])


def shown(page):
    """Return the result's address, once there is one."""
    return page.locator(f"{PANEL} .after").get_attribute("src")


def changed(page, before):
    """Wait until another result is shown, and return its address."""
    page.wait_for_function(
        "old => [...document.querySelectorAll('.after')].find(image => image.checkVisibility())?.src !== old",
        arg=before,
    )
    return shown(page)


def said(page, text):
    """Wait until the tab's status line says something."""
    page.locator(f"{PANEL} [role=status]").get_by_text(re.compile(text)).wait_for()


def downloaded(page, button, path):
    """Press a button that downloads, and return the file."""
    with page.expect_download() as download:
        page.get_by_role("button", name=button).or_(page.get_by_role("link", name=button)).first.click()
    download.value.save_as(path)
    return path


def open_tab(page, name):
    """Open a tab, which may be behind the three dots where there is no room. A click too early is not heard."""
    page.get_by_role("tab", name="Stylize").wait_for()
    tab, hidden = page.get_by_role("tab", name=name), page.locator(".overflow-dropdown").get_by_text(name)
    while not page.get_by_role("tab", name=name, selected=True).is_visible():
        if not tab.is_visible() and not hidden.is_visible():
            page.locator(".overflow-menu > button").click()
        (tab if tab.is_visible() else hidden).click()
        page.wait_for_timeout(100)
    page.wait_for_timeout(UNFOLDED)


def stroke(page):
    """Paint with the brush across the photograph's upper left part."""
    page.get_by_text("Paint where the style goes").click()
    canvas = page.locator(".brush canvas")
    canvas.scroll_into_view_if_needed()
    page.wait_for_function("() => document.querySelector('.brush img').naturalWidth > 0")
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + 0.1 * box["width"], box["y"] + 0.2 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 0.2 * box["height"], steps=4)
    page.mouse.up()
