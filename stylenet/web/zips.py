"""Zip files: those that visitors send, and those that they get."""

import shutil
import zipfile
import zlib
from pathlib import Path

from stylenet.errors import InputError
from stylenet.web.sessions import Session

MOST = 1000
"""Files in a zip that a visitor sends."""
UNREADABLE = zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, RuntimeError, ValueError
"""What zipfile raises for broken files, unknown methods of compression and passwords."""


def is_zip(file: str) -> bool:
    """Tell whether a file that a visitor sent is to be unpacked, by its name."""
    return Path(file).suffix.lower() == ".zip"


def unpacked(session: Session, file: str) -> list[str]:
    """Return the files in a zip, without its folders and what begins with a dot.

    Args:
        session: Of the visitor, in whose folder they lie.
        file: The zip.

    Raises:
        InputError: It cannot be read, or holds nothing or more than a visitor may send.
    """
    name, limits = Path(file).name, session.limits
    try:
        with zipfile.ZipFile(file) as archive:
            inside = [one for one in archive.infolist() if not one.is_dir() and _is_shown(one)]
            if not inside:
                raise InputError(f"{name} has no files in it")
            if len(inside) > MOST or sum(one.file_size for one in inside) > limits.megabytes * 1_000_000:
                raise InputError(f"{name} holds more than {MOST} files or {limits.megabytes} MB: send it in parts")
            return [_written(session, archive, one) for one in inside]
    except UNREADABLE as error:
        raise InputError(f"{name} cannot be unpacked ({error}): make it anew, without a password") from None


def _is_shown(one: zipfile.ZipInfo) -> bool:
    """Tell whether a file is one that its owner knows of; a Mac adds others."""
    return not any(part.startswith((".", "__MACOSX")) for part in Path(one.filename).parts)


def _written(session: Session, archive: zipfile.ZipFile, one: zipfile.ZipInfo) -> str:
    """Return a file of a zip; no more is read of it than it says that it has."""
    target = session.new_file(Path(one.filename).name)
    with archive.open(one) as source, target.open("wb") as place:
        shutil.copyfileobj(source, place)
    return str(target)


def zipped(session: Session, files: list[Path]) -> Path:
    """Return a zip of files."""
    target = session.new_file("painted.zip")
    with zipfile.ZipFile(target, "w") as archive:  # pictures do not get smaller
        for file in files:
            archive.write(file, file.name)
    return target
