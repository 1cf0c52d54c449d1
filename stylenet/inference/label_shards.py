"""The labels of one process of several, and the manifest that grows with them, safe against kills.

Rank R appends to manifest.R.jsonl. When it has gone through its share it renames the part to manifest.R.closed.jsonl,
and merges all parts into manifest.jsonl if those of all ranks are closed then, or no pair is missing. A part that
another rank may still append to is never deleted, so nothing is lost however the ranks overlap; the parts of ranks that
there no longer are, from a run of more processes, are taken in too.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from stylenet.data.pairs import MANIFEST, Pair, read_lines
from stylenet.errors import InputError
from stylenet.images import written_beside
from stylenet.inference.pseudo_labels import PairMaker

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
        return read_lines(path.read_bytes().split(b"\n")[:-1], path)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None


class Shard:
    """The part of the manifest that one of several processes writes.

    Args:
        folder: Of the pairs.
        rank: This process, from 0.
        ranks: How many there are.
    """

    def __init__(self, folder: Path, rank: int = 0, ranks: int = 1) -> None:
        self.folder, self.rank, self.ranks = folder, rank, ranks
        self.part, self.closed = self._parts(rank)

    def _parts(self, rank: int) -> tuple[Path, Path]:
        """Return the part that a rank appends to, and what it is called once the rank has gone through its share."""
        return self.folder / f"manifest.{rank}.jsonl", self.folder / f"manifest.{rank}.closed.jsonl"

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
        all_closed = all(self._parts(rank)[1].exists() for rank in range(self.ranks))
        if not all_closed and not made(self.folder).keys() >= set(wanted):
            return None
        return self._merge()

    def _merge(self) -> dict[Key, Pair]:
        """Write the manifest, sorted, and delete the parts."""
        others = [self._parts(rank)[0] for rank in range(self.ranks)]
        parts = [path for path in self.folder.glob("manifest.*.jsonl") if path not in others]
        pairs = made(self.folder)
        if pairs:
            with written_beside(self.folder / MANIFEST) as temporary, temporary.open("wb") as file:
                file.writelines(f"{pairs[key].to_json()}\n".encode() for key in sorted(pairs))
                file.flush()
                os.fsync(file.fileno())
        for path in parts:
            path.unlink(missing_ok=True)
        return pairs


class LabelRun:
    """What one of several processes does: the labels of its photographs that are not there yet.

    Args:
        maker: Makes them.
        sources: The files of all photographs, by their places in the folder.
        shard: The process's part of the manifest.

    Raises:
        InputError: The folder holds pairs that cannot stand in one manifest with these.

    Attributes:
        total: How many pairs are to be made.
        there: How many of the process's pairs are there already.
    """

    def __init__(self, maker: PairMaker, sources: Mapping[str, Path], shard: Shard) -> None:
        self.maker, self.sources, self.shard = maker, sources, shard
        pairs = made(maker.folder)
        maker.check(pairs.values(), sources)
        mine = list(sources)[shard.rank :: shard.ranks]  # before what is there is left out: all ranks agree
        wanted = {path: [name for name in maker.paintings if (name, path) not in pairs] for path in mine}
        self.todo = {path: names for path, names in wanted.items() if names}
        self.total = sum(map(len, self.todo.values()))
        self.there = len(mine) * len(maker.paintings) - self.total
        self._digests = {pair.photograph: pair.source_sha256 for pair in pairs.values()}

    def pairs(self) -> Iterator[tuple[int, InputError | None]]:
        """Make the pairs, one at each step; what is broken is skipped.

        Yields:
            How many pairs were made, or cannot be made, and why.
        """
        self.shard.open()
        self.maker.write_styles()
        for path, names in self.todo.items():
            try:
                photograph = self.maker.photograph(self.sources[path], path, self._digests.get(path))
            except InputError as error:
                yield len(names), error
                continue
            for name in names:
                try:
                    self.shard.add(self.maker.pair(photograph, name))
                except InputError as error:
                    yield 1, error
                else:
                    yield 1, None

    def close(self) -> tuple[int, int] | None:
        """End the process's part: how many pairs the manifest holds, and how many it lacks; None while others go on."""
        wanted = {(name, path) for path in self.sources for name in self.maker.paintings}
        pairs = self.shard.close(wanted)
        return None if pairs is None else (len(pairs), len(wanted - pairs.keys()))
