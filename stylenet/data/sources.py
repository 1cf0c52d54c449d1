"""Where photographs and paintings come from, and which source is the best at hand."""

import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from stylenet.data.datasets import Files, Folder
from stylenet.data.huggingface import COCO, WIKIART, Table, load_table
from stylenet.data.styles import known_styles
from stylenet.errors import InputError, unknown
from stylenet.images import list_images
from stylenet.resources import DATA, home_path, image_folders

SOURCES = ("auto", "coco", "embedded", "folder", "huggingface", "synthetic")

STANDARDS = {"photographs": "COCO 2014", "pairs": "COCO 2014", "paintings": "WikiArt"}
"""What others train on: anything else stands in for it."""

PAINTINGS = "data.paintings"
"""The option that names a place of paintings."""

EMBEDDED = ("astronaut.png", "chelsea.png", "motorcycle_left.png", "motorcycle_right.png")
"""Photographs in the wheel of scikit-image that are trained on, public domain or CC0: portrait, cat, stereo pair."""

EMBEDDED_HELD_OUT = ("coffee.png", "rocket.jpg")
"""Photographs in the wheel of scikit-image that are validated on, both CC0."""


@dataclass(frozen=True)
class Source:
    """A source of photographs or paintings that was found.

    Args:
        name: One of `SOURCES`, but `auto`.
        place: Where its photographs lie, for people.
        files: Its photographs; None where they are made (`synthetic`).
        held_out: Photographs for validation that come with it; None where some of `files` are to be held out.
        is_coco: Whether these are the photographs of COCO 2014.
    """

    name: str
    place: str
    files: Files | None = None
    held_out: Files | None = None
    is_coco: bool = False


@dataclass(frozen=True)
class Content:
    """What is trained on, for the run card and the checkpoint.

    Args:
        source: Its name, one of `SOURCES`, but `auto`; or `pseudo-labels`.
        place: Where the images lie.
        images: How many are trained on; None where they are made or streamed.
        held_out: How many are validated on.
        substitute: Whether they stand in for the `STANDARDS` of their kind.
        kind: `photographs`, `paintings`, or `pairs` of photographs and pseudo-labels.
    """

    source: str
    place: str
    images: int | None
    held_out: int
    substitute: bool
    kind: str = "photographs"

    def __str__(self) -> str:
        number = "endless" if self.images is None else f"{self.images:,} {self.kind}"
        substitute = f", a substitute for {STANDARDS[self.kind]}" if self.substitute else ""
        return f"{self.source}, {number} ({self.place}){substitute}"


def find_source(name: str = "auto", root: str | None = None, split: str = "train") -> Source:
    """Return the source of content photographs that is called `name`.

    Args:
        name: `folder`, `coco`, `huggingface`, `embedded`, `synthetic`, or `auto` for the best at hand: COCO, else
            the folder `content` in one of `STYLENET_IMAGES`, else embedded, else synthetic.
        root: The folder of `folder` or `coco`, the dataset of `huggingface` (see `load_table`); with `auto` a folder.
        split: Of a Hugging Face dataset.

    Raises:
        InputError: The source is unknown, takes no root, or is not there; says how to get it.
    """
    if root and name in ("embedded", "synthetic"):
        raise InputError(f"data.source={name} takes no data.root: add data.source=folder, or leave data.root out")
    if name == "auto":
        return _folder(root) if root else best_at_hand()
    if name == "folder":
        return _folder(root)
    if name == "coco":
        return _coco(root)
    if name == "huggingface":
        dataset = root or COCO
        return Source(name, dataset, Table(load_table(dataset, split)), is_coco=dataset == COCO)
    if name == "embedded":
        return _embedded()
    if name == "synthetic":
        return Source(name, "dead leaves, made while training")
    raise unknown("source", name, SOURCES)


def best_at_hand() -> Source:
    """Return the best source on this machine, without the network: see `find_source`."""
    if any(folder.is_dir() for folder in _coco_folders(None)):
        return _coco(None)
    if found := images_at_hand("content"):
        return found
    try:
        return _embedded()
    except InputError:
        return find_source("synthetic")


def images_at_hand(kind: str) -> Source | None:
    """Return the images in the sub-folders of this name in the folders of STYLENET_IMAGES; None where there are none.

    Args:
        kind: `content` or `style`.
    """
    folders = [folder / kind for folder in image_folders() if (folder / kind).is_dir()]
    paths = [path for folder in folders for path in list_images(folder)]
    return Source("folder", ", ".join(map(str, folders)), Folder(paths)) if folders else None


def is_dataset(place: str) -> bool:
    """Tell whether `data.paintings` names a Hugging Face dataset, on the Hub or in Parquet files, and not a folder."""
    path = home_path(place)
    if path.is_dir():
        return any(path.rglob("*.parquet"))
    return path.suffix == ".parquet" or (place.count("/") == 1 and place[0] not in "./~")


def find_paintings(place: str) -> Source:
    """Return the paintings of a place.

    Args:
        place: A folder and what lies below it, a dataset (see `load_table`; its split `train`), or `auto`: the folders
            `style` of STYLENET_IMAGES, else every style that has a name.

    Raises:
        InputError: The folder or the dataset is not there, or there are no paintings at all.
    """
    if place == "auto":
        return _paintings_at_hand()
    if is_dataset(place):
        return Source("huggingface", place, Table(load_table(place, "train", option=PAINTINGS)))
    return Source("folder", place, Folder(list_images(home_path(place))))


def _paintings_at_hand() -> Source:
    """Return the best paintings on this machine."""
    if found := images_at_hand("style"):
        return found
    paths = list(known_styles().values())
    if not paths:
        raise InputError(f"there are no paintings at hand: give {PAINTINGS} a folder of them, or {WIKIART}")
    return Source("folder", "the styles that have a name", Folder(paths))


def _folder(root: str | None) -> Source:
    """Return a folder of images and what lies below it."""
    if not root:
        raise InputError("data.source=folder needs data.root: the folder of photographs")
    return Source("folder", root, Folder(list_images(home_path(root))))


def _coco_folders(root: str | None) -> list[Path]:
    """Return the places where the photographs of COCO may lie, first to last."""
    given = root or os.environ.get("STYLENET_COCO")
    roots = [home_path(root)] if root else [*([home_path(given)] if given else []), DATA / "coco"]
    return [place if place.name == "train2014" else place / "train2014" for place in roots]


def _coco(root: str | None) -> Source:
    """Return COCO 2014 as a local folder: `train2014/` of the official zip, 82,783 photographs."""
    places = _coco_folders(root)
    for folder in places:
        if folder.is_dir():
            return Source("coco", str(folder), Folder(list_images(folder)), is_coco=True)
    target = places[-1].parent
    raise InputError(
        f"COCO 2014 is not at {' or '.join(map(str, places))}: get it (13 GB) with `mkdir -p {target} && "
        f"curl -LO http://images.cocodataset.org/zips/train2014.zip && unzip -q train2014.zip -d {target}`, "
        "name its folder in STYLENET_COCO, or use data.source=huggingface"
    )


def _embedded() -> Source:
    """Return the photographs in the wheel of scikit-image; nothing is downloaded."""
    package = find_spec("skimage")
    if package is None or package.origin is None:
        raise InputError("data.source=embedded takes photographs out of scikit-image: pip install scikit-image")
    folder = Path(package.origin).parent / "data"
    missing = [name for name in (*EMBEDDED, *EMBEDDED_HELD_OUT) if not (folder / name).is_file()]
    if missing:
        raise InputError(f"scikit-image came without {', '.join(missing)}: pip install -U scikit-image")
    files = Folder([folder / name for name in EMBEDDED])
    held_out = Folder([folder / name for name in EMBEDDED_HELD_OUT])
    return Source("embedded", "scikit-image's wheel, every second image synthetic", files, held_out)
