"""Ways to give the page a photograph, with and without a mouse, in a real browser."""

import pytest
from browsing import UNFOLDED, changed, drop, photograph, shown

pytestmark = pytest.mark.browser

COPY = """async () => {
  const canvas = document.createElement('canvas'), context = canvas.getContext('2d');
  [canvas.width, canvas.height] = [120, 80];
  context.fillStyle = '#c40'; context.fillRect(0, 0, 120, 80);
  context.fillStyle = '#08c'; context.fillRect(0, 0, 60, 40);
  const file = await new Promise(done => canvas.toBlob(done, 'image/png'));
  await navigator.clipboard.write([new ClipboardItem({'image/png': file})]);
}"""
FOCUS = """() => {
  const now = document.activeElement;
  return now.getAttribute('aria-label') || now.labels?.[0]?.textContent.trim() || now.textContent.trim().slice(0, 40);
}"""


def test_photograph_is_chosen_among_files(visit, tmp_path):
    page = visit()
    page.wait_for_timeout(UNFOLDED)
    with page.expect_file_chooser() as dialog:
        page.get_by_label("Drop an image").first.click()
    dialog.value.set_files(photograph(tmp_path / "photo.png"))
    shown(page)


def test_photograph_is_pasted(visit):
    page = visit(permissions=["clipboard-read", "clipboard-write"])
    page.evaluate(COPY)
    page.get_by_label("Paste from clipboard").first.click()
    shown(page)
    assert "120 / 80" in page.locator(".before-after").get_attribute("style")


def test_photograph_is_taken_with_the_camera(visit):
    page = visit(permissions=["camera"])
    page.get_by_label("Capture from camera").click()
    page.get_by_text("Click to Access Webcam").click()
    page.wait_for_function("() => document.querySelector('video')?.videoWidth > 0")
    page.get_by_label("capture photo").click()
    shown(page)
    assert "512 / 384" in page.locator(".before-after").get_attribute("style")


def test_keys_alone_choose_a_style_and_uncover_the_photograph(visit, tmp_path):
    page = visit()
    drop(page, photograph(tmp_path / "photo.png"))
    first = shown(page)
    page.get_by_label("Starry night").press("ArrowRight")
    changed(page, first)
    assert page.get_by_label("Great wave").is_checked()
    for _ in range(3):
        page.get_by_label("Show this much of the photograph").press("ArrowRight")
    assert "3%" in page.evaluate("() => getComputedStyle(document.querySelector('.after')).clipPath")


def test_tab_key_goes_from_the_photograph_to_the_look_to_the_work(visit):
    page = visit()
    page.wait_for_timeout(1500)  # until gradio has put everything in its place
    order = []
    for _ in range(30):
        page.keyboard.press("Tab")
        order.append(page.evaluate(FOCUS))
    stations = ["Drop an image", "Starry night", "Or a painting", "Strength", "Paint where", "Stylize", "Make it"]
    found = [next(index for index, name in enumerate(order) if name.startswith(start)) for start in stations]
    assert found == sorted(found), order
