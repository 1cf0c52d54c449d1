"""The command `infer`: stylize one image, or every image of a folder.

PyTorch is imported only once the arguments are right, so that `--help` and mistyped options are answered at once.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stylenet.allocator import keep_memory
from stylenet.cli.exits import FAILED, INTERRUPTED, OK, guarded, one_line, stop_when_asked
from stylenet.cli.options import OneLineParser, pixels
from stylenet.errors import InputError

if TYPE_CHECKING:
    from stylenet.inference.stylizer import Stylizer

NAMES_IN_SUMMARY = 5


def build_parser(program: str) -> OneLineParser:
    """Return the parser of a program that is called so."""
    parser = OneLineParser(
        prog=program,
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
    parser.add_argument(
        "--size", type=pixels, help="scale the longer side to this many pixels first; default: as it is"
    )
    return parser


def parse(argv: Sequence[str], program: str = "infer.py") -> argparse.Namespace:
    """Return the arguments.

    Args:
        argv: What follows the program's name.
        program: Its name.

    Raises:
        InputError: An unknown option (with the nearest right name), a missing one, or a bad value.
    """
    parser = build_parser(program)
    arguments = parser.options(argv)
    parser.require(arguments, "ckpt", "input", "output")
    return arguments


def infer() -> None:
    """Run `infer.py`."""
    sys.exit(guarded(lambda: run(sys.argv[1:])))


def run(argv: Sequence[str], program: str = "infer.py") -> int:
    """Stylize as the arguments say, and return the exit code.

    Args:
        argv: What follows the program's name.
        program: Its name.

    Raises:
        InputError: Bad input; nothing was written.
    """
    arguments = parse(argv, program)
    keep_memory()
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
    with stop_when_asked() as asked, Progress(*columns, console=console, disable=not console.is_terminal) as progress:
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
