"""Fetch the real paintings, all out of copyright, from Wikimedia Commons into `data/paintings`.

    python data/styles/fetch.py [NAME ...] [--output DIR]

A picture there is found before the homage of the same name in `data/styles`. What is stored is the original file
decoded and scaled to a longer side of 1280 pixels, so two SHA-256 sums are kept for each in `SHA256SUMS`, in the format
of `sha256sum`: of the download (`NAME.original`) and of the picture stored (`NAME.jpg`).

A download whose sum is pinned in `PAINTINGS` must match it. None is pinned yet. Without a pin, the download must match
the SHA-1 that Commons states for the file, and from the second fetch on also the sum that the first one wrote: trust on
first use. A picture that is there as it was stored is not fetched again; one that this script did not store is kept.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from http.client import HTTPException
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from stylenet import __version__
from stylenet.cli.exits import FAILED, OK, guarded, one_line
from stylenet.data.places import DATA
from stylenet.errors import InputError, unknown
from stylenet.images import MAX_PIXELS, decode, resize, save_image, written_beside

API = "https://commons.wikimedia.org/w/api.php"
AGENT = f"stylenet/{__version__} (data/styles/fetch.py, a few style images; PyTorch style transfer) Python-urllib"
"""Wikimedia refuses clients that do not say who they are."""

LONGER_SIDE = 1280
SUMS = "SHA256SUMS"
TIMEOUT = 60
CHUNK = 1 << 18


class Painting(NamedTuple):
    """A file on Commons, its painter and year; and the SHA-256 of the file where it is known."""

    title: str
    artist: str
    year: str
    sha256: str | None = None


PAINTINGS = {
    # the scan of the Google Art Project has over MAX_PIXELS pixels; this one shows the same painting
    "starry_night": Painting("VanGogh-starry night.jpg", "Vincent van Gogh", "1889"),
    "the_scream": Painting(
        "Edvard Munch, 1893, The Scream, oil, tempera and pastel on cardboard, 91 x 73 cm, "
        "National Gallery of Norway.jpg",
        "Edvard Munch",
        "1893",
    ),
    "great_wave": Painting("Tsunami by hokusai 19th century.jpg", "Katsushika Hokusai", "about 1831"),
    "composition_vii": Painting("Vassily Kandinsky, 1913 - Composition 7.jpg", "Wassily Kandinsky", "1913"),
    "shipwreck": Painting(
        "Joseph Mallord William Turner - The Shipwreck - Google Art Project.jpg", "J. M. W. Turner", "1805"
    ),
}


def get(url: str, name: str = "") -> bytes:
    """Return what is at `url`, showing progress on a terminal if a `name` is given.

    Raises:
        InputError: It cannot be had.
    """
    try:
        with urlopen(Request(url, headers={"User-Agent": AGENT}), timeout=TIMEOUT) as response:
            total, parts, done = int(response.headers.get("Content-Length") or 0), [], 0
            while part := response.read(CHUNK):
                parts.append(part)
                done += len(part)
                if name and total and sys.stdout.isatty():
                    print(f"\r{name}: {100 * done // total} %", end="\r", flush=True)
    except (OSError, HTTPException, ValueError) as error:  # ValueError: no URL at all
        raise InputError(f"cannot fetch {url}: {one_line(str(error))}") from None
    return b"".join(parts)


def look_up(title: str, api: str = API) -> dict[str, Any]:
    """Return what Commons states of a file: `url`, `sha1`, `size` in bytes, `width` and `height`.

    Raises:
        InputError: Commons cannot be asked, has no such file, or has it at a size that is of no use.
    """
    question = {"action": "query", "titles": f"File:{title}", "redirects": 1, "prop": "imageinfo"}
    answer = get(f"{api}?{urlencode(question | {'iiprop': 'url|sha1|size', 'format': 'json', 'formatversion': 2})}")
    try:
        page = json.loads(answer)["query"]["pages"][0]
        information = page["imageinfo"][0] if "imageinfo" in page else None
        stated = information and {key: information[key] for key in ("url", "sha1", "size", "width", "height")}
    except (ValueError, LookupError, TypeError):
        raise InputError(f"{api} gave no answer that makes sense for {title}") from None
    if not stated:
        raise InputError(f"Commons has no file called {title}")
    if stated["width"] * stated["height"] > MAX_PIXELS:
        raise InputError(f"{title} has {stated['width']}x{stated['height']} pixels, over {MAX_PIXELS:,}")
    return stated


def check(raw: bytes, painting: Painting, sha1: str, seen: str | None) -> str:
    """Return the SHA-256 of a download that is what it should be.

    Args:
        raw: The download.
        painting: What it should be.
        sha1: Stated by Commons; counts where no sum is pinned.
        seen: The sum of an earlier download; counts where no sum is pinned.

    Raises:
        InputError: It is something else.
    """
    sha256 = hashlib.sha256(raw).hexdigest()
    if painting.sha256:
        if sha256 != painting.sha256:
            raise InputError(f"refused: its SHA-256 is {sha256}, not the pinned {painting.sha256}")
    elif hashlib.sha1(raw).hexdigest() != sha1:
        raise InputError("refused: its SHA-1 is not the one that Commons states; fetch it again")
    elif seen and sha256 != seen:
        raise InputError(f"refused: not the file of the first fetch; to accept it, delete its lines in {SUMS}")
    return sha256


def read_sums(folder: Path) -> dict[str, str]:
    """Return `{name: SHA-256}` of the file `SHA256SUMS` of a folder; nothing if there is none."""
    file = folder / SUMS
    lines = file.read_text().splitlines() if file.is_file() else []
    return {name: sha256 for sha256, _, name in (line.partition("  ") for line in lines) if name}


def write_sums(folder: Path, sums: dict[str, str]) -> None:
    """Write the file `SHA256SUMS` of a folder."""
    with written_beside(folder / SUMS) as temporary:
        temporary.write_text("".join(f"{sums[name]}  {name}\n" for name in sorted(sums)))


def fetch(name: str, painting: Painting, folder: Path, api: str = API) -> str:
    """Fetch one painting, unless it is there, and return what to say of it.

    Args:
        name: What it is called here.
        painting: What it is called on Commons.
        folder: Where it goes.
        api: The address of Commons' API.

    Raises:
        InputError: It cannot be had, is not what it should be, or a file of someone else's is in its place.
    """
    target, sums = folder / f"{name}.jpg", read_sums(folder)
    seen = sums.get(f"{name}.original")
    if target.is_file():
        if seen is None:
            raise InputError(f"{target} was not stored by this script: move it away to fetch the painting")
        stored = sums.get(target.name) == hashlib.sha256(target.read_bytes()).hexdigest()
        if stored and seen == (painting.sha256 or seen):
            return f"already at {target}"
    stated = look_up(painting.title, api)
    print(f"{name}: {painting.artist}, {painting.year}, {stated['size'] / 1e6:.1f} MB", flush=True)
    raw = get(stated["url"], name)
    sums[f"{name}.original"] = check(raw, painting, stated["sha1"], seen)
    picture = decode(raw, stated["url"])
    if max(picture.shape[-2:]) > LONGER_SIDE:
        picture = resize(picture, LONGER_SIDE, side="long")
    write_sums(folder, sums)  # before the picture, which would else look like someone else's after an interruption
    save_image(picture, target)
    write_sums(folder, sums | {target.name: hashlib.sha256(target.read_bytes()).hexdigest()})
    return f"{picture.shape[-1]}x{picture.shape[-2]} pixels at {target}"


def run(arguments: Sequence[str] | None = None, api: str = API) -> int:
    """Fetch what the arguments say, and return the exit code; what cannot be had is named and skipped.

    Raises:
        InputError: An unknown painting.
    """
    parser = argparse.ArgumentParser(description="Fetch the real paintings from Wikimedia Commons.", allow_abbrev=False)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of: {', '.join(PAINTINGS)}; default: all")
    parser.add_argument("--output", type=Path, default=DATA / "paintings", help="folder for the pictures")
    options = parser.parse_args(arguments)
    for name in options.names:
        if name not in PAINTINGS:
            raise unknown("painting", name, PAINTINGS)
    failed = 0
    for name in options.names or PAINTINGS:
        try:
            print(f"{name}: {fetch(name, PAINTINGS[name], options.output, api)}", flush=True)
        except InputError as error:
            failed += 1
            print(f"{name}: {error}", file=sys.stderr, flush=True)
    return FAILED if failed else OK


if __name__ == "__main__":
    sys.exit(guarded(run))
