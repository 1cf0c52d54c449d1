"""SHA-256 digests, by which an earlier result is known to be of the same files and settings."""

import hashlib
import json
from pathlib import Path
from typing import Any

from stylenet.errors import InputError


def file_digest(path: Path) -> str:
    """Return the digest of a file, 64 hexadecimal digits.

    Raises:
        InputError: It cannot be read.
    """
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None


def recipe_digest(recipe: Any) -> str:
    """Return the beginning of the digest of plain values, 16 hexadecimal digits."""
    return hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:16]
