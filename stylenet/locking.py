"""One run at a time in a folder of results."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stylenet.errors import InputError

NAME = ".lock"


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
        file = (folder / NAME).open("w")
    except OSError as error:
        raise InputError(f"cannot write {folder}: {error.strerror}") from None
    with file:
        try:
            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except OSError:
            raise InputError(f"another run writes into {folder}: wait for its end, or give another --output") from None
        yield
