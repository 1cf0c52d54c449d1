"""Files that ship: where they lie, in a checkout or an installed package; and what tells one file from another."""

import hashlib
import os
from pathlib import Path

from stylenet.errors import InputError, unknown

_PACKAGE = Path(__file__).resolve().parent
_INSTALLED = _PACKAGE / "shipped"
"""Where the wheel puts them; a checkout, also one that is installed as editable, has no such folder."""

ROOT = _INSTALLED if _INSTALLED.is_dir() else _PACKAGE.parent
CONFIGS = ROOT / "configs"
DATA = ROOT / "data"
CHECKPOINTS = ROOT / "checkpoints"


def home_path(path: str | Path) -> Path:
    """Return a path with the home folder for its leading `~`; that of a user who is not known stays as it is."""
    return Path(os.path.expanduser(path))


def shipped_networks() -> dict[str, Path]:
    """Return the networks that ship, by name."""
    return {path.stem: path for path in sorted(CHECKPOINTS.glob("*.safetensors"))}


def network_file(name_or_path: str | Path) -> Path:
    """Return the file of a network that ships, by its name, or else the path as it is."""
    path = home_path(name_or_path)
    return path if path.is_file() else shipped_networks().get(str(name_or_path), path)


def find_network(name_or_path: str | Path) -> Path:
    """Return the file of a network: a path, or the name of one that ships, such as `starry_night`.

    Raises:
        InputError: A name, without suffix or folder, that none has; says the nearest.
    """
    path = network_file(name_or_path)
    if not path.is_file() and not path.suffix and path.name == str(name_or_path):
        raise unknown("network", path.name, shipped_networks())
    return path


def image_folders() -> list[Path]:
    """Return the folders that the environment variable `STYLENET_IMAGES` lists (joined by `os.pathsep`).

    Such a folder may hold photographs under `content/` and style images directly or under `style/`.
    """
    return [home_path(part) for part in os.environ.get("STYLENET_IMAGES", "").split(os.pathsep) if part]


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file, 64 hexadecimal digits, by which a result is known to be of the same files.

    Raises:
        InputError: It cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
