"""Frames of a film that is painted for long: kept in a folder beside it until all are there, then joined."""

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

from torch import Tensor

from stylenet.errors import Failed, InputError
from stylenet.film.stylize import FRAME, FULL_DISK, Result, stylize_film
from stylenet.images import load_image, written_beside
from stylenet.resources import file_digest

SETTINGS = "settings.json"
Cut = tuple[Fraction | None, Fraction | None]
"""Where a film begins and ends, in seconds; None: as it is."""


class KeptFrames:
    """The folder beside a film where finished frames wait for the others: `frame_000001.png` and so on.

    Args:
        target: The film that will be written.
        settings: Everything that the frames depend on, as plain values.

    Raises:
        InputError: The folder has frames of other settings.
    """

    def __init__(self, target: Path, settings: Mapping[str, Any]) -> None:
        self.folder = target.with_name(f"{target.name}.frames")
        self.settings: dict[str, Any] = json.loads(json.dumps(settings, default=str))
        try:
            if not os.path.lexists(self.folder) or not os.listdir(self.folder):
                return
            found = json.loads((self.folder / SETTINGS).read_text(encoding="utf-8"))
            others = [name for name in self.settings | found if found.get(name) != self.settings.get(name)]
        except (OSError, ValueError, TypeError):
            raise InputError(f"{self.folder} is there, but holds no frames of a film: move it away") from None
        if others and self.count():
            what = f"{self.folder} holds frames of other settings ({', '.join(others)})"
            raise InputError(f"{what}: give those again, give another --output, or remove the folder")

    def path(self, number: int) -> Path:
        """Return the file of a frame, counted from 1."""
        return self.folder / FRAME.format(number)

    def count(self) -> int:
        """Return how many frames there are, from the first one on."""
        number = 0
        while self.path(number + 1).exists():
            number += 1
        return number

    def begin(self) -> None:
        """Write what the frames will be made by."""
        with written_beside(self.folder / SETTINGS) as temporary:
            temporary.write_text(json.dumps(self.settings, indent=1), encoding="utf-8")

    def frames(self) -> Iterator[Tensor]:
        """Yield the frames, (1, 3, H, W) in [0, 1]."""
        return (load_image(self.path(number)) for number in range(1, self.count() + 1))


def fingerprint(value: Any) -> Any:
    """Return an option as settings hold it: of a file the SHA-256 of its bytes."""
    if isinstance(value, list):
        return [fingerprint(item) for item in value]
    if isinstance(value, str | Path) and os.path.isfile(value):
        return file_digest(Path(value))
    return value


def join_frames(
    source: Path,
    kept: KeptFrames,
    target: Path,
    cut: Cut = (None, None),
    say: Callable[[str], None] = print,
) -> Result:
    """Make a film of all its kept frames, with the sound and the times of its source, and remove them.

    Args:
        source: The film.
        kept: All of its frames.
        target: The new one.
        cut: Where the film begins and ends, in seconds.
        say: Told what will not be kept, a line for each.

    Raises:
        InputError: The film cannot be written.
        Failed: The disk is full.
        KeyboardInterrupt: There was a Ctrl-C. The frames stay, as after the errors.
    """
    frames, whole = kept.frames(), kept.folder / target.name
    written = stylize_film(lambda _: next(frames), source, whole, start=cut[0], end=cut[1], say=say)
    if written.interrupted:
        raise KeyboardInterrupt
    if written.broken == FULL_DISK:
        raise Failed(f"{FULL_DISK}: make room and give the same command; the frames are in {kept.folder}")
    whole.replace(target)
    with suppress(OSError):
        shutil.rmtree(kept.folder)
    return written
