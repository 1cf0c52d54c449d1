"""Photographs through Hugging Face `datasets`: from the Hub, from Parquet files or from a folder of images."""

from typing import Any

import datasets
import fsspec
from torch import Tensor

from stylenet.errors import InputError
from stylenet.images import decode
from stylenet.resources import home_path

COCO = "laicsiifes/coco-captions-pt-br"
"""The photographs of COCO train2014 as Parquet (with captions, which are not used)."""

WIKIART = "huggan/wikiart"
"""81,444 paintings of WikiArt as Parquet."""


def load_table(root: str, split: str, streaming: bool = False, option: str = "data.root") -> Any:
    """Return the column of encoded images of a dataset, a `datasets.Dataset` or `IterableDataset` of one column.

    Args:
        root: The name of a dataset on the Hub, a folder of Parquet files, a Parquet file or a folder of images.
        split: For instance `train`, or `train[:1000]` unless streaming.
        streaming: Read while training, instead of fetching everything first.
        option: What an error calls the option that named it.

    Raises:
        InputError: It cannot be had, or has no column of images.
    """
    name, options = _builder(root)
    try:
        table = datasets.load_dataset(name, split=split, streaming=streaming, **options)
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"cannot load the dataset {root!r}, split {split!r} ({reason}): check its name and the network, "
            f"or give {option} a folder of images or of Parquet files"
        ) from None
    column = _image_column(table, root)
    return table.select_columns([column]).cast_column(column, datasets.Image(decode=False))


def _builder(root: str) -> tuple[str, dict[str, Any]]:
    """Return the name and the options with which `load_dataset` reads `root`."""
    path = home_path(root)
    if path.is_dir():
        tables = sorted(str(table) for table in path.rglob("*.parquet"))
        return ("parquet", {"data_files": tables}) if tables else ("imagefolder", {"data_dir": str(path)})
    if path.suffix == ".parquet":
        return "parquet", {"data_files": [str(path)]}
    return root, {}


def _image_column(table: Any, root: str) -> str:
    """Return the name of the column that holds images: by its type, else the one called `image`."""
    features = table.features or {}
    for name, feature in features.items():
        if isinstance(feature, datasets.Image):
            return name
    if "image" in features:
        return "image"
    raise InputError(
        f"the dataset {root!r} has no column of images: its columns are {', '.join(features) or 'unknown'}"
    )


def read_record(record: dict[str, Any], name: str) -> Tensor:
    """Decode one record of `load_table`: (1, 3, H, W) in [0, 1].

    Args:
        record: One column, of `{"bytes": ..., "path": ...}`.
        name: What to call it in an error, unless it has a path.

    Raises:
        InputError: The image is broken or missing.
    """
    (image,) = record.values()
    if image is None:
        raise InputError(f"{name} is empty")
    raw, path = image["bytes"], image["path"]
    if raw is None:
        try:
            with fsspec.open(path, "rb") as file:
                raw = file.read()
        except OSError as error:
            raise InputError(f"cannot read {path}: {error}") from None
    return decode(raw, path or name)


class Table:
    """The photographs of a `datasets.Dataset` that is on disk.

    Args:
        table: From `load_table`, not streaming.
    """

    def __init__(self, table: Any) -> None:
        self.table = table

    def __len__(self) -> int:
        return len(self.table)

    def read(self, index: int) -> Tensor:
        """Return photograph `index`, (1, 3, H, W) in [0, 1]."""
        return read_record(self.table[index], f"photograph {index}")
