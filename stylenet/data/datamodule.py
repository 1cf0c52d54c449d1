"""The LightningDataModule: content photographs as plain batches, (B, 3, size, size) in [0, 1]."""

import os
import warnings
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from torch.utils.data import DataLoader, Dataset, DistributedSampler, Subset

from stylenet.data.datasets import (
    ZOOM,
    Alternating,
    Crops,
    Files,
    Folder,
    Photographs,
    Wholes,
    evenly_spaced,
    hold_out,
)
from stylenet.data.huggingface import COCO, load_table
from stylenet.data.sampling import ResumableLoader, SampleOrder
from stylenet.data.sources import SOURCES, Content, Source, find_source
from stylenet.data.streaming import Stream, StreamLoader, first_photographs
from stylenet.data.synthetic import DeadLeaves
from stylenet.errors import InputError, unknown
from stylenet.images import list_images

SLURM_CORES = "SLURM_CPUS_PER_TASK"


class StylizationData(pl.LightningDataModule):
    """Content photographs to train and to validate on.

    Sample i of a run depends on the seed and i only, whatever the number of workers and devices, and training goes on
    after an interruption with exactly the samples that were to come (see `stylenet.data.sampling`).

    Args:
        source: auto (the best at hand: coco, the folders of STYLENET_IMAGES, embedded, synthetic), coco (2014, a
            folder), huggingface, folder, embedded (a few photographs out of scikit-image) or synthetic.
        root: The folder of folder or coco; the dataset of huggingface: its name on the Hub, or a folder of Parquet
            files or images. Default: coco is looked for in STYLENET_COCO and data/coco; huggingface takes COCO 2014.
        size: Pixels of a side of the square crops.
        batch_size: Crops in a batch of one device.
        num_workers: Worker processes of one device; by default as many as there are free CPU cores, at most 8.
        val_count: Photographs to validate on, evenly spaced over the source and held out of training.
        val_root: Another folder of photographs to validate on; then none are held out.
        seed: Of the order, the crops and the synthetic images.
        split: Split of a Hugging Face dataset.
        streaming: Read the Hugging Face dataset while training, without an end: needs max_steps.
        zoom: A crop shows from 1/zoom of a photograph's short side up to all of it. More than the default of 1.25 (2
            where photographs are few) prepares a network for large images, whose features are large and smooth.
    """

    def __init__(
        self,
        source: str = "auto",
        root: str | None = None,
        size: int = 256,
        batch_size: int = 4,
        num_workers: int | None = None,
        val_count: int = 8,
        val_root: str | None = None,
        seed: int = 0,
        split: str = "train",
        streaming: bool = False,
        zoom: float | None = None,
    ) -> None:
        super().__init__()
        if source not in SOURCES:
            raise unknown("data.source", source, SOURCES)
        if streaming and source != "huggingface":
            raise InputError(f"data.streaming needs data.source=huggingface, not {source}")
        _check_at_least(16, size=size)
        _check_at_least(1, batch_size=batch_size)
        _check_at_least(0, num_workers=num_workers or 0, val_count=val_count, seed=seed)
        if zoom is not None and not zoom >= 1:
            raise InputError(f"data.zoom is {zoom}: give at least 1")
        self.source = source
        self.root = root
        self.size = size
        self.batch_size = batch_size
        self.num_workers = num_workers
        self.val_count = val_count
        self.val_root = val_root
        self.seed = seed
        self.split = split
        self.streaming = streaming
        self.zoom = zoom
        self.content: Content | None = None
        self.train_set: Dataset | None = None
        self.val_set: Any = None
        self._skipping: list[Photographs | Stream] = []

    def prepare_data(self) -> None:
        """Fetch a Hugging Face dataset once a machine, before the processes open it."""
        if self.source == "huggingface" and not self.streaming:
            load_table(self.root or COCO, self.split)

    def setup(self, stage: str | None = None) -> None:
        """Find the source and split it.

        Raises:
            InputError: The source is not there.
        """
        if self.content is not None:
            return
        if self.streaming:
            self._set_up_stream()
        else:
            self._set_up(find_source(self.source, self.root, self.split))

    def describe(self) -> Content:
        """Return what is trained on; finds the source if that was not done yet."""
        self.setup()
        assert self.content is not None
        return self.content

    @property
    def broken(self) -> int:
        """How many photographs were skipped so far because they cannot be read, on this process and its workers."""
        return sum(int(photographs.broken.sum()) for photographs in self._skipping)

    def train_dataloader(self) -> DataLoader:
        """Return the loader of training batches, which begins where the trainer stands.

        Raises:
            InputError: A stream has no end, and the trainer was given none.
        """
        self.setup()
        workers = self._workers()
        if isinstance(self.train_set, Stream):
            self._check_stream_ends()
            self.train_set.rank, self.train_set.world = self._rank_and_world()
            workers = min(workers, self.train_set.most_workers)
            return StreamLoader(
                self.train_set, self._trained, num_workers=workers, pin_memory=torch.cuda.is_available()
            )
        assert self.train_set is not None
        return ResumableLoader(
            self.train_set,
            batch_size=self.batch_size,
            sampler=SampleOrder(self.train_set, self.batch_size, *self._rank_and_world(), self._trained),
            num_workers=workers,
            pin_memory=torch.cuda.is_available(),
            persistent_workers=workers > 0,
        )

    def val_dataloader(self) -> DataLoader | list:
        """Return the loader of validation batches, always the same on every device; none if `val_count` is 0."""
        self.setup()
        if not len(self.val_set):
            return []
        # a DistributedSampler, so that Lightning does not deal the photographs out to the devices
        order: DistributedSampler = DistributedSampler(self.val_set, num_replicas=1, rank=0, shuffle=False)
        return DataLoader(self.val_set, batch_size=self.batch_size, sampler=order, pin_memory=torch.cuda.is_available())

    def state_dict(self) -> dict[str, Any]:
        """Return what is trained on, and all else that the order of the samples depends on."""
        samples = self.batch_size * self._rank_and_world()[1]
        return {"seed": self.seed, "size": self.size, "samples_per_batch": samples, **asdict(self.describe())}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Warn where the data differ from those of the checkpoint, so that training does not go on exactly."""
        now = self.state_dict()
        keys = [key for key in ("source", "images", "seed", "size", "samples_per_batch") if key in state_dict]
        changed = [f"{key} was {state_dict[key]}, is {now[key]}" for key in keys if state_dict[key] != now[key]]
        if changed:
            warnings.warn(f"other data than in the checkpoint: {'; '.join(changed)}", stacklevel=2)

    def _set_up(self, source: Source) -> None:
        """Make the datasets of a source that is not streamed."""
        images = None
        if source.files is None:
            self.train_set = DeadLeaves(self.size, self.seed)
            self.val_set = Subset(DeadLeaves(self.size, self.seed, stream=1), range(self.val_count))
        else:
            count = 0 if self.val_root or source.held_out else self.val_count
            kept, held = hold_out(len(source.files), count)
            images = len(kept)
            photographs = self._photographs(source.files, kept)
            photographs.read(0)  # if all are broken, say so now and not from a worker process
            if source.name == "embedded":  # few photographs: show smaller parts, and synthetic ones in turn
                crops = Crops(photographs, self.size, self.seed, self.zoom or 2)
                self.train_set = Alternating(crops, DeadLeaves(self.size, self.seed))
            else:
                self.train_set = Crops(photographs, self.size, self.seed, self.zoom or ZOOM)
            self.val_set = Wholes(self._photographs(source.files, held), self.size)
        self._set_up_validation(source.held_out)
        self.content = Content(source.name, source.place, images, len(self.val_set), not source.is_coco)

    def _set_up_stream(self) -> None:
        """Make the datasets of a stream; validation takes its first photographs, which training will see as well."""
        name = self.root or COCO
        table = load_table(name, self.split, streaming=True)
        self.train_set = Stream(table, self.size, self.seed, self.batch_size, self.zoom or ZOOM)
        self._skipping.append(self.train_set)
        self.val_set = [] if self.val_root else first_photographs(table, self.val_count, self.size)
        self._set_up_validation(None)
        self.content = Content("huggingface", f"{name}, streamed", None, len(self.val_set), name != COCO)

    def _set_up_validation(self, held_out: Files | None) -> None:
        """Validate on the photographs of `val_root`, or on those that come with the source, if there are any."""
        files = Folder(list_images(Path(self.val_root).expanduser())) if self.val_root else held_out
        if files is not None:
            self.val_set = Wholes(self._photographs(files, evenly_spaced(len(files), self.val_count)), self.size)

    def _photographs(self, files: Files, indices: Sequence[int]) -> Photographs:
        """Return some photographs, whose broken ones are counted in `broken`."""
        photographs = Photographs(files, indices)
        self._skipping.append(photographs)
        return photographs

    def _trained(self) -> int:
        """Return how many batches of this run were trained on, also before it was resumed."""
        if self.trainer is None:
            return 0
        return self.trainer.fit_loop.epoch_loop.batch_progress.total.processed  # type: ignore[attr-defined]

    def _rank_and_world(self) -> tuple[int, int]:
        """Return the number of this training process, and how many there are."""
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)

    def _workers(self) -> int:
        """Return how many worker processes load for this device."""
        if self.num_workers is not None:
            return self.num_workers
        cores = free_cores() // (self.trainer.num_devices if self.trainer and not os.environ.get(SLURM_CORES) else 1)
        return min(8, cores - 1) if cores > 2 else 0

    def _check_stream_ends(self) -> None:
        """Raise an InputError where training on a stream would never end."""
        trainer = self.trainer
        if trainer and trainer.max_steps == -1 and not isinstance(trainer.limit_train_batches, int):
            raise InputError(
                f"a streamed dataset has no end: give trainer.max_steps (2 epochs of COCO 2014 are "
                f"{2 * 82_783 // (self.batch_size * trainer.world_size)})"
            )


def _check_at_least(lowest: int, **options: int) -> None:
    """Raise an InputError for the first option that is less than `lowest`."""
    for name, value in options.items():
        if value < lowest:
            raise InputError(f"data.{name} is {value}: give at least {lowest}")


def free_cores() -> int:
    """Return how many CPU cores this process may use; under SLURM those of one task, which is one device."""
    if os.environ.get(SLURM_CORES):
        return int(os.environ[SLURM_CORES])
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
