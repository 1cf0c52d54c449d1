"""The LightningDataModule: batches of content photographs, alone or beside paintings and pseudo-labels."""

import warnings
from dataclasses import asdict
from typing import Any

import lightning.pytorch as pl
import torch
from torch.utils.data import DataLoader, Dataset, DistributedSampler

from stylenet.data.huggingface import COCO, load_table
from stylenet.data.labeled import labeled_splits
from stylenet.data.sampling import ResumableLoader, SampleOrder
from stylenet.data.sources import SOURCES, Content, find_paintings, find_source, is_dataset
from stylenet.data.splits import Plan, Splits, photograph_splits, streamed_splits, with_paintings
from stylenet.data.streaming import Stream, StreamBeside, StreamLoader
from stylenet.devices import free_workers
from stylenet.errors import InputError, unknown

COMPARED = ("source", "images", "paintings", "label_styles", "seed", "size", "samples_per_batch")
"""What must be as in a checkpoint for training to go on exactly."""


class StylizationData(pl.LightningDataModule):
    """Content photographs to train and to validate on.

    A batch is a tensor of photographs, (B, 3, size, size) in [0, 1]. With `paintings` or `pseudo_labels` it is a dict
    with the columns there are: `photographs`, `paintings` and `labels`, each of that shape, and `style`, (B,) int64,
    the labels' places in `label_styles`.

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
        paintings: Show a painting beside each photograph: auto (the folders `style` of STYLENET_IMAGES, else the
            styles that have a name), a folder, or a Hugging Face dataset such as huggan/wikiart. Default: none.
        pseudo_labels: A folder that `stylenet pseudo-label` wrote: show its photographs, in the place of `source`, and
            their labels. Then `paintings`, if given, shows the style image of each pair.
        recolor: Put the color channels of every second painting into another order, which makes many palettes of few
            paintings; not of streamed ones.

    Attributes:
        label_style: The style whose pseudo-labels alone are shown, None for all; set it before the data are found.
    """

    label_style: str | None = None

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
        paintings: str | None = None,
        pseudo_labels: str | None = None,
        recolor: bool = False,
    ) -> None:
        super().__init__()
        if source not in SOURCES:
            raise unknown("data.source", source, SOURCES)
        if streaming and source != "huggingface":
            raise InputError(f"data.streaming needs data.source=huggingface, not {source}")
        if pseudo_labels and (streaming or val_root):
            option = "streaming" if streaming else "val_root"
            raise InputError(f"data.{option} does not go with data.pseudo_labels: leave it out")
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
        self.paintings = paintings
        self.pseudo_labels = pseudo_labels
        self.recolor = recolor
        self.train_set: Dataset | None = None
        self.val_set: Any = None
        self._splits: Splits | None = None

    def prepare_data(self) -> None:
        """Fetch a Hugging Face dataset once a machine, before the processes open it."""
        if self.streaming or self.pseudo_labels:
            return
        if self.source == "huggingface":
            load_table(self.root or COCO, self.split)
        if self.paintings and is_dataset(self.paintings):
            find_paintings(self.paintings)

    def setup(self, stage: str | None = None) -> None:
        """Find the source and split it.

        Raises:
            InputError: The source is not there.
        """
        if self._splits is None:
            self._splits = self._find()
            self.train_set, self.val_set = self._splits.train, self._splits.val

    def describe(self) -> Content:
        """Return what is trained on; finds the source if that was not done yet."""
        return self._found().content

    def describe_paintings(self) -> Content | None:
        """Return what is shown beside the photographs, None without; finds it if need be."""
        return self._found().paintings

    @property
    def label_styles(self) -> list[str]:
        """Names of the pseudo-labels' styles, sorted, as the column `style` counts them; empty without labels."""
        return self._found().label_styles

    @property
    def broken(self) -> int:
        """How many images were skipped so far because they cannot be read, on this process and its workers."""
        return sum(int(images.broken.sum()) for images in self._splits.skipping) if self._splits else 0

    def train_dataloader(self) -> DataLoader:
        """Return the loader of training batches, which begins where the trainer stands.

        Raises:
            InputError: A stream has no end, and the trainer was given none.
        """
        self.setup()
        workers = free_workers(self.trainer.num_devices if self.trainer else 1)
        workers = workers if self.num_workers is None else self.num_workers
        pinned = torch.cuda.is_available()
        if isinstance(self.train_set, Stream | StreamBeside):
            self._check_stream_ends()
            self.train_set.share(*self._rank_and_world())
            workers = min(workers, self.train_set.most_workers)
            return StreamLoader(self.train_set, self._trained, num_workers=workers, pin_memory=pinned)
        assert self.train_set is not None
        return ResumableLoader(
            self.train_set,
            batch_size=self.batch_size,
            sampler=SampleOrder(self.train_set, self.batch_size, *self._rank_and_world(), self._trained),
            num_workers=workers,
            pin_memory=pinned,
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
        paintings = self._found().paintings
        return {
            **asdict(self.describe()),
            "paintings": paintings and (paintings.images or "endless"),
            "label_styles": self.label_styles,
            "seed": self.seed,
            "size": self.size,
            "samples_per_batch": self.batch_size * self._rank_and_world()[1],
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Warn where the data differ from those of the checkpoint, so that training does not go on exactly."""
        now = self.state_dict()
        keys = [key for key in COMPARED if key in state_dict]
        changed = [f"{key} was {state_dict[key]}, is {now[key]}" for key in keys if state_dict[key] != now[key]]
        if changed:
            warnings.warn(f"other data than in the checkpoint: {'; '.join(changed)}", stacklevel=2)

    def _found(self) -> Splits:
        """Return what is trained on, found once."""
        self.setup()
        assert self._splits is not None
        return self._splits

    def _find(self) -> Splits:
        """Return what is trained on: pairs, or photographs with or without paintings."""
        plan = Plan(self.size, self.batch_size, self.seed, self.zoom, self.val_count, self.val_root, self.recolor)
        if self.pseudo_labels:
            return labeled_splits(self.pseudo_labels, plan, bool(self.paintings), self.label_style)
        if self.streaming:
            splits = streamed_splits(self.root or COCO, self.split, plan)
        else:
            splits = photograph_splits(find_source(self.source, self.root, self.split), plan)
        return with_paintings(splits, self.paintings, plan, self.streaming) if self.paintings else splits

    def _trained(self) -> int:
        """Return how many batches of this run were trained on, also before it was resumed."""
        if self.trainer is None:
            return 0
        return self.trainer.fit_loop.epoch_loop.batch_progress.total.processed  # type: ignore[attr-defined]

    def _rank_and_world(self) -> tuple[int, int]:
        """Return the number of this training process, and how many there are."""
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)

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
