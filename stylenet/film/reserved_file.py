"""A file that can be closed properly on a full disk."""

import errno
import io
import os
from pathlib import Path
from types import TracebackType
from typing import Self

FULL_DISK = (errno.ENOSPC, errno.EDQUOT)


class ReservedFile:
    """A file to write, beside which room is kept; when the disk is full, the room is given back, and writing goes on.

    Whoever writes looks at `full` then, and closes the file while there is room.

    Args:
        path: The file.
        room: Bytes.

    Raises:
        OSError: The file or the room cannot be had.
    """

    def __init__(self, path: Path, room: int) -> None:
        self.full = False
        self._room = path.with_name(f"{path.name}.room")
        self._file = io.FileIO(path, "w")
        try:
            with open(self._room, "wb") as spare:
                self._reserve(spare.fileno(), room)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and give the room back."""
        self._room.unlink(missing_ok=True)
        self._file.close()

    def write(self, data: bytes) -> int:
        """Write all of the data, and return how many bytes that are."""
        rest = memoryview(data)
        while len(rest):
            try:
                rest = rest[self._write(rest) :]
            except OSError as error:
                if self.full or error.errno not in FULL_DISK:
                    raise
                self.full = True
                self._room.unlink(missing_ok=True)
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place, and return it."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the place."""
        return self._file.tell()

    def _write(self, data: memoryview) -> int:
        """Write some of the data, and return how many bytes."""
        return self._file.write(data) or 0

    @staticmethod
    def _reserve(number: int, room: int) -> None:
        """Take room on the disk for an open file."""
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(number, 0, room)
        else:
            os.write(number, bytes(room))
