"""The command `stylenet import`: a network of others, or a Lightning checkpoint, as a slim file of ours."""

import os
import sys
from functools import partial
from pathlib import Path

from stylenet.cli.arguments import call
from stylenet.cli.exits import OK
from stylenet.errors import InputError
from stylenet.inference.outputs import check_writable
from stylenet.networks.checkpoint import load_network, save_network


def import_network(source: str, target: str) -> int:
    """Convert a network into a slim file.

    It is a TransformerNet of pytorch/examples, a decoder of naoto0804/pytorch-AdaIN (with its vgg_normalised.pth beside
    it, or in STYLENET_WEIGHTS), or a last.ckpt. Exit codes: 0 written, 2 bad input.

    Args:
        source: The file to convert.
        target: The file to write, OUT.safetensors; replaced if it exists.
    """
    if Path(target).suffix != ".safetensors":
        raise InputError(f"cannot write {target}: end it with .safetensors")
    if os.path.realpath(source) == os.path.realpath(target):
        raise InputError(f"{target} would overwrite what is read: give another file to write")
    check_writable([Path(target)])
    network, metadata = load_network(source)
    save_network(network, target, metadata)
    origin = f" of {metadata['source']}" if "source" in metadata else ""
    print(f"wrote {target}: {metadata['class']}{origin}", file=sys.stderr)
    return OK


run = partial(call, import_network, "stylenet import")
"""Takes the arguments of a command line, and returns the exit code."""
