"""Make the screenshots of docs/demo.md: the page in chromium, with CC0 photographs of scikit-image.

    python docs/demo.py [NAME ...]

NAMEs are those of the functions below. Needs gradio, playwright and chromium; takes minutes.
"""

import io
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from stylenet.cli.exits import guarded
from stylenet.data.sources import find_source
from stylenet.errors import InputError
from stylenet.film.timelapse import Film
from stylenet.images import load_image, resize
from stylenet.web import learn
from stylenet.web.limits import Limits
from stylenet.web.server import running

ROOT = Path(__file__).resolve().parents[1]
PAINTING = ROOT / "data" / "styles" / "metzinger.jpg"
SHORT = ["trainer.max_steps=6", "trainer.val_check_interval=3"]
"""A training that is long enough for a picture of the page."""
PANEL = "[role=tabpanel]:visible"
DESKTOP, PHONE = {"width": 1200, "height": 900}, {"width": 390, "height": 844}
WIDTH, MOST_BYTES = 1000, 150_000


class Camera:
    """A browser at the page.

    Args:
        browser: Chromium.
        address: Of the page.
        folder: For files that are dropped on it.
    """

    def __init__(self, browser: Browser, address: str, folder: Path) -> None:
        self.browser, self.address, self.folder = browser, address, folder
        source = find_source("embedded")
        self.photographs = {
            path.stem: path for files in (source.files, source.held_out) if files for path in files.paths
        }

    @contextmanager
    def page(self, viewport: dict[str, int] = DESKTOP, dark: bool = False) -> Iterator[Page]:
        """Give the page with a photograph on it."""
        scheme = "dark" if dark else "light"
        context = self.browser.new_context(viewport=viewport, color_scheme=scheme)  # type: ignore[arg-type]
        context.set_default_timeout(600_000)
        page = context.new_page()
        page.goto(self.address)
        page.locator("input[type=file]").first.set_input_files(str(self.photographs["coffee"]))
        page.locator(".after").first.wait_for()
        yield page
        context.close()

    def film(self) -> Path:
        """Return a film: a photograph that is moved along."""
        image = resize(load_image(self.photographs["coffee"]), 320, side="long")
        with Film(self.folder / "coffee.mp4", fps=12) as film:
            for left in range(24):
                film.add(image[..., left : left + 288])
        return film.path


def stylize(camera: Camera) -> Image.Image:
    """Two styles, blended, with the slider in the middle."""
    with camera.page() as page:
        before = page.locator(".after").get_attribute("src")
        page.get_by_text("Strength, strokes").click()
        page.get_by_label("Olive trees").check(force=True)
        page.wait_for_function("old => document.querySelector('.after').src !== old", arg=before)
        page.get_by_role("button", name="Make it at full size").click()
        finished(page)
        page.get_by_label("Show this much of the photograph").fill("35")
        return shot(page)


def optimise(camera: Camera) -> Image.Image:
    """The end of a short run."""
    with camera.page() as page:
        page.get_by_role("tab", name="Optimise").click()
        page.get_by_label("number input for Steps").fill("30")
        page.get_by_label("number input for Longer side in pixels").fill("160")
        page.get_by_role("button", name="Start").click()
        finished(page)
        page.locator("video").first.evaluate("video => { video.currentTime = 1; }")
        page.wait_for_timeout(2000)
        return shot(page)


def films(camera: Camera) -> Image.Image:
    """A film that is done."""
    with camera.page() as page:
        page.get_by_role("tab", name="Film and many").click()
        page.locator(f"{PANEL} input[type=file]").set_input_files(str(camera.film()))
        page.locator(f"{PANEL} .file").first.wait_for()
        page.get_by_role("button", name="Paint them all").click()
        finished(page)
        page.wait_for_timeout(2000)
        return shot(page)


def learning(camera: Camera) -> Image.Image:
    """A training that has shown its first pictures."""
    learn.RECIPE = [*learn.RECIPE, *SHORT]
    with camera.page() as page:
        page.get_by_text("Or a painting of yours").click()
        page.locator("input[type=file]").nth(1).set_input_files(str(PAINTING))
        page.get_by_role("tab", name="Learn").click()
        page.get_by_label("Name of the style").fill("metzinger")
        page.get_by_role("button", name="Learn it").click()
        finished(page, "Learnt")
        return shot(page)


def compare(camera: Camera) -> Image.Image:
    """The networks that know one style."""
    with camera.page() as page:
        page.get_by_role("tab", name="Compare").click()
        page.get_by_label("Network of Starry night alone").check()
        page.get_by_label("Optimise, 100 steps").uncheck()  # it takes minutes
        page.get_by_role("button", name="Compare").click()
        finished(page)
        return shot(page)


def phone(camera: Camera) -> Image.Image:
    """Each tab on a phone, light and dark."""
    shots = []
    with camera.page(PHONE) as light, camera.page(PHONE, dark=True) as dark:
        for page, name in (
            (light, "Stylize"),
            (dark, "Optimise"),
            (light, "Film"),
            (dark, "Learn"),
            (light, "Compare"),
        ):
            tab = page.get_by_role("tab", name=name)
            if not tab.is_visible():
                page.locator(".overflow-menu > button").click()
                tab = page.locator(".overflow-dropdown").get_by_text(name)
            tab.click()
            page.wait_for_timeout(500)
            shots.append(shot(page))
    sheet = Image.new("RGB", (sum(one.width + 12 for one in shots), max(one.height for one in shots)), "white")
    for index, one in enumerate(shots):
        sheet.paste(one, (index * (one.width + 12), 0))
    return sheet


SHOTS = {function.__name__: function for function in (stylize, optimise, films, learning, compare, phone)}


def finished(page: Page, text: str = "Finished") -> None:
    """Wait for the end of a tab's work."""
    page.locator(f"{PANEL} [role=status]").get_by_text(text).wait_for()


def shot(page: Page) -> Image.Image:
    """Return the whole page."""
    page.evaluate("() => { document.activeElement.blur(); window.scrollTo(0, 0); }")
    return Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("RGB")


def save(image: Image.Image, path: Path) -> None:
    """Write a screenshot, small enough for the repository."""
    image.thumbnail((WIDTH, 10 * WIDTH))
    for quality in range(88, 40, -6):
        image.save(path, quality=quality, optimize=True)
        if path.stat().st_size < MOST_BYTES:
            return


def main() -> int:
    """Make the screenshots that were asked for, or all."""
    path = shutil.which("chromium")
    if path is None:
        raise InputError("needs a browser: apt-get install chromium")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with (
        tempfile.TemporaryDirectory() as folder,
        running("127.0.0.1", None, Limits()) as address,
        sync_playwright() as p,
    ):
        camera = Camera(p.chromium.launch(executable_path=path, args=flags), address, Path(folder))
        for name in sys.argv[1:] or SHOTS:
            save(SHOTS[name](camera), ROOT / "docs" / "images" / f"demo_{name}.jpg")
            print(name, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(guarded(main))
