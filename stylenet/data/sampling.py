"""The order of the samples, so that a run is reproducible and resumes exactly in mid-epoch.

The samples of a run are numbered 0, 1, 2, ... across epochs and processes. Everything about a sample follows from its
number and the seed: which photograph it shows, where it is cropped, whether it is flipped. Batch `b` holds on process
`r` of `W`, with batch size `B`, the samples from `(b * W + r) * B` on: two processes with batches of two see together
what one process with batches of four sees.

So the only state of the data is how many batches were trained on, and the trainer's checkpoint has that number. It
counts finished batches, so what worker processes fetched ahead does not matter.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np
from torch.utils.data import DataLoader, Dataset, DistributedSampler


def generator(seed: int, *key: int) -> np.random.Generator:
    """Return the random numbers that belong to `key` alone; generators of different keys are independent."""
    return np.random.default_rng((seed, *key))


@lru_cache(maxsize=4)
def permutation(seed: int, epoch: int, count: int) -> np.ndarray:
    """Return the order, (count,), in which pass number `epoch` over `count` photographs takes them."""
    return generator(seed, 0, epoch).permutation(count)


def photograph_of(sample: int, seed: int, count: int) -> int:
    """Return which of `count` photographs sample number `sample` shows: each once before any comes again."""
    epoch, place = divmod(sample, count)
    return int(permutation(seed, epoch, count)[place])


class SampleOrder(DistributedSampler):
    """Gives one process the numbers of its samples, from the batch on which training stands.

    An epoch has `len(dataset) // (batch_size * world)` batches, at least one. What is left over is not dropped: the
    next epoch begins with it. It is a `DistributedSampler` so that Lightning leaves it in place on many devices.

    Args:
        dataset: Indexed by the number of a sample, which may exceed its length.
        batch_size: Samples in a batch of one process.
        rank: This process.
        world: Number of processes.
        trained: Returns how many batches of the run were trained on before now; asked when iteration begins.
    """

    def __init__(self, dataset: Dataset, batch_size: int, rank: int, world: int, trained: Callable[[], int]) -> None:
        super().__init__(dataset, num_replicas=world, rank=rank, shuffle=False)
        self.batch_size = batch_size
        self.trained = trained
        self.batches = max(1, len(dataset) // (batch_size * world))  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[int]:
        first = self.trained()
        for batch in range(first, first + self.batches):
            start = (batch * self.num_replicas + self.rank) * self.batch_size
            yield from range(start, start + self.batch_size)

    def __len__(self) -> int:
        return self.batches * self.batch_size


class ResumableLoader(DataLoader):
    """Tells Lightning that it resumes in mid-epoch: its `SampleOrder` begins where the trainer's count stands."""

    def state_dict(self) -> dict[str, Any]:
        """Return nothing: the trainer's count of batches says it all."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Do nothing; that the method exists is what Lightning asks for."""
