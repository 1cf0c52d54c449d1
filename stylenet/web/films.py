"""The tab Film and many: films and sets of photographs, all in the chosen look."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from stylenet.errors import InputError
from stylenet.web.app_state import AppState
from stylenet.web.components import problem, saying, uploads
from stylenet.web.inputs import Inputs
from stylenet.web.jobs import Job
from stylenet.web.limits import Limits, told
from stylenet.web.sessions import Session
from stylenet.web.work import Updates, Work
from stylenet.web.zips import is_zip, unpacked, zipped

if TYPE_CHECKING:
    from torch import Tensor

    from stylenet.inference.stylizer import Stylizer

SIZES = [("As they are", 0), ("1080 pixels", 1080), ("720 pixels", 720), ("480 pixels", 480)]
PLAYED = (".mp4", ".m4v", ".mov", ".webm")
"""Suffixes of films that browsers play."""


class FilmsTab:
    """The tab.

    Args:
        state: What tabs share.
        inputs: The look.
    """

    def __init__(self, state: AppState, inputs: Inputs) -> None:
        self.state = state
        gr.Markdown(f"Films of up to {state.limits.film_seconds} seconds, or photographs, also in a zip.")
        self.files = uploads("Films and photographs", height=180)
        self.size = gr.Dropdown(SIZES, value=0, label="Longer side", filterable=False)
        self.work = Work(state, "films", "Paint them all")
        self.film = gr.Video(label="The film", visible=False, buttons=["download"], interactive=False)
        self.download = gr.DownloadButton("Download", visible=False)
        self.files.change(self.keep, self.files)
        self.work.when_started(self.go, [self.files, self.size, *inputs.controls], [self.film, self.download])

    def keep(self, request: gr.Request, files: list[str] | None) -> None:
        """Remember the files that were dropped, so that they go with the visitor."""
        self.state.sessions.keep(self.state.visitor(request), "films", *(files or []))

    def go(self, request: gr.Request, files: list[str] | None, size: int, *controls: Any) -> Iterator[Updates]:
        """Paint every file, with progress, until all are done or the visitor cancels."""

        def work(session: Session, job: Job) -> tuple[Path, list[str]]:
            stylizer = self.state.networks.open(session.choice(None, None, *controls[2:]))
            return painted_files(session, job, stylizer, files or [], size or None)

        def end(session: Session, result: tuple[Path, list[str]]) -> Updates:
            path, failed = result
            shown = str(path) if path.suffix.lower() in PLAYED else None
            return {
                self.work.status: problem("; ".join(failed)) if failed else saying("Finished"),
                self.film: gr.update(value=shown, visible=shown is not None),
                self.download: gr.update(value=str(path), label=f"Download {path.name}", visible=True),
            }

        yield {self.film: gr.update(visible=False), self.download: gr.update(visible=False)}
        yield from self.work.run(request, work, end=end)


def painted_files(
    session: Session, job: Job, stylizer: "Stylizer", files: list[str], size: int | None
) -> tuple[Path, list[str]]:
    """Return the painted file, or a zip of several, and a line for each that failed.

    Args:
        session: Of the visitor.
        job: Told how far it is.
        stylizer: The look.
        files: What to paint, or zips of it.
        size: Pixels of the longer side, or None: as it is.

    Raises:
        InputError: There are none, or all failed.
        Stopped: The visitor cancelled.
    """
    from stylenet.images import resize, save_image
    from stylenet.inference.outputs import stays_film
    from stylenet.web.pictures import read_picture

    if not files:
        raise InputError("drop films or photographs first")
    found, made, failed = list[str](), list[Path](), list[str]()
    for file in files:
        with _noted(failed, session):
            found += unpacked(session, file) if is_zip(file) else [file]
    jobs = _plan(session, found) if found else {}
    for index, (source, target) in enumerate(jobs.items()):
        with _noted(failed, session):
            if stays_film(source, target):
                _paint_film(job, stylizer, source, target, size, (index, len(jobs)), session.limits)
            else:
                job.tell(index, len(jobs))
                save_image(stylizer(resize(read_picture(str(source), session.limits), size, side="long")), target)
            made.append(target)
    if not made:
        raise InputError("; ".join(failed))
    return (made[0] if len(jobs) == 1 else zipped(session, made)), failed


@contextmanager
def _noted(failed: list[str], session: Session) -> Iterator[None]:
    """Go on after an `InputError`, with its line at the end of those that failed."""
    try:
        yield
    except InputError as error:
        failed.append(told(error, session.folder.parent))


def _plan(session: Session, files: list[str]) -> dict[Path, Path]:
    """Return where each painted file goes; files of one name get numbers."""
    from stylenet.inference.outputs import plan

    source, target = session.new_file("photographs"), session.new_file("painted")
    source.mkdir()
    for index, file in enumerate(map(Path, files), start=1):
        place = source / file.name
        (place.with_stem(f"{file.stem}-{index}") if place.exists() else place).hardlink_to(file)
    return plan(str(source), f"{target}/", films=True)


def _paint_film(
    job: Job, stylizer: "Stylizer", source: Path, target: Path, size: int | None, turn: tuple[int, int], limits: Limits
) -> None:
    """Paint a film that is one of several.

    Raises:
        InputError: It cannot be read, or lasts too long.
    """
    from stylenet.film.stylize import open_film, stylize_film
    from stylenet.images import resize

    with open_film(source) as reader:
        frames, rate = reader.metadata.frames, reader.metadata.rate
    if frames and rate and frames / rate > limits.film_seconds + 1:
        raise InputError(f"{source.name} lasts {float(frames / rate):.0f} seconds: cut it to {limits.film_seconds}")

    def stylize(frame: "Tensor") -> "Tensor":
        return stylizer(resize(frame, size, side="long"))

    def progress(done: int, total: int | None) -> None:
        job.tell(turn[0] + done / max(done, total or frames or done), turn[1])

    end = None if frames else limits.film_seconds
    result = stylize_film(stylize, source, target, end=end, progress=progress, say=lambda line: None)
    if result.broken:
        raise InputError(f"{source.name} ends early: {result.broken}")
