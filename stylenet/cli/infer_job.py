"""A run of `infer`: everything is read and checked before the first photograph is stylized."""

import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn
from torch import Tensor

from stylenet.cli.exits import FAILED, INTERRUPTED, OK, one_line, stop_when_asked
from stylenet.color import luminance
from stylenet.errors import InputError
from stylenet.images import load_image, resize, save_image
from stylenet.inference.outputs import keep_inputs, plan
from stylenet.inference.sizes import commonest
from stylenet.inference.stylizer import Stylizer
from stylenet.inference.tiles import Callback

NAMES_IN_SUMMARY = 5


def run_job(options: Namespace) -> int:
    """Stylize as the options of `infer` say, and return the exit code.

    Raises:
        InputError: Bad input; nothing was written.
    """
    jobs = plan(options.input, options.output)
    keep_inputs(jobs.values(), [options.ckpt, *options.style, *options.mask])
    stylizer = _stylizer(options)
    if not Path(options.input).is_dir():
        ((photograph, target),) = jobs.items()
        return _run_one(stylizer, photograph, target, options.size)
    _say(stylizer.notes())
    if found := commonest(jobs, options.size):
        _say([stylizer.prepare(*found)])
    return stylize_all(stylizer, jobs, options.size)


def _run_one(stylizer: Stylizer, photograph: Path, target: Path, size: int | None) -> int:
    """Stylize a photograph that is alone, and return the exit code."""
    image = read(photograph, size)
    _say([*stylizer.notes(), stylizer.prepare(1, *image.shape[-2:])])
    with _bar(shown=stylizer.tile is not None) as progress:
        save_image(stylizer(image, _tiles(progress, stylizer)), target)
    _say([f"wrote {target}"])
    return OK


def _say(lines: Sequence[str]) -> None:
    for line in lines:
        print(line, file=sys.stderr)


def _stylizer(options: Namespace) -> Stylizer:
    """Return the network with everything that the options tell it."""
    return Stylizer.from_checkpoint(
        options.ckpt,
        options.device,
        styles=options.style,
        style_size=options.style_size,
        tile=options.tile,
        shares=options.style_weights,
        alpha=options.alpha,
        masks=tuple(luminance(load_image(path)) for path in options.mask),
        preserve_color=options.preserve_color,
        stroke_scale=options.stroke_scale,
    )


def _bar(shown: bool = True) -> Progress:
    """Return a progress bar on standard error, which is shown on terminals only."""
    console = Console(stderr=True, markup=False, highlight=False, emoji=False, soft_wrap=True)
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, disable=not (shown and console.is_terminal))


def _tiles(progress: Progress, stylizer: Stylizer) -> Callback | None:
    """Add a line for the tiles of an image to a progress bar, and return what moves it; None if images are not cut."""
    if stylizer.tile is None:
        return None
    task = progress.add_task("tiles", total=None)

    def move(done: int, total: int) -> None:
        if done == 1:  # of the next image
            progress.reset(task)
        progress.update(task, completed=done, total=total)

    return move


def read(photograph: Path, size: int | None) -> Tensor:
    """Return a photograph, (1, 3, H, W) in [0, 1].

    Args:
        photograph: Image to read.
        size: Pixels of the longer side, or None: as it is.

    Raises:
        InputError: It is broken.
    """
    image = load_image(photograph)
    return image if size is None else resize(image, size, side="long")


def stylize_all(stylizer: Stylizer, jobs: Mapping[Path, Path], size: int | None) -> int:
    """Stylize many files under a progress bar, and return the exit code; broken ones are named and skipped.

    Ctrl-C stops after the current image; what is written stays.

    Args:
        stylizer: The network.
        jobs: Where each photograph's stylization goes.
        size: Pixels of the longer side, or None: as it is.
    """
    done, failed = 0, []
    with stop_when_asked() as asked, _bar() as progress:
        callback = _tiles(progress, stylizer)
        for photograph in progress.track(jobs, description="stylizing"):
            try:
                save_image(stylizer(read(photograph, size), callback), jobs[photograph])
                done += 1
            except InputError as error:
                failed.append(str(photograph))
                progress.console.print(f"failed: {one_line(str(error))}")
            if asked:
                break
    left = len(jobs) - done - len(failed)
    progress.console.print(_summary(done, failed) + (f"; interrupted with {left} left" if asked else ""))
    return INTERRUPTED if asked else FAILED if failed else OK


def _summary(done: int, failed: Sequence[str]) -> str:
    """Return the last line of a run: `97 stylized, 3 failed: a.jpg, b.jpg, c.jpg`."""
    if not failed:
        return f"{done} stylized"
    more = f" and {len(failed) - NAMES_IN_SUMMARY} more" if len(failed) > NAMES_IN_SUMMARY else ""
    return one_line(f"{done} stylized, {len(failed)} failed: {', '.join(failed[:NAMES_IN_SUMMARY])}{more}")
