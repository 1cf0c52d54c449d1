"""Photographs with pseudo-labels: what a slow method made of them, cut and flipped alike."""

from collections.abc import Callable
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from stylenet.data.datasets import ZOOM, Photographs, center_crop, hold_out, random_crop
from stylenet.data.pairs import MANIFEST, Pair, read_manifest
from stylenet.data.sampling import generator, photograph_of
from stylenet.data.sources import Content
from stylenet.data.splits import PAINTING_ZOOM, Plan, Splits, painting_plan
from stylenet.errors import InputError
from stylenet.images import load_image
from stylenet.resources import home_path

Row = dict[str, Tensor | int]
"""`photographs` and `labels`, (3, size, size) in [0, 1]; `style`, the number of its name; `paintings` if wanted."""


class PairFiles:
    """The images of pairs: item k is read as photograph and label on top of each other.

    Args:
        folder: What the paths of the pairs are relative to.
        pairs: From the manifest.
        paintings: Whether rows show the style image, too.
    """

    def __init__(self, folder: Path, pairs: list[Pair], paintings: bool) -> None:
        self.folder = folder
        self.pairs = pairs
        self.paintings = paintings
        self.styles = sorted({pair.style_name for pair in pairs})

    def __len__(self) -> int:
        return len(self.pairs)

    def read(self, index: int) -> Tensor:
        """Return pair `index`, (1, 6, H, W) in [0, 1]: the channels of the photograph, then those of its label."""
        pair = self.pairs[index]
        return torch.cat([load_image(self.folder / path) for path in (pair.photograph, pair.label)], 1)

    def row(self, index: int, both: Tensor, cut: Callable[[Tensor], Tensor]) -> Row:
        """Return what a batch shows of pair `index`.

        Args:
            index: Number of the pair.
            both: What is shown of photograph and label, (6, size, size) in [0, 1].
            cut: Makes (3, size, size) of the style image, (1, 3, H, W) in [0, 1].
        """
        pair = self.pairs[index]
        row: Row = {"photographs": both[:3], "labels": both[3:], "style": self.styles.index(pair.style_name)}
        if self.paintings:
            row["paintings"] = cut(load_image(self.folder / pair.style))
        return row


class LabeledCrops(Dataset):
    """Random crops of pairs to train on: sample i, any number from 0, is a `Row` and always the same.

    Args:
        files: All pairs.
        shown: Those of `files` that are trained on; each is shown once before any is shown again.
        plan: How they are cut.
    """

    def __init__(self, files: PairFiles, shown: Photographs, plan: Plan) -> None:
        self.files = files
        self.shown = shown
        self.plan = plan
        self.painting_seed = painting_plan(plan).seed

    def __len__(self) -> int:
        return len(self.shown)

    def __getitem__(self, sample: int) -> Row:
        size, seed = self.plan.size, self.plan.seed
        index, both = self.shown.find(photograph_of(sample, seed, len(self)))
        crop = random_crop(both, size, generator(seed, 1, sample), self.plan.zoom or ZOOM)
        rng = generator(self.painting_seed, 1, sample)
        return self.files.row(index, crop, lambda style: random_crop(style, size, rng, PAINTING_ZOOM))


class LabeledWholes(Dataset):
    """Whole pairs to validate on: item k is the middles of photograph and label k, a `Row`.

    Args:
        files: All pairs.
        shown: Those of `files` that are validated on.
        size: Pixels of a side.
    """

    def __init__(self, files: PairFiles, shown: Photographs, size: int) -> None:
        self.files = files
        self.shown = shown
        self.size = size

    def __len__(self) -> int:
        return len(self.shown)

    def __getitem__(self, index: int) -> Row:
        number, both = self.shown.find(index)
        return self.files.row(number, center_crop(both, self.size), lambda style: center_crop(style, self.size))


def labeled_splits(place: str, plan: Plan, paintings: bool, style: str | None = None) -> Splits:
    """Return the pairs of a folder, with paintings if they are wanted: the style image of each pair.

    Args:
        place: The folder.
        plan: How the images are cut.
        paintings: Whether style images are shown.
        style: Name of the style whose pairs are wanted, None for all.

    Raises:
        InputError: The manifest or an image is missing, a line is broken, no pair is in the style, or a label has
            another size than its photograph.
    """
    folder = home_path(place)
    pairs = _pairs_of(style, read_manifest(folder), folder)
    check_images(folder, pairs)
    files = PairFiles(folder, pairs, paintings)
    kept, held = (Photographs(files, some, "pair") for some in split_pairs(pairs, plan.val_count))
    kept.read(0)  # if all are broken, say so now and not from a worker process
    substitute = not all("COCO_train2014" in pair.source for pair in pairs)
    content = Content("pseudo-labels", place, len(kept), len(held), substitute, "pairs")
    styles = len({pair.style for pair in pairs})
    shown = Content("pseudo-labels", "the pairs' own styles", styles, styles, True, "paintings")
    crops, wholes = LabeledCrops(files, kept, plan), LabeledWholes(files, held, plan.size)
    return Splits(crops, wholes, content, [kept, held], files.styles, shown if paintings else None)


def _pairs_of(style: str | None, pairs: list[Pair], folder: Path) -> list[Pair]:
    """Return the pairs in a style, all if it is None; an InputError if there are none."""
    kept = [pair for pair in pairs if style in (None, pair.style_name)]
    if not kept:
        had = ", ".join(sorted({pair.style_name for pair in pairs}))
        raise InputError(
            f"data.pseudo_labels={folder} has no labels in {style}, only in {had}: train one of these, "
            f"or run `stylenet pseudo-label --style {style}`"
        )
    return kept


def split_pairs(pairs: list[Pair], count: int) -> tuple[list[int], list[int]]:
    """Return the numbers of the pairs to train on, and of those to validate on, whose photographs are held out.

    As `hold_out` says, but of photographs, each of which may have labels in many styles: validation shows one pair of
    each photograph that it holds out, in another style from one to the next, and training none.
    """
    of_photograph: dict[str, list[int]] = {}
    for number, pair in enumerate(pairs):
        of_photograph.setdefault(pair.photograph, []).append(number)
    groups = list(of_photograph.values())
    kept, held = hold_out(len(groups), count)
    shown = [groups[group][turn % len(groups[group])] for turn, group in enumerate(held)]
    return sorted(number for group in kept for number in groups[group]), shown


def check_images(folder: Path, pairs: list[Pair]) -> None:
    """Raise an InputError for the first image that is missing, or label that is not as large as its photograph."""
    for style in sorted({pair.style for pair in pairs}):
        _size(folder, style)
    for pair in pairs:
        photograph, label = _size(folder, pair.photograph), _size(folder, pair.label)
        if photograph and label and photograph != label:
            raise InputError(
                f"{folder / pair.label} has {label[0]}x{label[1]} pixels, its photograph {pair.photograph} "
                f"{photograph[0]}x{photograph[1]}: delete the label, run `stylenet pseudo-label` again"
            )


def _size(folder: Path, path: str) -> tuple[int, int] | None:
    """Return width and height as the head of an image file says; None of a broken one, which is skipped when read."""
    try:
        with Image.open(folder / path) as image:
            return image.size
    except FileNotFoundError:
        raise InputError(
            f"{folder / MANIFEST} names {path}, which is not there: run `stylenet pseudo-label` again"
        ) from None
    except (OSError, ValueError, Image.DecompressionBombError):
        return None
