"""The command `stylenet pseudo-label`: stylize photographs by a slow method, for a network to learn from.

PyTorch is imported only once the flags are right, so that `--help` and mistyped flags are answered at once.
"""

import os
from argparse import Namespace
from collections.abc import Mapping, Sequence

from stylenet.acceleration.allocator import keep_memory
from stylenet.cli.options import OneLineParser, pixels, split, whole
from stylenet.errors import InputError, unknown

METHODS = ("gatys", "adain")


def build_parser() -> OneLineParser:
    """Return the parser of the flags; key=value options are left over."""
    parser = OneLineParser(
        prog="stylenet pseudo-label",
        usage="stylenet pseudo-label --content=FOLDER --style=PAINTING --method=gatys|adain --output=FOLDER [flags] "
        "[key=value ...]",
        description="Stylize the photographs of a folder by a slow method, for data.pseudo_labels to train with. The "
        "same command goes on after a kill, and skips the pairs that are there.",
        epilog="key=value sets any option of stylenet gatys, e.g. style_weight=10 tv_weight=0.02 pyramid=2 "
        "optimizer=adam; or alpha=0.8 for adain. Under torchrun each process takes its share of the photographs. Exit "
        "codes: 0 done, 1 photographs failed, 2 bad input, 130 interrupted.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--content", help="the folder of photographs, with its sub-folders (required)")
    add("--style", action="append", help="a painting, or a style's name; several for as many labels each (required)")
    add("--method", help="gatys: the optimizer; adain: a network, see --ckpt (required)")
    add("--output", help="the folder of the pairs and their manifest.jsonl (required)")
    add("--ckpt", help="the AdaIN checkpoint of --method=adain")
    add("--size", type=pixels, default=512, help="scale larger photographs down to this longer side; default: 512")
    add("--style-size", type=pixels, help="shorter side of the paintings in pixels; default: 3/4 of --size")
    add("--steps", type=whole(1, 1_000_000), help="evaluations of the loss by gatys; default: 300")
    add("--init", help="what gatys starts from: content (default), noise or style")
    add("--limit", type=whole(1, 2**63 - 1), help="take only so many photographs, the first by name")
    add("--device", default="auto", help="auto (default: under torchrun a GPU each), cpu, cuda, cuda:N or mps")
    add("--backbone", default="vgg16", help="loss network; default: vgg16")
    add("--weights", default="auto", help="of the loss network: auto (default: bundled or imagenet), random or a file")
    return parser


def run(argv: Sequence[str]) -> int:
    """Make pseudo-labels as the arguments say, and return the exit code.

    Args:
        argv: What follows `stylenet pseudo-label`.

    Raises:
        InputError: Bad input; nothing was written.
    """
    parser = build_parser()
    flags, rest = parser.parse_known_args(argv)
    settings = split(rest, parser.flags)
    parser.require(flags, "content", "style", "method", "output")
    _check_method(flags)
    rank, ranks = process_of(os.environ)
    keep_memory()
    from stylenet.cli.pseudo_label_job import Job

    return Job(flags, settings, parser.flags, rank, ranks).run()


def _check_method(flags: Namespace) -> None:
    """Raise for a method that there is not, or for flags of the other one."""
    if flags.method not in METHODS:
        raise unknown("method", flags.method, METHODS)
    if flags.method == "adain" and not flags.ckpt:
        raise InputError("--method=adain needs --ckpt: an AdaIN checkpoint")
    for name in ("ckpt",) if flags.method == "gatys" else ("steps", "init"):
        if getattr(flags, name) is not None:
            raise InputError(f"--{name} is of no use to --method={flags.method}: leave it out")


def process_of(environment: Mapping[str, str]) -> tuple[int, int]:
    """Return which of how many processes this is, as torchrun says it.

    Raises:
        InputError: The variables make no sense.
    """
    rank, ranks = environment.get("RANK", "0"), environment.get("WORLD_SIZE", "1")
    if not (rank.isdecimal() and ranks.isdecimal() and int(rank) < int(ranks)):
        raise InputError(f"RANK={rank} and WORLD_SIZE={ranks} make no sense: unset them, or start with torchrun")
    return int(rank), int(ranks)
