"""The command `infer`: stylize one image, or every image of a folder.

PyTorch is imported only once the arguments are right, so that `--help` and mistyped options are answered at once.
"""

import argparse
import re
import sys
from collections.abc import Sequence
from fractions import Fraction

from stylenet.acceleration.allocator import keep_memory
from stylenet.cli.exits import guarded
from stylenet.cli.options import OneLineParser, pixels, whole


def build_parser(program: str) -> OneLineParser:
    """Return the parser of a program that is called so."""
    parser = OneLineParser(
        prog=program,
        description="Stylize an image, a film, or all of a folder. Existing outputs are overwritten.",
        epilog="Exit codes: 0 all stylized, 1 images of a folder failed or a film ended early, 2 bad input, 130 "
        "interrupted.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--ckpt", help="a stylizer.safetensors, a last.ckpt, or a .pth of others: see docs/inference.md (required)")
    add("--input", help="an image or a film; or a folder, with its sub-folders (required)")
    add(
        "--output",
        help="an image or a film, whose suffix says the format; or a folder for NAME.png of each image and films "
        "of the same names, if it exists, ends with a slash or --input is a folder (required)",
    )
    add("--device", default="auto", help="auto (default), cpu, cuda, cuda:N or mps")
    add("--size", type=pixels, help="scale the longer side to this many pixels first; default: as it is")
    add(
        "--tile",
        type=whole(64, 16_384, "pixels"),
        help="work on tiles of this side: large images in little memory, no seams",
    )
    _add_film(parser)
    _add_look(parser)
    return parser


def _add_film(parser: OneLineParser) -> None:
    """Add the options for films."""
    add = parser.add_argument_group("films", "See docs/film.md").add_argument
    add("--start", type=clock, help="leave out what comes before this time: seconds, or 1:02")
    add("--end", type=clock, help="stop at this time")
    add("--frames", help="a folder for each frame as a PNG, frame_000001.png and so on; --output may be left out then")


def _add_look(parser: OneLineParser) -> None:
    """Add the options that say how photographs are stylized."""
    add = parser.add_argument_group(
        "styles", "Of networks for any style (AdaIN) and for many; the last four of all"
    ).add_argument
    add(
        "--style",
        action="append",
        default=[],
        help="a painting or a style's name; of a network for many styles, a name of its own; give several to blend",
    )
    add("--style-weights", type=shares, default=(), help="how much of each style, e.g. 0.3,0.7; default: equal")
    add("--style-size", type=pixels, help="scale paintings' shorter side to this many pixels; default: 512")
    add("--alpha", type=float, default=1.0, help="strength, from 0 to 1 (default)")
    add(
        "--mask",
        action="append",
        default=[],
        help="stylize only where it is white; with two styles, white is for the first and black for the second; or one "
        "a style",
    )
    add("--preserve-color", help="luminance or coral: keep the photograph's colors")
    add("--stroke-scale", type=float, default=1.0, help="how many times as large strokes are, from 0.25 to 4")


def clock(text: str) -> Fraction:
    """Return the seconds of `62.5`, `1:02.5` or `0:01:02.5`."""
    parts = text.split(":")
    if len(parts) > 3 or not all(re.fullmatch(r"\d+(\.\d*)?" if part is parts[-1] else r"\d+", part) for part in parts):
        raise argparse.ArgumentTypeError(f"give seconds or minutes:seconds, as in 62.5 or 1:02.5, not {text!r}")
    return sum((Fraction(part) * 60**power for power, part in enumerate(reversed(parts))), Fraction(0))


def shares(text: str) -> tuple[float, ...]:
    """Return the numbers of `0.3,0.7`."""
    try:
        return tuple(float(share) for share in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"give numbers with commas, as in 0.3,0.7, not {text!r}") from None


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
    parser.require(arguments, "ckpt", "input", *(["output"] if arguments.frames is None else []))
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
    from stylenet.cli.infer_job import run_job

    return run_job(arguments)
