"""A Hugging Face dataset that is read while training, without end, resumed exactly by reading over what was seen.

Resuming is exact where the stream itself is reproducible (`datasets` shuffles shards and buffer by the seed) and the
number of worker and training processes is the same. It costs time: the records that were seen are read again, though
not decoded.
"""

import warnings
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import torch
from datasets.distributed import split_dataset_by_node
from torch import Tensor
from torch.utils.data import Dataset, IterableDataset, get_worker_info

from stylenet.data.datasets import PATIENCE, ZOOM, center_crop, random_crop
from stylenet.data.huggingface import read_record
from stylenet.data.sampling import ResumableLoader, generator
from stylenet.errors import InputError

BUFFER = 1000
"""Records among which the stream is shuffled: about 160 MB of COCO's JPEGs in each worker."""

MOST_WORKERS = 64


class Stream(IterableDataset):
    """Random crops, (3, size, size) in [0, 1], of an endless, shuffled stream; broken photographs are skipped.

    It has no end, since the processes of a run get unequal shares, and would wait for each other at the end of a pass.
    In the place of a broken photograph comes another crop of the next one.

    Args:
        table: From `load_table(..., streaming=True)`.
        size: Pixels of a side.
        seed: Of the order and of the crops.
        batch_size: Samples in a batch of one process.
        zoom: See `stylenet.data.datasets.random_crop`.
        kind: What an image is called in errors and warnings.
    """

    def __init__(
        self, table: Any, size: int, seed: int, batch_size: int, zoom: float = ZOOM, kind: str = "photograph"
    ) -> None:
        self.table = table
        self.kind = kind
        self.size = size
        self.seed = seed
        self.batch_size = batch_size
        self.zoom = zoom
        self.rank, self.world = 0, 1
        self.trained = 0  # batches of this process that were trained on
        self.broken = torch.zeros(MOST_WORKERS, dtype=torch.int64).share_memory_()  # one count for each worker

    @property
    def most_workers(self) -> int:
        """How many worker processes can share the work: each needs a file of its own."""
        shards = self.table.num_shards
        share = shards // self.world if shards % self.world == 0 else shards
        return min(MOST_WORKERS, share)

    def share(self, rank: int, world: int) -> None:
        """Be the stream of training process `rank` of `world`."""
        self.rank, self.world = rank, world

    def begin_after(self, trained: int) -> None:
        """Begin the next iteration where `trained` batches of this process were trained on."""
        self.trained = trained

    def __iter__(self) -> Iterator[Tensor]:
        return (crop for _, crop in self.numbered())

    def numbered(self) -> Iterator[tuple[int, Tensor]]:
        """Yield the samples of this process and worker, each with its number in the whole run."""
        info = get_worker_info()
        worker, workers = (info.id, info.num_workers) if info else (0, 1)
        seen = self.trained // workers * self.batch_size  # batches come from the workers in turn
        owed = 0
        for number, record in enumerate(self._records()):
            if number < seen:
                continue
            owed += 1
            try:
                image = read_record(record, f"{self.kind} {number} of the stream")
            except InputError as error:
                if owed == PATIENCE:
                    raise InputError(f"{PATIENCE} {self.kind}s in a row are broken: check the source") from None
                self.broken[worker] += 1
                warnings.warn(f"{self.kind} skipped: {error}", stacklevel=2)
                continue
            for mine in range(number + 1 - owed, number + 1):
                sample = (mine * self.world + self.rank) * workers + worker
                yield sample, random_crop(image, self.size, generator(self.seed, 1, sample), self.zoom)
            owed = 0

    def _records(self) -> Iterator[dict[str, Any]]:
        """Yield this process's share of the records without end, each pass in another order.

        `datasets` gives each worker process its own files by itself. The order is set by a new `shuffle` in each pass
        and not by `set_epoch`, whose number the workers would share while they are not in step.
        """
        for epoch in count():
            seed = int(generator(self.seed, 4, epoch).integers(2**31))
            shuffled = self.table.shuffle(seed=seed, buffer_size=BUFFER)
            record = None
            for record in split_dataset_by_node(shuffled, rank=self.rank, world_size=self.world):
                yield record
            if record is None:
                raise InputError(f"the stream has no {self.kind}s for this process: use fewer workers or devices")


class StreamBeside(IterableDataset):
    """Streamed photographs, each beside a painting: `{"photographs", "paintings"}`, both (3, size, size) in [0, 1].

    Args:
        photographs: Streamed; their numbers are those of the samples.
        paintings: Streamed as well, or a dataset that is indexed by the number of a sample.
    """

    def __init__(self, photographs: Stream, paintings: Stream | Dataset) -> None:
        self.photographs = photographs
        self.paintings = paintings
        self.streams = [column for column in (photographs, paintings) if isinstance(column, Stream)]
        self.batch_size = photographs.batch_size

    @property
    def most_workers(self) -> int:
        """How many worker processes can share the work; see `Stream`."""
        return min(stream.most_workers for stream in self.streams)

    def share(self, rank: int, world: int) -> None:
        """Be the stream of training process `rank` of `world`."""
        for stream in self.streams:
            stream.share(rank, world)

    def begin_after(self, trained: int) -> None:
        """Begin the next iteration where `trained` batches of this process were trained on."""
        for stream in self.streams:
            stream.begin_after(trained)

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        streamed = iter(self.paintings) if isinstance(self.paintings, Stream) else None
        for sample, photograph in self.photographs.numbered():
            painting = self.paintings[sample] if streamed is None else next(streamed)
            yield {"photographs": photograph, "paintings": painting}


class StreamLoader(ResumableLoader):
    """Loads a `Stream` from the batch on which training stands.

    Args:
        stream: What to load.
        trained: Returns how many batches of the run were trained on before now; asked when iteration begins.
        options: Of `DataLoader`; no persistent workers, which would not be told where to begin.
    """

    def __init__(self, stream: Stream | StreamBeside, trained: Callable[[], int], **options: Any) -> None:
        super().__init__(stream, batch_size=stream.batch_size, **options)
        self.stream = stream
        self.trained = trained

    def __iter__(self) -> Any:
        trained = self.trained()
        self.stream.begin_after(trained)
        batches = super().__iter__()
        for _ in range(trained % max(1, self.num_workers)):
            next(batches)  # workers begin together, so those that were one batch ahead repeat it
        return batches


def first_images(table: Any, count: int, size: int, kind: str) -> list[Tensor]:
    """Return the middles, (3, size, size) in [0, 1], of the first images of a stream that can be read."""
    found: list[Tensor] = []
    for number, record in enumerate(table if count else ()):
        try:
            found.append(center_crop(read_record(record, f"{kind} {number} of the stream"), size))
        except InputError as error:
            warnings.warn(f"{kind} skipped: {error}", stacklevel=2)
        if len(found) == count or number == count + PATIENCE:
            break
    return found
