"""The command `stylenet export`: a network as ONNX, or as a graph of torch.export, checked against PyTorch.

PyTorch is imported only once the arguments are right, so that `--help` and mistyped options are answered at once.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stylenet.cli.exits import FAILED, OK
from stylenet.cli.options import OneLineParser
from stylenet.errors import InputError, unknown

if TYPE_CHECKING:
    from torch import nn

SUFFIXES = {"onnx": ".onnx", "torch": ".pt2"}


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Return the arguments.

    Args:
        argv: What follows the command's name.

    Raises:
        InputError: An unknown option (with the nearest right name), a missing one, or a bad value.
    """
    parser = OneLineParser(
        prog="stylenet export",
        description="Write a network for other programs, if the file computes what the network does, at any size.",
        epilog="Exit codes: 0 written, 1 the file computes something else, 2 bad input, 130 interrupted.",
        allow_abbrev=False,
    )
    parser.add_argument("--ckpt", help="a stylizer.safetensors, a last.ckpt, or a .pth of others (required)")
    parser.add_argument("--format", help="onnx, or torch: a .pt2 for torch.export.load (required)")
    parser.add_argument("--output", help="the file to write; default: beside --ckpt, with the format's suffix")
    parser.add_argument(
        "--style",
        action="append",
        default=[],
        help="fixed for ever: a painting or a style's name for a network of any style; a name of its own for one of "
        "many styles, which else takes the mixture as an input; give several for equal shares of each",
    )
    arguments = parser.options(argv)
    parser.require(arguments, "ckpt", "format")
    if arguments.format not in SUFFIXES:
        raise unknown("format", arguments.format, SUFFIXES)
    suffix = SUFFIXES[arguments.format]
    arguments.output = Path(arguments.output or Path(arguments.ckpt).with_suffix(suffix))
    if arguments.output.suffix != suffix:
        raise InputError(f"cannot write {arguments.output}: end it with {suffix}")
    return arguments


def run(argv: Sequence[str]) -> int:
    """Write a network, and return the exit code.

    Args:
        argv: What follows the command's name.

    Raises:
        InputError: Bad input; nothing was written.
    """
    arguments = parse(argv)
    from stylenet.inference.export import Mismatch, export, require_onnx
    from stylenet.inference.outputs import check_writable
    from stylenet.networks.checkpoint import load_network

    check_writable([arguments.output])
    if arguments.format == "onnx":
        require_onnx()
    network, metadata = load_network(arguments.ckpt)
    baked = _baked(network, metadata, arguments.style)
    try:
        found = export(network, arguments.output, arguments.format, **baked)
    except Mismatch as error:
        print(f"failed: {error}", file=sys.stderr)
        return FAILED
    for (height, width), difference in found.items():
        print(f"{width}x{height}: differs from PyTorch by {difference:.1e} at most")
    print(f"wrote {arguments.output}", file=sys.stderr)
    return OK


def _baked(network: "nn.Module", metadata: dict[str, Any], styles: Sequence[str]) -> dict[str, Any]:
    """Return what the network is given for ever: the styles named, if it takes any."""
    import torch

    from stylenet.inference.conditions import condition, find_styles
    from stylenet.inference.looks import Look
    from stylenet.networks.johnson import JohnsonNet

    if isinstance(network, JohnsonNet) and network.num_styles > 1 and not styles:
        return {}
    look = Look(styles=find_styles(network, metadata, styles, None, 1.0))
    return condition(network, look, torch.device("cpu")).options(torch.zeros(1, 3, 64, 64))
