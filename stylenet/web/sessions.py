"""What the page keeps for each visitor, apart from all others, until the visitor leaves."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import gradio as gr

from stylenet.web.jobs import Job
from stylenet.web.limits import Limits
from stylenet.web.networks import Choice, Learnt

if TYPE_CHECKING:
    from torch import Tensor


class Session:
    """A visitor.

    Args:
        folder: For files of this visitor alone; its name cannot be guessed.
        limits: Of pictures.
    """

    def __init__(self, folder: Path, limits: Limits) -> None:
        self.folder, self.limits = folder, limits
        self.jobs: dict[str, Job] = {}
        self.learnt: dict[str, Learnt] = {}
        self.uploads: dict[str, list[Path]] = {}
        self._requests = 0
        self._small: tuple[str | None, Tensor] | None = None

    def preview(self, path: str | None) -> "Tensor":
        """Return a photograph at preview size, (1, 3, h, w); the last one is remembered.

        Raises:
            InputError: There is none, or it cannot be used.
        """
        from stylenet.web.pictures import read_picture, small

        if self._small is None or self._small[0] != path:
            self._small = path, small(read_picture(path, self.limits))
        return self._small[1]

    def request(self) -> Callable[[], bool]:
        """Count a request, and return what tells whether it is still the newest."""
        self._requests += 1
        mine = self._requests
        return lambda: mine == self._requests

    def choice(self, *controls: Any) -> Choice:
        """Return what the controls say, in the order of `stylenet.web.inputs.Inputs.controls`."""
        photograph, mask, style, painting, second, blend, strength, strokes, colors = controls
        second, colors, learnt = second or None, colors or None, dict(self.learnt)
        return Choice(photograph, mask, style, painting, second, blend, strength, strokes, colors, learnt)

    def new_file(self, name: str) -> Path:
        """Return where a file of this name may be written: a folder of its own."""
        return Path(tempfile.mkdtemp(dir=self.folder)) / name

    def start(self, tab: str, job: Job) -> Job:
        """Take a job as the one of a tab; the one before is stopped."""
        self.stop(tab)
        self.jobs[tab] = job
        return job

    def stop(self, tab: str) -> None:
        """Stop the job of a tab, if there is one."""
        if tab in self.jobs:
            self.jobs[tab].stop()

    def close(self) -> None:
        """Stop everything, and delete every file."""
        for job in self.jobs.values():
            job.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class Sessions:
    """All visitors.

    Args:
        folder: Below it each has one.
        limits: Of pictures.
    """

    def __init__(self, folder: Path, limits: Limits) -> None:
        self.folder, self.limits = folder, limits
        self._open: dict[str, Session] = {}
        self._lock = Lock()

    def of(self, request: gr.Request) -> Session:
        """Return the session of a request, a new one for a new visitor."""
        key = str(request.session_hash)
        with self._lock:
            if key not in self._open:
                self._open[key] = Session(Path(tempfile.mkdtemp(prefix="visitor-", dir=self.folder)), self.limits)
            return self._open[key]

    def keep(self, session: Session, slot: str, *paths: str) -> None:
        """Remember uploads, and delete those that they replace unless another visitor sent the same file.

        Args:
            session: Whose.
            slot: What they are for: `photograph`, say.
            *paths: The files, or none: there are none any more.
        """
        with self._lock:
            before = session.uploads.get(slot, [])
            session.uploads[slot] = [Path(path) for path in paths]
            self._forget(before)

    def close(self, request: gr.Request) -> None:
        """Delete all that there is of a visitor who left."""
        with self._lock:
            session = self._open.pop(str(request.session_hash), None)
            if session is not None:
                session.close()
                self._forget([path for paths in session.uploads.values() for path in paths])

    def close_all(self) -> None:
        """Stop the jobs of all visitors, and delete their files."""
        with self._lock:
            for session in self._open.values():
                session.close()

    def _forget(self, paths: list[Path]) -> None:
        """Delete uploads that no visitor has any more."""
        kept = {path for session in self._open.values() for paths in session.uploads.values() for path in paths}
        for path in set(paths) - kept:
            path.unlink(missing_ok=True)
