"""One run at a time in a folder of results."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from stylenet.errors import InputError


@contextmanager
def alone_in(folder: Path, shared: bool = False) -> Iterator[None]:
    """Hold a folder, which is made, as long as the block lasts; the end of the process frees it in any case.

    Args:
        folder: Where results are written.
        shared: Other processes of the same run hold it too.

    Raises:
        InputError: Another run holds it, or it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise InputError(f"cannot write {folder}: {error.strerror}") from None
    try:
        with suppress(OSError):  # a file system that locks no folders
            _lock(descriptor, folder, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, folder: Path, kind: int) -> None:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        raise InputError(f"another run writes into {folder}: wait for its end, or give another --output") from None
