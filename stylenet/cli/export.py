"""The command `stylenet export`: a network as ONNX, or as a graph of torch.export, checked against PyTorch."""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from stylenet.cli.arguments import call
from stylenet.cli.exits import FAILED, OK
from stylenet.errors import InputError, unknown
from stylenet.inference.conditions import condition, find_styles
from stylenet.inference.export import Mismatch, require_onnx
from stylenet.inference.export import export as write
from stylenet.inference.outputs import check_writable
from stylenet.inference.style_options import StyleOptions
from stylenet.networks.checkpoint import load_network
from stylenet.networks.johnson import JohnsonNet

SUFFIXES = {"onnx": ".onnx", "torch": ".pt2"}


def export(ckpt: str, format: str, output: str | None = None, style: list[str] | None = None) -> int:
    """Write a network for other programs, if the file computes what the network does, at any size.

    Exit codes: 0 written, 1 the file computes something else, 2 bad input, 130 interrupted.

    Args:
        ckpt: The name of a network that ships, a stylizer.safetensors, a last.ckpt, or a .pth of others.
        format: onnx, or torch: a .pt2 for torch.export.load.
        output: The file to write; by default beside ckpt, of a name in the current folder, with the format's suffix.
        style: Fixed for ever: a painting or a style's name for a network of any style; a name of its own for one of
            many styles, which else takes the mixture as an input; several for equal shares of each.
    """
    if format not in SUFFIXES:
        raise unknown("format", format, SUFFIXES)
    target = Path(output or Path(ckpt).with_suffix(SUFFIXES[format]))
    if target.suffix != SUFFIXES[format]:
        raise InputError(f"cannot write {target}: end it with {SUFFIXES[format]}")
    check_writable([target])
    if format == "onnx":
        require_onnx()
    network, metadata = load_network(ckpt)
    try:
        found = write(network, target, format, **_baked(network, metadata, style or []))
    except Mismatch as error:
        print(f"failed: {error}", file=sys.stderr)
        return FAILED
    for (height, width), difference in found.items():
        print(f"{width}x{height}: differs from PyTorch by {difference:.1e} at most")
    print(f"wrote {target}", file=sys.stderr)
    return OK


run = partial(call, export, "stylenet export")
"""Takes the arguments of a command line, and returns the exit code."""


def _baked(network: nn.Module, metadata: dict[str, Any], styles: Sequence[str]) -> dict[str, Any]:
    """Return what the network is given for ever: the styles named, if it takes any."""
    if isinstance(network, JohnsonNet) and network.num_styles > 1 and not styles:
        return {}
    options = StyleOptions(styles=find_styles(network, metadata, styles, None, 1.0))
    return condition(network, options, torch.device("cpu")).arguments(torch.zeros(1, 3, 64, 64))
