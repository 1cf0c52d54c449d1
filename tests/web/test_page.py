"""The page in a real browser."""

import os
import re
import struct
import time
import zipfile
import zlib
from pathlib import Path
from urllib.parse import urlparse

import pytest
import torch
from browsing import (
    FILES,
    PANEL,
    PATIENCE,
    UNFOLDED,
    changed,
    downloaded,
    drop,
    film,
    open_tab,
    photograph,
    said,
    shown,
    stroke,
)

from stylenet.cli.infer import run as infer
from stylenet.images import load_image

pytestmark = pytest.mark.browser

REQUESTS = "() => performance.getEntriesByType('resource').map(entry => entry.name)"
UNNAMED = """() => [...document.querySelectorAll('input, button, select, textarea, img, canvas')].filter(element => {
  if (!element.checkVisibility() || element.type === 'file') return false;
  if (element.tagName === 'IMG') return !element.alt;
  const own = element.getAttribute('aria-label') || element.getAttribute('title') || element.textContent.trim();
  return !own && !(element.labels && element.labels.length) && !element.getAttribute('aria-labelledby');
}).map(element => element.outerHTML.slice(0, 200))"""


def test_download_has_the_pixels_that_infer_writes(visit, tmp_path, shipped_network):
    page = visit()
    drop(page, photograph(tmp_path / "photo.png"))
    first = shown(page)
    page.get_by_label("The scream").check(force=True)
    second = changed(page, first)
    page.get_by_text("Strength, strokes").click()
    page.wait_for_timeout(UNFOLDED)
    page.get_by_role("slider", name="Strength").fill("0.5")
    changed(page, second)
    page.get_by_role("button", name="Make it at full size").click()
    said(page, "Finished")
    path = downloaded(page, "Download the picture", tmp_path / "page.png")
    given = f"--ckpt={shipped_network} --input={tmp_path / 'photo.png'} --output={tmp_path / 'infer.png'}"
    infer([*given.split(), "--style=the_scream", "--alpha=0.5", "--device=cpu"])
    assert torch.equal(load_image(path), load_image(tmp_path / "infer.png"))


def test_only_what_is_painted_changes(visit, tmp_path):
    page = visit()
    drop(page, photograph(tmp_path / "photo.png"))
    before = shown(page)
    stroke(page)
    changed(page, before)
    page.get_by_role("button", name="Make it at full size").click()
    said(page, "Finished")
    image = load_image(downloaded(page, "Download the picture", tmp_path / "page.png"))
    difference = (image - load_image(tmp_path / "photo.png")).abs().amax(1)[0]  # (H, W)
    assert difference[40:].max() == 0
    assert difference[15:24, 16:50].mean() > 0.02


def test_slider_uncovers_the_photograph(visit, tmp_path):
    page = visit()
    drop(page, photograph(tmp_path / "photo.png"))
    slider = page.get_by_label("Show this much of the photograph")
    slider.fill("40")
    clip = "() => getComputedStyle(document.querySelector('.after')).clipPath"
    assert "40%" in page.evaluate(clip)
    before = shown(page)
    page.get_by_label("Tahiti").check(force=True)
    changed(page, before)
    assert (slider.input_value(), "40%" in page.evaluate(clip)) == ("40", True)  # it stays where it was put


def test_running_work_is_cancelled(visit, tmp_path):
    page = visit()
    drop(page, photograph(tmp_path / "large.png", size=(2400, 3200)))
    shown(page)
    page.get_by_role("button", name="Make it at full size").click()
    page.get_by_role("button", name="Cancel").click()
    said(page, "Cancelled")
    assert page.get_by_role("button", name="Make it at full size").is_enabled()
    assert not page.get_by_role("button", name="Download the picture").is_visible()


def test_optimised_picture_can_be_paused_and_is_kept_when_stopped(visit, tmp_path):
    page = visit()
    drop(page, photograph(tmp_path / "photo.png"))
    open_tab(page, "Optimise")
    page.get_by_label("number input for Longer side in pixels").fill("128")
    page.get_by_label("number input for Steps").fill("500")
    page.get_by_role("button", name="Start").click()
    shown(page)
    page.get_by_role("button", name="Pause").click()
    said(page, "Paused, ")
    still = shown(page)
    page.wait_for_timeout(1500)
    assert shown(page) == still
    page.get_by_role("button", name="Go on").click()
    changed(page, still)
    page.get_by_role("button", name="Stop, and keep the picture").click()
    said(page, "Finished")
    image = load_image(downloaded(page, "Download the picture", tmp_path / "optimised.png"))
    assert image.shape[-2:] == (96, 128)
    assert page.locator(f"{PANEL} video").get_attribute("src")


def test_films_and_photographs_come_back_as_a_zip(visit, tmp_path):
    page = visit()
    open_tab(page, "Film and many")
    files = [film(tmp_path / "film.mp4"), photograph(tmp_path / "photo.png")]
    drop(page, *files, place=FILES)
    page.get_by_label("Remove this file").or_(page.locator(".file")).nth(1).wait_for()
    page.get_by_role("button", name="Paint them all").click()
    said(page, "Finished")
    path = downloaded(page, "Download painted.zip", tmp_path / "painted.zip")
    assert sorted(zipfile.ZipFile(path).namelist()) == ["film.mp4", "photo.png"]


def test_bad_files_get_a_friendly_line(visit, tmp_path):
    page = visit()
    chunks = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0), b"IDAT" + zlib.compress(bytes(1000))
    sealed = [struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part)) for part in chunks]
    (tmp_path / "huge.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(sealed))
    (tmp_path / "letter.jpg").write_text("Dear reader")
    (tmp_path / "empty.mp4").touch()
    drop(page, tmp_path / "huge.png")
    page.get_by_text("Huge.png has too many pixels").first.wait_for()
    drop(page, tmp_path / "letter.jpg")
    page.get_by_text("Letter.jpg is not an image").first.wait_for()
    page.locator(f"{PANEL} [role=status]:not(:has(*))").wait_for(state="attached")  # it is said but once
    open_tab(page, "Film and many")
    drop(page, tmp_path / "empty.mp4", place=FILES)
    page.get_by_label("empty.mp4").wait_for()
    page.get_by_role("button", name="Paint them all").click()
    said(page, "mpty.mp4 is empty")


def test_two_visitors_see_their_own_pictures(visit, tmp_path):
    one, other = visit(), visit()
    drop(one, photograph(tmp_path / "one.png", seed=1))
    drop(other, photograph(tmp_path / "other.png", seed=2))
    seen = shown(one), shown(other)
    assert seen[0] != seen[1]
    for page in (one, other):
        page.get_by_label("Great wave").check(force=True)
    later = changed(one, seen[0]), changed(other, seen[1])
    photographs = [page.locator(f"{PANEL} .before-after img").first.get_attribute("src") for page in (one, other)]
    assert photographs[0] != photographs[1]
    assert later[0] != later[1]
    assert later[1] not in one.content()
    assert "other.png" not in one.content()


def test_files_go_when_the_visitor_leaves(visit, tmp_path):
    page = visit()
    drop(page, photograph(tmp_path / "mine_alone.png", seed=3))
    shown(page)
    page.get_by_role("button", name="Make it at full size").click()
    said(page, "Finished")
    folder = Path(os.environ["GRADIO_TEMP_DIR"])
    assert {path.suffix for path in folder.rglob("mine_alone*")} == {".png"}
    page.context.close()

    def left() -> list[str]:  # `rglob` would stumble over a folder that goes away meanwhile
        return [name for _, _, names in os.walk(folder) for name in names if name.startswith("mine_alone")]

    deadline = time.monotonic() + PATIENCE
    while left() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert left() == []


def test_page_fits_a_phone_and_the_dark(visit, tmp_path):
    page = visit(viewport={"width": 390, "height": 844}, color_scheme="dark", has_touch=True)
    drop(page, photograph(tmp_path / "photo.png"))
    shown(page)
    for tab in ("Stylize", "Optimise", "Film and many", "Learn", "Compare"):
        open_tab(page, tab)
        assert page.evaluate("() => document.documentElement.scrollWidth") <= 390, tab
    background = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    assert max(map(int, re.findall(r"\d+", background)[:3])) < 80


def test_everything_has_a_name_for_those_who_cannot_see(visit, tmp_path):
    page = visit()
    drop(page, photograph(tmp_path / "photo.png"))
    shown(page)
    for tab in ("Stylize", "Optimise", "Film and many", "Learn", "Compare"):
        open_tab(page, tab)
        assert page.evaluate(UNNAMED) == [], tab


def test_nothing_leaves_the_machine(visit, tmp_path, address):
    page = visit()
    asked = []

    def let_through(route):
        asked.append(route.request.url)
        return route.continue_() if urlparse(route.request.url).netloc == urlparse(address).netloc else route.abort()

    page.context.route("**/*", let_through)
    page.reload()
    drop(page, photograph(tmp_path / "photo.png"))
    shown(page)
    here = urlparse(address).netloc
    outside = {
        url for url in [*asked, *page.evaluate(REQUESTS)] if urlparse(url).scheme in ("http", "https", "ws", "wss")
    }
    assert len(asked) > 5
    assert {url for url in outside if urlparse(url).netloc != here} == set()
