"""What a visitor of the page may ask for, and how a refusal is told."""

import re
import sys
from dataclasses import dataclass
from pathlib import Path

from stylenet.errors import InputError


@dataclass(frozen=True)
class Limits:
    """How much of everything one visitor may have.

    Args:
        megabytes: Of a file.
        pixels: Of a photograph or a painting.
        film_seconds: That a film lasts.
        jobs: Long works at a time, of all visitors together; others wait.
    """

    megabytes: int = 100
    pixels: int = 50_000_000
    film_seconds: int = 120
    jobs: int = 1


def told(error: InputError, folder: Path) -> str:
    """Return what a visitor reads of an error, and print it, as the one line that the log gets.

    Args:
        error: The error.
        folder: Where visitors' files lie; their names alone are told.
    """
    text = re.sub(rf"{re.escape(str(folder))}\S*/", "", " ".join(str(error).split()))
    print(f"refused: {text}", file=sys.stderr, flush=True)
    return text[:1].upper() + text[1:]
