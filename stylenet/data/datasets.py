"""Photographs as datasets: random crops to train on, whole ones to validate on; broken files are skipped."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from stylenet.data.sampling import generator, photograph_of
from stylenet.errors import InputError
from stylenet.images import load_image, resize

PATIENCE = 100
"""Broken photographs in a row after which a source is given up."""

ZOOM = 1.25
"""A crop shows at least 1/ZOOM of a photograph's short side, but where photographs are few."""


class Files(Protocol):
    """Encoded photographs: a folder of files, or a table of bytes."""

    def __len__(self) -> int:
        """Return how many there are."""
        ...

    def read(self, index: int) -> Tensor:
        """Return photograph `index`, (1, 3, H, W) in [0, 1]; raises InputError, which names it, when it is broken."""
        ...


class Folder:
    """Image files.

    Args:
        paths: The files, in an order that does not change.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = paths

    def __len__(self) -> int:
        return len(self.paths)

    def read(self, index: int) -> Tensor:
        """Return photograph `index`, (1, 3, H, W) in [0, 1]."""
        return load_image(self.paths[index])


class Photographs:
    """Some of a source's photographs; in the place of a broken one comes the next that can be read.

    A broken file is warned about once and not opened again. `broken` is in shared memory, so that what worker processes
    find is seen by the main process.

    Args:
        files: The source.
        indices: Which of its photographs; all by default.
        kind: What one is called in errors and warnings.
    """

    def __init__(self, files: Files, indices: Sequence[int] | None = None, kind: str = "photograph") -> None:
        self.files = files
        self.kind = kind
        self.indices = range(len(files)) if indices is None else indices
        self.broken = torch.zeros(len(self.indices), dtype=torch.bool).share_memory_()

    def __len__(self) -> int:
        return len(self.indices)

    def read(self, index: int) -> Tensor:
        """Return photograph `index`, or the next that can be read: (1, 3, H, W) in [0, 1].

        After the last comes the first again. See `find` for the error.
        """
        return self.find(index)[1]

    def find(self, index: int) -> tuple[int, Tensor]:
        """Return which of `files` is shown in place `index`, and what it reads.

        Raises:
            InputError: A hundred photographs in a row, or all of them, are broken.
        """
        tries = min(PATIENCE, len(self))
        for place in range(index, index + tries):
            place %= len(self)
            if self.broken[place]:
                continue
            try:
                return self.indices[place], self.files.read(self.indices[place])
            except InputError as error:
                self.broken[place] = True
                warnings.warn(f"{self.kind} skipped: {error}", stacklevel=2)
        raise InputError(f"{tries} {self.kind}s in a row are broken: check the source, or fetch it again")


def evenly_spaced(total: int, count: int) -> list[int]:
    """Return `count` indices, at most `total`, spread evenly over `total`."""
    count = min(count, total)
    return [(2 * k + 1) * total // (2 * count) for k in range(count)]


def hold_out(total: int, count: int) -> tuple[list[int], list[int]]:
    """Split `total` photographs into those to train on and `count`, at most a fifth, to validate on.

    Of fewer than five photographs none is held out: then validation shows photographs that are trained on.
    """
    if total < 5:
        return list(range(total)), evenly_spaced(total, count)
    held = evenly_spaced(total, min(count, total // 5))
    return sorted(set(range(total)) - set(held)), held


def random_crop(image: Tensor, size: int, rng: np.random.Generator, zoom: float = ZOOM) -> Tensor:
    """Return a random square of a photograph, flipped half of the time: (3, size, size) in [0, 1].

    The same as scaling the short side to between `size` and `zoom * size` and then cropping, but cuts before it scales.

    Args:
        image: (1, 3, H, W) in [0, 1].
        size: Pixels of a side.
        rng: Where all randomness comes from.
        zoom: How many times as long as the crop the short side may be.
    """
    height, width = image.shape[-2:]
    side = max(1, round(min(height, width) / rng.uniform(1, zoom)))
    top, left = rng.integers(height - side + 1), rng.integers(width - side + 1)
    crop = resize(image[..., top : top + side, left : left + side], size)[0]
    return crop.flip(-1) if rng.random() < 0.5 else crop


def center_crop(image: Tensor, size: int) -> Tensor:
    """Return the middle of a photograph whose short side is scaled to `size`: (3, size, size) in [0, 1]."""
    height, width = image.shape[-2:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return resize(image[..., top : top + side, left : left + side], size)[0]


class Crops(Dataset):
    """Random crops to train on: sample i, any number from 0, is (3, size, size) in [0, 1] and always the same.

    Args:
        photographs: Each is shown once before any is shown again.
        size: Pixels of a side.
        seed: Of the order and of the crops.
        zoom: See `random_crop`.
        recolor: Put the three color channels of every second crop into another order, drawn at random.
    """

    def __init__(
        self, photographs: Photographs, size: int, seed: int, zoom: float = ZOOM, recolor: bool = False
    ) -> None:
        self.photographs = photographs
        self.size = size
        self.seed = seed
        self.zoom = zoom
        self.recolor = recolor

    def __len__(self) -> int:
        return len(self.photographs)

    def __getitem__(self, sample: int) -> Tensor:
        image = self.photographs.read(photograph_of(sample, self.seed, len(self)))
        rng = generator(self.seed, 1, sample)
        crop = random_crop(image, self.size, rng, self.zoom)
        return crop[rng.permutation(3)] if self.recolor and rng.random() < 0.5 else crop


class Wholes(Dataset):
    """Whole photographs to validate on: item k is the middle of photograph k, (3, size, size) in [0, 1].

    Args:
        photographs: In their order.
        size: Pixels of a side.
    """

    def __init__(self, photographs: Photographs, size: int) -> None:
        self.photographs = photographs
        self.size = size

    def __len__(self) -> int:
        return len(self.photographs)

    def __getitem__(self, index: int) -> Tensor:
        return center_crop(self.photographs.read(index), self.size)


class Alternating(Dataset):
    """Samples of two endless datasets in turn.

    Args:
        first: Gives the even samples.
        second: Gives the odd samples, and the length.
    """

    def __init__(self, first: Dataset, second: Dataset) -> None:
        self.both = (first, second)

    def __len__(self) -> int:
        return len(self.both[1])  # type: ignore[arg-type]

    def __getitem__(self, sample: int) -> Tensor:
        return self.both[sample % 2][sample // 2]
