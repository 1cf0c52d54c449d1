"""The command `stylenet import`: a network of others, or a Lightning checkpoint, as a slim file of ours.

PyTorch is imported only once the arguments are right, so that `--help` and mistyped options are answered at once.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from stylenet.cli.exits import OK
from stylenet.cli.options import OneLineParser
from stylenet.errors import InputError, unknown


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Return the arguments.

    Args:
        argv: What follows the command's name.

    Raises:
        InputError: Not two files, or a target with another suffix.
    """
    parser = OneLineParser(
        prog="stylenet import",
        description="Convert a network into a slim file: a TransformerNet of pytorch/examples, a decoder of "
        "naoto0804/pytorch-AdaIN (with its vgg_normalised.pth beside it, or in STYLENET_WEIGHTS), or a last.ckpt.",
        epilog="Exit codes: 0 written, 2 bad input.",
        allow_abbrev=False,
    )
    parser.add_argument("source", nargs="?", metavar="FILE", help="the file to convert")
    parser.add_argument("target", nargs="?", metavar="OUT.safetensors", help="the file to write; replaced if it exists")
    arguments, rest = parser.parse_known_args(argv)
    if rest and rest[0].startswith("-"):
        raise unknown("option", rest[0].partition("=")[0], ["--help"])
    if rest or not arguments.target:
        raise InputError("give two files: stylenet import FILE OUT.safetensors")
    if Path(arguments.target).suffix != ".safetensors":
        raise InputError(f"cannot write {arguments.target}: end it with .safetensors")
    if os.path.realpath(arguments.source) == os.path.realpath(arguments.target):
        raise InputError(f"{arguments.target} would overwrite what is read: give another file to write")
    return arguments


def run(argv: Sequence[str]) -> int:
    """Convert a file, and return the exit code.

    Args:
        argv: What follows the command's name.

    Raises:
        InputError: Bad input; nothing was written.
    """
    arguments = parse(argv)
    from stylenet.inference.outputs import check_writable
    from stylenet.networks.checkpoint import load_network, save_network

    check_writable([Path(arguments.target)])
    network, metadata = load_network(arguments.source)
    save_network(network, arguments.target, metadata)
    origin = f" of {metadata['source']}" if "source" in metadata else ""
    print(f"wrote {arguments.target}: {metadata['class']}{origin}", file=sys.stderr)
    return OK
