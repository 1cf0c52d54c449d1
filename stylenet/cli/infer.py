"""The command `infer`: stylize one image, or every image of a folder.

PyTorch is imported only once the arguments are right, so that `--help` and mistyped options are answered at once.
"""

import argparse
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from stylenet.cli.exits import FAILED, INTERRUPTED, OK, guarded, one_line
from stylenet.errors import InputError, unknown

if TYPE_CHECKING:
    from stylenet.inference.stylizer import Stylizer

LARGEST_SIZE = 16_384
NAMES_IN_SUMMARY = 5


class OneLineParser(argparse.ArgumentParser):
    """An argument parser whose errors are `InputError`s, without the usage that argparse prints before them."""

    def error(self, message: str) -> NoReturn:
        """Raise the message."""
        raise InputError(message)


def build_parser() -> OneLineParser:
    """Return the parser of `infer.py`."""
    parser = OneLineParser(
        prog="infer.py",
        description="Stylize an image, or every image of a folder. Existing outputs are overwritten.",
        epilog="Exit codes: 0 all stylized, 1 images of a folder failed, 2 bad input, 130 interrupted.",
        allow_abbrev=False,
    )
    parser.add_argument("--ckpt", help="a stylizer.safetensors, a last.ckpt, or a .pth of pytorch/examples (required)")
    parser.add_argument("--input", help="an image; or a folder, with its sub-folders (required)")
    parser.add_argument(
        "--output",
        help="an image, whose suffix says the format; or a folder for NAME.png of each image, if it exists, ends with "
        "a slash or --input is a folder (required)",
    )
    parser.add_argument("--device", default="auto", help="auto (default), cpu, cuda, cuda:N or mps")
    parser.add_argument("--size", type=_size, help="scale the longer side to this many pixels first; default: as it is")
    return parser


def _size(text: str) -> int:
    """Return the value of --size."""
    if text.isdecimal() and 1 <= int(text) <= LARGEST_SIZE:
        return int(text)
    raise argparse.ArgumentTypeError(f"give whole pixels from 1 to {LARGEST_SIZE}, not {text!r}")


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Return the arguments of `infer.py`.

    Args:
        argv: What follows the program's name.

    Raises:
        InputError: An unknown option (with the nearest right name), a missing one, or a bad value.
    """
    arguments, rest = build_parser().parse_known_args(argv)
    for extra in rest:
        if extra.startswith("-"):
            raise unknown("option", extra.partition("=")[0], [f"--{name}" for name in ("help", *vars(arguments))])
    if rest:
        raise InputError(f"what is {rest[0]!r} for? Options look like --input=photo.jpg")
    missing = [f"--{name}" for name in ("ckpt", "input", "output") if not getattr(arguments, name)]
    if missing:
        raise InputError(f"give {', '.join(missing)}; see infer.py --help")
    return arguments


def infer() -> None:
    """Run `infer.py`."""
    sys.exit(guarded(lambda: run(sys.argv[1:])))


def run(argv: Sequence[str]) -> int:
    """Stylize as the arguments say, and return the exit code.

    Args:
        argv: What follows the program's name.

    Raises:
        InputError: Bad input; nothing was written.
    """
    arguments = parse(argv)
    from stylenet.inference.outputs import plan
    from stylenet.inference.stylizer import Stylizer

    jobs = plan(arguments.input, arguments.output)
    stylizer = Stylizer.from_checkpoint(arguments.ckpt, arguments.device)
    if Path(arguments.input).is_dir():
        return stylize_all(stylizer, jobs, arguments.size)
    for photograph, target in jobs.items():
        stylize_one(stylizer, photograph, target, arguments.size)
        print(f"wrote {target}", file=sys.stderr)
    return OK


def stylize_one(stylizer: "Stylizer", photograph: Path, target: Path, size: int | None) -> None:
    """Stylize one file.

    Args:
        stylizer: The network.
        photograph: Image to read.
        target: Image to write.
        size: Pixels of the longer side, or None: as it is.

    Raises:
        InputError: The photograph is broken, too large for the memory, or the target cannot be written.
    """
    from stylenet.images import load_image, resize, save_image

    image = load_image(photograph)
    save_image(stylizer(image if size is None else resize(image, size, side="long")), target)


def stylize_all(stylizer: "Stylizer", jobs: Mapping[Path, Path], size: int | None) -> int:
    """Stylize many files under a progress bar, and return the exit code; broken ones are named and skipped.

    Ctrl-C stops after the current image; what is written stays.

    Args:
        stylizer: The network.
        jobs: Where each photograph's stylization goes.
        size: Pixels of the longer side, or None: as it is.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    console = Console(stderr=True, markup=False, highlight=False, emoji=False, soft_wrap=True)
    columns = ("stylizing", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    done, failed = 0, []
    with _stop_when_asked() as asked, Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        for photograph in progress.track(jobs):
            try:
                stylize_one(stylizer, photograph, jobs[photograph], size)
                done += 1
            except InputError as error:
                failed.append(str(photograph))
                console.print(f"failed: {one_line(str(error))}")
            if asked:
                break
    left = len(jobs) - done - len(failed)
    console.print(_summary(done, failed) + (f"; interrupted with {left} left" if asked else ""))
    return INTERRUPTED if asked else FAILED if failed else OK


def _summary(done: int, failed: Sequence[str]) -> str:
    """Return the last line of a run: `97 stylized, 3 failed: a.jpg, b.jpg, c.jpg`."""
    if not failed:
        return f"{done} stylized"
    more = f" and {len(failed) - NAMES_IN_SUMMARY} more" if len(failed) > NAMES_IN_SUMMARY else ""
    return one_line(f"{done} stylized, {len(failed)} failed: {', '.join(failed[:NAMES_IN_SUMMARY])}{more}")


@contextmanager
def _stop_when_asked() -> Iterator[list[int]]:
    """Collect the first Ctrl-C in the list given, for the loop to look at; a second one interrupts at once."""
    asked: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        asked.append(number)
        signal.signal(signal.SIGINT, signal.default_int_handler)

    previous = signal.signal(signal.SIGINT, note)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, previous)
