"""Make pages of docs/studies anew from studies that `stylenet study` has finished.

    python docs/study_pages.py FOLDER [NAME ...]

FOLDER is the one that `stylenet study` writes into, `studies` by default. A page keeps its verdict, the paragraph below
"## Result" that is ours: read the new table and look at the new pictures, and write it anew.
"""

import re
import sys
from pathlib import Path

from PIL import Image

DOCS = Path(__file__).resolve().parent
PICTURES = DOCS / "images" / "studies"
MACHINE = "- One or two threads of a CPU that did much else at the time: seconds say little."


def picture(source: Path, name: str) -> str:
    """Copy a picture of a report, sheets of photographs as JPEG, and return the line that shows it."""
    photographic = source.stem.startswith("pictures")
    target = PICTURES / f"{name}_{source.stem}{'.jpg' if photographic else '.png'}"
    with Image.open(source) as image:
        image.convert("RGB").save(target, quality=88, optimize=True)
    return f"![{name}](../images/studies/{target.name})"


def verdict(page: Path) -> list[str]:
    """Return the paragraphs between "## Result" and the first table of a page."""
    paragraphs = page.read_text(encoding="utf-8").partition("## Result\n\n")[2].split("\n\n")
    tables = (number for number, paragraph in enumerate(paragraphs) if paragraph.startswith("|"))
    return paragraphs[: next(tables, 0)]


def write_page(folder: Path) -> None:
    """Write the page of one study from its report."""
    page = DOCS / "studies" / f"{folder.name}.md"
    for old in PICTURES.glob(f"{folder.name}_p[il]*_[0-9].*"):
        old.unlink()
    paragraphs = []
    for paragraph in (folder / "report.md").read_text(encoding="utf-8").strip().split("\n\n"):
        if paragraph.startswith("!["):
            paragraph = picture(folder / paragraph[2:].partition("]")[0], folder.name)
        if paragraph.startswith("[") or not paragraph:
            continue  # a film
        lines = [MACHINE if line.startswith("- PyTorch ") else line for line in paragraph.split("\n")]
        paragraphs.append("\n".join(re.sub(r"(: no \S+) for .*| --output=\S+", r"\1", line) for line in lines))
        if paragraph == "## Result":
            paragraphs += verdict(page)
    page.write_text("\n\n".join(paragraphs) + "\n", encoding="utf-8")


if __name__ == "__main__":
    for study in sys.argv[2:] or sorted(path.parent.name for path in Path(sys.argv[1]).glob("*/report.md")):
        write_page(Path(sys.argv[1], study))
