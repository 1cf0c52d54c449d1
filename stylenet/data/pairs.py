"""The manifest of a folder of pseudo-labels: one JSON object a line for each pair of a photograph and its label.

The folder holds `manifest.jsonl`; `photographs/NAME.png`, each photograph as it was stylized; `labels/STYLE/NAME.png`,
what a slow method made of it, of the same size; and `styles/STYLE.png`, each style image as it was used.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path, PurePath
from typing import Any

from stylenet.errors import InputError
from stylenet.resources import home_path

MANIFEST = "manifest.jsonl"


@dataclass(frozen=True)
class Pair:
    """A photograph and what a slow method made of it: one line of the manifest.

    Args:
        photograph: The photograph as it was stylized; this path and the next two are relative to the folder.
        label: What was made of it, of the same size.
        style: The style image.
        style_name: What the style is called.
        source: The file the photograph was read from, as it was given.
        photograph_sha256: SHA-256 of the file, in hexadecimal digits; so are the next three.
        label_sha256: Of the label.
        style_sha256: Of the style image.
        source_sha256: Of the source.
        method: For instance `gatys` or `adain`.
        settings: What the method was told.
        losses: Its final losses, by the name of the term.
        seconds: How long it took.
        width: Pixels of photograph and label.
        height: Pixels of photograph and label.
    """

    photograph: str
    label: str
    style: str
    style_name: str
    source: str
    photograph_sha256: str
    label_sha256: str
    style_sha256: str
    source_sha256: str
    method: str
    settings: dict[str, Any]
    losses: dict[str, float]
    seconds: float
    width: int
    height: int

    def to_json(self) -> str:
        """Return the line of the manifest, without the newline."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str | bytes) -> "Pair":
        """Return the pair of one line of a manifest; fields that are not known are left aside.

        Raises:
            InputError: The line is no JSON object, lacks a field, holds another kind of value in one, or names
                what is no picture in the folder.
        """
        try:
            found = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError(f"no JSON ({error})") from None
        if not isinstance(found, dict):
            raise InputError("not a JSON object")
        missing = [field.name for field in fields(cls) if field.name not in found]
        if missing:
            raise InputError(f"lacks {', '.join(missing)}")
        texts = [field.name for field in fields(cls) if field.type is str and not isinstance(found[field.name], str)]
        if texts:
            raise InputError(f"{', '.join(texts)} must be text")
        for path in (PurePath(found[name]) for name in ("photograph", "label", "style")):
            if path.is_absolute() or ".." in path.parts or not path.parts:
                raise InputError(f"{path} is no file in the folder")
        return cls(**{field.name: found[field.name] for field in fields(cls)})


def read_lines(lines: Iterable[bytes], path: Path) -> list[Pair]:
    """Return the pairs of lines of a manifest; empty ones are left aside.

    Raises:
        InputError: A line is broken, which is named.
    """
    pairs = []
    for number, line in enumerate(lines, start=1):
        try:
            pairs += [Pair.from_json(line)] if line.strip() else []
        except InputError as error:
            raise InputError(f"{path}, line {number}: {error}: delete it, run `stylenet pseudo-label` again") from None
    return pairs


def read_manifest(folder: str | Path) -> list[Pair]:
    """Return the pairs of a folder of pseudo-labels, in the order of its manifest.

    Raises:
        InputError: There is no manifest, it is empty, or a line of it is broken, which is named.
    """
    path = home_path(folder) / MANIFEST
    try:
        pairs = read_lines(path.read_bytes().split(b"\n"), path)
    except OSError as error:
        raise InputError(f"cannot read {path} ({error.strerror}): make it with `stylenet pseudo-label`") from None
    if not pairs:
        raise InputError(f"{path} names no pairs: run `stylenet pseudo-label` again")
    return pairs
