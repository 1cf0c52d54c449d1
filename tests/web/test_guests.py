"""Visitors in a browser who must give a password, who come all at once, who send one photograph after the other."""

from base64 import b64decode
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from browsing import PANEL, changed, drop, shown
from PIL import Image

from stylenet.web.limits import Limits

pytestmark = pytest.mark.browser


def colored(path, number):
    """Write a photograph whose color no other number has, and return it with the color."""
    color = np.random.default_rng(number).integers(30, 226, 3)
    Image.new("RGB", (96, 72), tuple(map(int, color))).save(path / f"{number}.png")
    return path / f"{number}.png", color


def seen(page, path):
    """Return the mean color of the photograph that a page shows beside its result."""
    address = page.locator(f"{PANEL} .before-after img").first.get_attribute("src")
    path.write_bytes(b64decode(address.partition(",")[2]))
    return np.asarray(Image.open(path)).mean((0, 1))


def memory():
    """Return how many megabytes this process, which the page is shown by, holds."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


@contextmanager
def guarded_page():
    """Give the address of a page that asks for a name and a password; the other page goes on."""
    from stylenet.web.server import running

    with running("127.0.0.1", None, Limits(), auth=("ada", "lovelace")) as address:
        yield address


def test_page_with_a_password_is_shown_to_those_who_know_it(visit, tmp_path):
    with guarded_page() as address:
        page = visit(address, greeting="Login")
        for password, greeting in (("babbage", "Incorrect"), ("lovelace", "Photographs, painted")):
            page.get_by_label("username").fill("ada")
            page.get_by_label("password").fill(password)
            page.get_by_role("button", name="Login").click()
            page.get_by_text(greeting).wait_for()
        drop(page, colored(tmp_path, 1)[0])
        shown(page)


@pytest.mark.slow
def test_ten_visitors_at_once_see_their_own_pictures(visit, tmp_path):
    pages = [visit() for _ in range(10)]
    sent = [colored(tmp_path, number) for number in range(10)]
    for page, (path, _) in zip(pages, sent, strict=True):
        drop(page, path)
    for page, (_, color) in zip(pages, sent, strict=True):
        shown(page)
        assert np.abs(seen(page, tmp_path / "seen.jpg") - color).max() < 2


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads memory from Linux's /proc")
def test_fifty_photographs_in_a_row_keep_memory_steady(visit, tmp_path):
    page, held, result = visit(), [], None
    for number in range(50):
        path, color = colored(tmp_path, number)
        drop(page, path)
        result = changed(page, result) if result else shown(page)
        assert np.abs(seen(page, tmp_path / "seen.jpg") - color).max() < 2
        held.append(memory())
    assert max(held[10:]) < 1.1 * held[9]
