"""Paintings beside the photographs: for networks that are shown the style of every image.

The paintings of a run are numbered by its samples like the photographs, but are shuffled and cropped by a seed of their
own. So sample i is always the same pair, and in each pass a photograph meets another painting.
"""

from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from torch.utils.data import Dataset, Subset

from stylenet.data.columns import Beside, Column, Plan, stream_column
from stylenet.data.datasets import Crops, Folder, Photographs, Wholes, hold_out
from stylenet.data.huggingface import WIKIART, Table, load_table
from stylenet.data.sampling import generator
from stylenet.data.sources import Content, Source
from stylenet.data.streaming import Stream, StreamBeside
from stylenet.data.styles import known_styles
from stylenet.errors import InputError
from stylenet.images import list_images
from stylenet.resources import image_folders

PAINTING_ZOOM = 2.0
"""A crop shows at least half of a painting's short side, less with a larger `zoom`. AdaIN's authors show half: 256
pixels of 512."""

OPTION = "data.paintings"


def is_dataset(place: str) -> bool:
    """Tell whether `data.paintings` names a Hugging Face dataset, on the Hub or in Parquet files, and not a folder."""
    path = Path(place).expanduser()
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
        return Source("huggingface", place, Table(load_table(place, "train", option=OPTION)))
    return Source("folder", place, Folder(list_images(Path(place).expanduser())))


def _paintings_at_hand() -> Source:
    """Return the best paintings on this machine."""
    folders = [folder / "style" for folder in image_folders() if (folder / "style").is_dir()]
    if folders:
        paths = [path for folder in folders for path in list_images(folder)]
        return Source("folder", ", ".join(map(str, folders)), Folder(paths))
    paths = list(known_styles().values())
    if not paths:
        raise InputError(f"there are no paintings at hand: give {OPTION} a folder of them, or {WIKIART}")
    return Source("folder", "the styles that have a name", Folder(paths))


def painting_plan(plan: Plan) -> Plan:
    """Return how the paintings are cut, given the photographs' plan: with a seed of their own."""
    seed = int(generator(plan.seed, 5).integers(2**31))
    return replace(plan, seed=seed, zoom=max(PAINTING_ZOOM, plan.zoom or 1), val_root=None)


def with_paintings(photographs: Column, place: str, plan: Plan, streaming: bool) -> Column:
    """Return the photographs, each beside a painting.

    Args:
        photographs: Their column.
        place: See `find_paintings`.
        plan: The photographs'.
        streaming: Whether the photographs are streamed; then a dataset of paintings is, too.

    Raises:
        InputError: See `find_paintings`.
    """
    plan = painting_plan(plan)
    if streaming and is_dataset(place):
        paintings = stream_column(place, "train", plan, "paintings")
    else:
        paintings = painting_column(find_paintings(place), plan)
    train: Dataset = Beside(photographs.train, paintings.train)
    if isinstance(photographs.train, Stream):
        train = StreamBeside(photographs.train, paintings.train)
    in_turn: list[Any] = list(islice(cycle(range(len(paintings.val))), len(photographs.val)))
    val = Beside(photographs.val, Subset(paintings.val, in_turn))
    skipping = [*photographs.skipping, *paintings.skipping]
    return replace(photographs, train=train, val=val, skipping=skipping, paintings=paintings.content)


def painting_column(source: Source, plan: Plan) -> Column:
    """Return the column of paintings that are not streamed.

    Raises:
        InputError: All are broken.
    """
    assert source.files is not None
    kept, held = (Photographs(source.files, some, "painting") for some in hold_out(len(source.files), plan.val_count))
    kept.read(0)  # if all are broken, say so now and not from a worker process
    content = Content(source.name, source.place, len(kept), len(held), source.place != WIKIART, "paintings")
    crops = Crops(kept, plan.size, plan.seed, plan.zoom or PAINTING_ZOOM, plan.recolor)
    return Column(crops, Wholes(held, plan.size), content, [kept, held])
