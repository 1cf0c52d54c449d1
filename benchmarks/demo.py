"""Measure the page of `stylenet demo`: its start, many uploads in a row, many visitors at once.

    python benchmarks/demo.py [--uploads 50] [--visitors 10]

Prints seconds from the command to the first page and from there to the first picture, and from a move of a slider to
the picture that follows; the server's memory over the uploads, and whether every visitor got the picture of their own
photograph. Needs Linux, chromium, gradio, playwright.
"""

import argparse
import io
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from base64 import b64decode
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
WARM = 10
"""Uploads before memory is looked at: until then caches fill."""
SIZE = 640, 480
SLIDERS = {"Strength": 0.4, "Size of the strokes": 1.1}
"""Where each begins. The first one leaves what the network gave as it is, the second needs it anew."""
MOVES = 10
"""Of each slider."""
MOVE = """([label, value]) => new Promise(done => {
  const slider = document.querySelector(`input[type=range][aria-label*="${label}"]`), began = performance.now();
  const picture = document.querySelector('.after'), before = picture.src;
  const look = () => {
    const now = document.querySelector('.after');
    if (now.src === before || !now.complete) return requestAnimationFrame(look);
    done(performance.now() - began);
  };
  slider.value = value;
  slider.dispatchEvent(new Event('input', { bubbles: true }));
  look();
})"""
"""Moves it, and gives milliseconds until another picture is shown."""


def photograph(folder: Path, number: int) -> tuple[Path, np.ndarray]:
    """Write a photograph that no other number has, and return it with its mean color."""
    color = np.random.default_rng(number).integers(30, 226, 3)
    noise = np.random.default_rng(number).integers(-30, 30, (SIZE[1] // 8, SIZE[0] // 8, 1))
    picture = Image.fromarray((color + noise).clip(0, 255).astype(np.uint8)).resize(SIZE)
    path = folder / f"{number}.png"
    picture.save(path)
    return path, np.asarray(picture).mean((0, 1))


def memory(process: int) -> float:
    """Return how many megabytes a process holds."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]


def cpu_seconds(process: int) -> float:
    """Return how long a process has computed, which its neighbors do not change."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def visitor(browser: "Browser", address: str) -> "Page":
    """Return the page as a new visitor sees it."""
    page = browser.new_context().new_page()
    page.set_default_timeout(300_000)
    page.goto(address)
    page.get_by_text("Photographs, painted").wait_for()
    return page


def drop(page: "Page", path: Path) -> str | None:
    """Send a photograph in place of the last one, and return the result before."""
    before = page.locator(".after").first.get_attribute("src") if page.locator(".after").count() else None
    clear = page.get_by_role("button", name="Clear").first
    if before and clear.is_visible():
        clear.click()
        page.locator(".after").wait_for(state="detached")
        before = None
    page.locator("input[type=file]").first.set_input_files(str(path))
    return before


def await_picture(page: "Page", before: str | None) -> np.ndarray:
    """Wait for the next picture, and return the mean color of the photograph beside it."""
    page.wait_for_function("old => (document.querySelector('.after')?.src ?? old) !== old", arg=before)
    shown = page.locator(".before-after img").first.get_attribute("src") or ""
    return np.asarray(Image.open(io.BytesIO(b64decode(shown.partition(",")[2])))).mean((0, 1))


def is_own(seen: np.ndarray, sent: np.ndarray) -> bool:
    """Tell whether the photograph on a page is the one that was sent."""
    return bool(np.abs(seen - sent).max() < 2)


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--uploads", type=int, default=50)
    parser.add_argument("--visitors", type=int, default=10)
    options = parser.parse_args()
    if options.uploads <= WARM:
        parser.error(f"--uploads is {options.uploads}: give more than {WARM}")
    from playwright.sync_api import sync_playwright

    folder = Path(tempfile.mkdtemp())
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        command = [sys.executable, "-m", "stylenet.cli.main", "demo"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            try:
                measure(browser, server, folder, options)
            finally:
                began = time.perf_counter()
                server.send_signal(signal.SIGINT)
                print(f"Ctrl-C: code {server.wait()}, after {time.perf_counter() - began:.1f} s")
        browser.close()
    shutil.rmtree(folder)


def measure(browser: "Browser", server: "subprocess.Popen[str]", folder: Path, options: argparse.Namespace) -> None:
    """Print the figures of a server that was just started."""
    assert server.stdout is not None
    began = time.perf_counter()
    address = server.stdout.readline().split()[1]
    listening, computed = time.perf_counter(), cpu_seconds(server.pid)
    page = visitor(browser, address)
    first = time.perf_counter()
    await_picture(page, drop(page, photograph(folder, 0)[0]))
    print(
        f"listens after {listening - began:.1f} s ({computed:.1f} s of one core), page {first - began:.1f} s, ", end=""
    )
    print(f"first picture {time.perf_counter() - first:.1f} s later", flush=True)
    measure_sliders(page)
    measure_uploads(page, server.pid, folder, options.uploads)
    measure_visitors(browser, address, folder, options.visitors)
    print(f"memory at the end {memory(server.pid):.0f} MB")


def measure_sliders(page: "Page") -> None:
    """Move two sliders again and again, and print how soon the picture follows."""
    page.get_by_text("Strength, strokes").click()
    page.get_by_role("slider", name="Strength").wait_for()
    page.wait_for_timeout(3000)
    for label, first in SLIDERS.items():
        took = [page.evaluate(MOVE, [label, first + 0.05 * move]) / 1000 for move in range(MOVES)]
        print(f"{label}: a move is followed after {np.median(took):.2f} s, at most {max(took):.2f} s", flush=True)


def measure_uploads(page: "Page", process: int, folder: Path, uploads: int) -> None:
    """Send photographs one after the other, and print the server's memory."""
    own, held = 0, []
    for number in range(1, uploads + 1):
        path, color = photograph(folder, number)
        own += is_own(await_picture(page, drop(page, path)), color)
        held.append(memory(process))
    print(
        f"{own} of {uploads} uploads answered with their own picture; memory after {WARM} {held[WARM - 1]:.0f} MB, ",
        end="",
    )
    print(f"at most {max(held[WARM:]):.0f} MB, at last {held[-1]:.0f} MB", flush=True)


def measure_visitors(browser: "Browser", address: str, folder: Path, visitors: int) -> None:
    """Have visitors send a photograph at one time, and print whether each saw their own."""
    pages = [visitor(browser, address) for _ in range(visitors)]
    sent = [photograph(folder, 1000 + number) for number in range(visitors)]
    began = time.perf_counter()
    for page, (path, _) in zip(pages, sent, strict=True):
        drop(page, path)
    own = sum(is_own(await_picture(page, None), color) for page, (_, color) in zip(pages, sent, strict=True))
    print(f"{own} of {visitors} visitors saw their own picture, the last after {time.perf_counter() - began:.1f} s")


if __name__ == "__main__":
    main()
