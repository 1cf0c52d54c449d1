"""The command `stylenet gatys`: optimize the pixels of one image.

PyTorch is imported only once the flags are right, so that `--help` and mistyped flags are answered at once.
"""

import sys
from collections.abc import Sequence

from stylenet.acceleration.allocator import keep_memory
from stylenet.cli.exits import FAILED, INTERRUPTED, OK
from stylenet.cli.options import OneLineParser, pixels, split, whole
from stylenet.errors import InputError


def build_parser() -> OneLineParser:
    """Return the parser of the flags; key=value options are left over."""
    parser = OneLineParser(
        prog="stylenet gatys",
        usage="stylenet gatys --content=PHOTO --style=PAINTING --output=OUT.png [flags] [key=value ...]",
        description="Optimize one image until it shows the photograph in the painting's style (Gatys et al. 2016).",
        epilog="key=value sets any option of the loss or the optimization, e.g. style_weight=10 tv_weight=0.02 "
        "statistic=patches normalization=gatys style_layers=[relu1_1,relu2_1] schedule=cosine; an unknown key lists "
        "them all. Exit codes: 0 done, 1 diverged (the last good image is saved), 2 bad input, 130 interrupted (the "
        "image so far is saved).",
        allow_abbrev=False,
    )
    _add_pictures(parser)
    _add_optimization(parser)
    return parser


def _add_pictures(parser: OneLineParser) -> None:
    """Add what is read and written."""
    add = parser.add_argument
    add("--content", help="the photograph (required)")
    add("--style", action="append", help="a painting: an image, or a style's name; give several to blend (required)")
    add("--output", help="the image to write, whose suffix says the format (required); overwritten if it exists")
    add("--video", help="film the optimization into this .mp4, .mov or .mkv")
    add("--size", type=pixels, help="scale the photograph's longer side to this many pixels; default: 512 at most")
    add("--style-size", type=pixels, help="the same of the paintings' shorter side; default: as the photograph's")
    add("--style-weights", help="shares of several styles, e.g. 0.3,0.7; default: equal")
    add("--mask", action="append", default=[], help="stylize only where it is white; with several styles one for each")
    add("--style-mask", action="append", default=[], help="look at the painting only where it is white; one a style")


def _add_optimization(parser: OneLineParser) -> None:
    """Add how the image is optimized, and where."""
    add = parser.add_argument
    add("--steps", type=whole(1, 1_000_000), default=300, help="evaluations of the loss; default: 300")
    add(
        "--pyramid",
        type=whole(1, 8),
        default=1,
        help="number of sizes, from coarse to fine, each half the next, with half the steps",
    )
    add("--optimizer", default="lbfgs", help="lbfgs (default), adam or adamw")
    add("--lr", type=float, help="learning rate of adam and adamw; default: 0.02")
    add("--init", default="content", help="what to start from: content (default), noise, style, or an image's path")
    add("--preserve-color", help="luminance or coral: keep the photograph's colors")
    add(
        "--style-strength",
        type=float,
        help="balance style and content by their gradients: 5 is usual, 10 twice as strong",
    )
    add("--seed", type=whole(0, 2**63 - 1), default=0, help="of the noise; default: 0")
    add("--device", default="auto", help="auto (default), cpu, cuda, cuda:N or mps")
    add("--backbone", default="vgg16", help="loss network; default: vgg16")
    add("--weights", default="auto", help="of the loss network: auto (default: bundled or imagenet), random or a file")


def run(argv: Sequence[str]) -> int:
    """Optimize as the arguments say, and return the exit code.

    Args:
        argv: What follows `stylenet gatys`.

    Raises:
        InputError: Bad input; nothing was written.
    """
    parser = build_parser()
    flags, rest = parser.parse_known_args(argv)
    settings = split(rest, parser.flags)
    parser.require(flags, "content", "style", "output")
    keep_memory()
    import torch

    from stylenet.cli.card import print_card
    from stylenet.cli.gatys_job import Job

    job = Job(flags, settings, parser.flags)
    print_card(job.describe())
    try:
        result, asked = job.optimize()
    except torch.OutOfMemoryError:
        raise InputError(f"{flags.content} does not fit into the memory at this size: give a smaller --size") from None
    wrote = f"wrote {job.target}" if job.film is None else f"wrote {job.target} and {job.film.path}"
    if result.diverged:
        print(f"diverged: {result.diverged}; {wrote}, the last good image", file=sys.stderr)
        return FAILED
    print(f"interrupted; {wrote}" if asked else wrote, file=sys.stderr)
    return INTERRUPTED if asked else OK
