"""The splits of photographs and of paintings: what is trained on, what is validated on, and where both come from.

The paintings of a run are numbered by its samples like the photographs, but are shuffled and cropped by a seed of their
own. So sample i is always the same pair, and in each pass a photograph meets another painting.
"""

from dataclasses import dataclass, field, replace
from itertools import cycle, islice
from typing import Any

from torch import Tensor
from torch.utils.data import Dataset, Subset

from stylenet.data.datasets import ZOOM, Alternating, Crops, Folder, Photographs, Wholes, evenly_spaced, hold_out
from stylenet.data.huggingface import COCO, WIKIART, load_table
from stylenet.data.sampling import generator
from stylenet.data.sources import PAINTINGS, Content, Source, find_paintings, is_dataset
from stylenet.data.streaming import Stream, StreamBeside, first_images
from stylenet.data.synthetic import DeadLeaves
from stylenet.images import list_images
from stylenet.resources import home_path


@dataclass(frozen=True)
class Plan:
    """How images are cut and numbered.

    Args:
        size: Pixels of a side of the square crops.
        batch_size: Crops in a batch of one process.
        seed: Of the order and of the crops.
        zoom: See `stylenet.data.datasets.random_crop`; None is the best for the source.
        val_count: Images to validate on.
        val_root: Another folder to validate on.
        recolor: See `stylenet.data.datasets.Crops`.
    """

    size: int
    batch_size: int
    seed: int
    zoom: float | None
    val_count: int
    val_root: str | None = None
    recolor: bool = False


@dataclass(frozen=True)
class Splits:
    """What is trained on, and what is validated on.

    Args:
        train: Samples to train on, indexed by the number of a sample, or a `Stream`.
        val: Items to validate on, with a length.
        content: What is trained on.
        skipping: Where broken images are counted.
        label_styles: Names of the styles of pseudo-labels, in the order of their numbers.
        paintings: What is shown beside the photographs.
    """

    train: Dataset
    val: Any
    content: Content
    skipping: list[Photographs | Stream] = field(default_factory=list)
    label_styles: list[str] = field(default_factory=list)
    paintings: Content | None = None


class Beside(Dataset):
    """Photographs, each beside a painting: item k is `{"photographs", "paintings"}`, (3, size, size) in [0, 1] each.

    Args:
        photographs: Gives the length.
        paintings: Indexed by the same numbers, however large: there may be fewer.
    """

    def __init__(self, photographs: Any, paintings: Any) -> None:
        self.photographs = photographs
        self.paintings = paintings

    def __len__(self) -> int:
        return len(self.photographs)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return {"photographs": self.photographs[index], "paintings": self.paintings[index]}


def photograph_splits(source: Source, plan: Plan) -> Splits:
    """Return the splits of photographs that are not streamed.

    Raises:
        InputError: All photographs are broken, or the folder to validate on is not there.
    """
    if source.files is None:
        train: Dataset = DeadLeaves(plan.size, plan.seed)
        val: Any = Subset(DeadLeaves(plan.size, plan.seed, stream=1), range(plan.val_count))
        photographs = []
    else:
        kept, held = hold_out(len(source.files), 0 if plan.val_root or source.held_out else plan.val_count)
        photographs = [Photographs(source.files, kept), Photographs(source.files, held)]
        photographs[0].read(0)  # if all are broken, say so now and not from a worker process
        val = Wholes(photographs[1], plan.size)
        if source.name == "embedded":  # few photographs: show smaller parts, and synthetic ones in turn
            train = Crops(photographs[0], plan.size, plan.seed, plan.zoom or 2)
            train = Alternating(train, DeadLeaves(plan.size, plan.seed))
        else:
            train = Crops(photographs[0], plan.size, plan.seed, plan.zoom or ZOOM)
    images = len(photographs[0]) if photographs else None
    others = Folder(list_images(home_path(plan.val_root))) if plan.val_root else source.held_out
    if others is not None:
        photographs.append(Photographs(others, evenly_spaced(len(others), plan.val_count)))
        val = Wholes(photographs[-1], plan.size)
    content = Content(source.name, source.place, images, len(val), not source.is_coco)
    return Splits(train, val, content, [*photographs])


def streamed_splits(name: str, split: str, plan: Plan, kind: str = "photographs") -> Splits:
    """Return the splits of a streamed Hugging Face dataset; validated is on its first images, which are trained on too.

    Args:
        name: See `load_table`.
        split: Of the dataset.
        plan: How it is cut.
        kind: `photographs` or `paintings`.

    Raises:
        InputError: The dataset cannot be had, or the folder to validate on is not there.
    """
    table = load_table(name, split, streaming=True, option="data.root" if kind == "photographs" else PAINTINGS)
    one = kind.removesuffix("s")
    stream = Stream(table, plan.size, plan.seed, plan.batch_size, plan.zoom or ZOOM, one)
    skipping: list[Photographs | Stream] = [stream]
    if plan.val_root:
        files = Folder(list_images(home_path(plan.val_root)))
        others = Photographs(files, evenly_spaced(len(files), plan.val_count))
        skipping.append(others)
        val: Any = Wholes(others, plan.size)
    else:
        val = first_images(table, plan.val_count, plan.size, one)
    substitute = name not in (COCO, WIKIART)
    return Splits(stream, val, Content("huggingface", f"{name}, streamed", None, len(val), substitute, kind), skipping)


PAINTING_ZOOM = 2.0
"""A crop shows at least half of a painting's short side, less with a larger `zoom`. AdaIN's authors show half: 256
pixels of 512."""


def painting_plan(plan: Plan) -> Plan:
    """Return how the paintings are cut, given the photographs' plan: with a seed of their own."""
    seed = int(generator(plan.seed, 5).integers(2**31))
    return replace(plan, seed=seed, zoom=max(PAINTING_ZOOM, plan.zoom or 1), val_root=None)


def with_paintings(photographs: Splits, place: str, plan: Plan, streaming: bool) -> Splits:
    """Return the photographs, each beside a painting.

    Args:
        photographs: Their splits.
        place: See `find_paintings`.
        plan: The photographs'.
        streaming: Whether the photographs are streamed; then a dataset of paintings is, too.

    Raises:
        InputError: See `find_paintings`.
    """
    plan = painting_plan(plan)
    if streaming and is_dataset(place):
        paintings = streamed_splits(place, "train", plan, "paintings")
    else:
        paintings = painting_splits(find_paintings(place), plan)
    train: Dataset = Beside(photographs.train, paintings.train)
    if isinstance(photographs.train, Stream):
        train = StreamBeside(photographs.train, paintings.train)
    in_turn: list[Any] = list(islice(cycle(range(len(paintings.val))), len(photographs.val)))
    val = Beside(photographs.val, Subset(paintings.val, in_turn))
    skipping = [*photographs.skipping, *paintings.skipping]
    return replace(photographs, train=train, val=val, skipping=skipping, paintings=paintings.content)


def painting_splits(source: Source, plan: Plan) -> Splits:
    """Return the splits of paintings that are not streamed.

    Raises:
        InputError: All are broken.
    """
    assert source.files is not None
    kept, held = (Photographs(source.files, some, "painting") for some in hold_out(len(source.files), plan.val_count))
    kept.read(0)  # if all are broken, say so now and not from a worker process
    content = Content(source.name, source.place, len(kept), len(held), source.place != WIKIART, "paintings")
    crops = Crops(kept, plan.size, plan.seed, plan.zoom or PAINTING_ZOOM, plan.recolor)
    return Splits(crops, Wholes(held, plan.size), content, [kept, held])
