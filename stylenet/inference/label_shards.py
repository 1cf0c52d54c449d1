"""The manifest of pseudo-labels while it grows: a part for each process, safe against kills, merged by the last one.

Rank R appends to manifest.R.jsonl. When it has gone through its share it renames the part to manifest.R.closed.jsonl,
and merges all parts into manifest.jsonl if those of all ranks are closed then, or no pair is missing. A part that
another rank may still append to is never deleted, so nothing is lost however the ranks overlap; the parts of ranks that
there no longer are, from a run of more processes, are taken in too.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from stylenet.data.pairs import MANIFEST, Pair
from stylenet.errors import InputError
from stylenet.images import written_beside

Key = tuple[str, str]
"""What a pair is known by: the names of style and photograph, in the order of the manifest."""


def key_of(pair: Pair) -> Key:
    """Return what a pair is known by."""
    return pair.style_name, pair.photograph


def made(folder: Path) -> dict[Key, Pair]:
    """Return every pair that the manifest of a folder and its parts name.

    A last line that was torn by a kill is left aside: its pair is made anew.

    Raises:
        InputError: Another line is broken.
    """
    parts = sorted(folder.glob("manifest.*.jsonl"))
    files = [*parts, folder / MANIFEST]  # in this order: a part is deleted only after it was merged
    return {key_of(pair): pair for file in files for pair in _read(file)}


def _read(path: Path) -> list[Pair]:
    """Return the pairs of the complete lines of a part; none of a part that is gone."""
    try:
        *lines, _ = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    pairs = []
    for number, line in enumerate(lines, start=1):
        try:
            pairs.append(Pair.from_json(line.decode()))
        except ValueError as error:
            raise InputError(f"{path}, line {number}: {error}: delete the line, its pair is made anew") from None
    return pairs


class Shard:
    """The part of the manifest that one of several processes writes.

    Args:
        folder: Of the pairs.
        rank: This process, from 0.
        ranks: How many there are.
    """

    def __init__(self, folder: Path, rank: int = 0, ranks: int = 1) -> None:
        self.folder, self.rank, self.ranks = folder, rank, ranks
        self.part = _part(folder, rank)
        self.closed = _closed(folder, rank)

    def open(self) -> None:
        """Take up this rank's part where an earlier run left it, without a torn last line.

        Raises:
            InputError: The folder cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if self.closed.exists() and not self.part.exists():
                self.closed.rename(self.part)
            with self.part.open("ab+") as file:
                file.seek(0)
                file.truncate(file.read().rfind(b"\n") + 1)
        except OSError as error:
            raise InputError(f"cannot write {self.part}: {error.strerror}") from None

    def add(self, pair: Pair) -> None:
        """Append a pair whose files are in place; on disk when this returns.

        Raises:
            InputError: The manifest cannot be written.
        """
        try:
            with self.part.open("ab") as file:
                file.write(f"{pair.to_json()}\n".encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise InputError(f"cannot write {self.part}: {error.strerror}") from None

    def close(self, wanted: Iterable[Key]) -> dict[Key, Pair] | None:
        """End this rank's part, and merge if there is nothing more to come.

        Args:
            wanted: The pairs that all ranks together are to make.

        Returns:
            What the manifest holds now; None while other ranks go on.
        """
        self.part.replace(self.closed)
        all_closed = all(_closed(self.folder, rank).exists() for rank in range(self.ranks))
        if not all_closed and not made(self.folder).keys() >= set(wanted):
            return None
        return self._merge()

    def _merge(self) -> dict[Key, Pair]:
        """Write the manifest, sorted, and delete the parts."""
        others = [_part(self.folder, rank) for rank in range(self.ranks)]
        parts = [path for path in self.folder.glob("manifest.*.jsonl") if path not in others]
        pairs = made(self.folder)
        if pairs:
            _write(pairs, self.folder / MANIFEST)
        for path in parts:
            path.unlink(missing_ok=True)
        return pairs


def _part(folder: Path, rank: int) -> Path:
    """Return the part of the manifest that a rank appends to."""
    return folder / f"manifest.{rank}.jsonl"


def _closed(folder: Path, rank: int) -> Path:
    """Return what that part is called once the rank has gone through its share."""
    return folder / f"manifest.{rank}.closed.jsonl"


def _write(pairs: Mapping[Key, Pair], path: Path) -> None:
    """Write a manifest, sorted, in one go."""
    with written_beside(path) as temporary, temporary.open("wb") as file:
        file.writelines(f"{pairs[key].to_json()}\n".encode() for key in sorted(pairs))
        file.flush()
        os.fsync(file.fileno())
