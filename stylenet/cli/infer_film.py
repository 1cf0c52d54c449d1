"""Films in `infer`: one, or several of a folder."""

import sys
import time
from argparse import Namespace
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from torch import Tensor

from stylenet.cli.exits import FAILED, INTERRUPTED, OK, stop_when_asked
from stylenet.console import Bar, Move
from stylenet.errors import InputError, one_line
from stylenet.film.flow import opencv
from stylenet.film.formats import pick_encoder
from stylenet.film.stabilize import Stabilizer
from stylenet.film.stylize import FRAME, Result, stylize_film
from stylenet.images import resize
from stylenet.inference.outputs import check_writable, stays_film
from stylenet.inference.stylizer import Stylizer


def check_films(options: Namespace, jobs: Mapping[Path, Path | None]) -> None:
    """Raise unless films can be made as the options of `infer` say.

    Args:
        options: Of `infer`.
        jobs: Where each file's stylization goes; None: into `--frames` only.

    Raises:
        InputError: There are options for films but no film, or a film cannot be written.
    """
    films = {path: target for path, target in jobs.items() if target is None or stays_film(path, target)}
    for name in ("start", "end", "frames", "stabilize"):
        if getattr(options, name) is not None and not films:
            raise InputError(f"--{name} is for films, and {options.input} is none: leave it out")
    if options.stabilize:
        opencv()
    if options.frames is not None:
        if len(jobs) > 1:
            raise InputError("--frames takes the pictures of one film: give one as --input")
        check_writable([Path(options.frames, FRAME.format(1))])
    for target in {target.suffix: target for target in films.values() if target is not None}.values():
        pick_encoder(target)


def run_film(stylizer: Stylizer, film: Path, target: Path | None, options: Namespace) -> int:
    """Stylize a film that is alone, and return the exit code.

    Args:
        stylizer: The network.
        film: The film.
        target: The new one; None: only PNGs are written.
        options: Of `infer`.

    Raises:
        InputError: The film cannot be read or written; nothing was written.
    """
    with Bar("frame") as bar, stop_when_asked() as asked:
        for line in stylizer.notes():
            bar.say(line)
        result, line = stylize_one(stylizer, film, target, options, asked, bar.move, bar.say)
    print(line, file=sys.stderr)
    return INTERRUPTED if result.interrupted else FAILED if result.broken else OK


def stylize_one(
    stylizer: Stylizer,
    film: Path,
    target: Path | None,
    options: Namespace,
    asked: Collection[int],
    move: Move,
    say: Callable[[str], None],
) -> tuple[Result, str]:
    """Stylize a film, and return what came of it, and a line that says so.

    Args:
        stylizer: The network.
        film: The film.
        target: The new one, or None.
        options: Of `infer`.
        asked: Once it holds something, the film ends with the current frame.
        move: Told about each frame.
        say: Told what is not kept.

    Raises:
        InputError: The film cannot be read or written; nothing was written.
    """
    began, speed = time.perf_counter(), ""
    how = {"start": options.start, "end": options.end, "frames": options.frames, "say": say}
    paint = Stabilizer(stylizer, options.stabilize) if options.stabilize else stylizer

    def progress(done: int, total: int | None) -> None:
        nonlocal speed
        speed = f"{done / (time.perf_counter() - began):.3g} frames/s"
        move(done, total and max(done, total), speed)
        if asked:
            raise KeyboardInterrupt

    def painted(frame: Tensor) -> Tensor:
        return paint(resize(frame, options.size, side="long"))

    result = stylize_film(painted, film, target, **how, progress=progress)
    written = f"wrote {target or options.frames}: {result.frames} frames, {result.seconds:.1f} s long, {speed}"
    ended = "interrupted; " if result.interrupted else f"{film}: {result.broken}; " if result.broken else ""
    return result, one_line(ended + written)
