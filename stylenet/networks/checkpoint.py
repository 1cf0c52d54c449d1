"""Slim checkpoints: a network's tensors and the metadata that rebuilds it; and readers of other files.

A slim file is safetensors whose metadata entry `stylenet` is a JSON object: `class` and `arguments` rebuild the
network, the rest says how it was made. A Lightning checkpoint carries the same object under the key `stylenet`.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor, nn

from stylenet import __version__
from stylenet.errors import InputError, MissingWeights
from stylenet.features.weights import read_file
from stylenet.functional import all_finite
from stylenet.images import written_beside
from stylenet.networks.adain import AdaIN
from stylenet.networks.johnson import JohnsonNet
from stylenet.networks.peers import is_pytorch_adain, is_pytorch_example, read_pytorch_adain, read_pytorch_example
from stylenet.resources import find_network

NETWORKS: dict[str, type[nn.Module]] = {"AdaIN": AdaIN, "JohnsonNet": JohnsonNet}
KEY = "stylenet"
PREFIX = "network."


def describe(network: nn.Module, **made: Any) -> dict[str, Any]:
    """Return the metadata of `network`: what rebuilds it, and how it was `made` (plain values)."""
    return {"class": type(network).__name__, "arguments": network.arguments, "version": __version__, **made}


def save_network(network: nn.Module, path: str | Path, metadata: Mapping[str, Any]) -> None:
    """Write a slim checkpoint, beside and moved into place.

    Args:
        network: Its tensors are written as they are.
        path: Ends in `.safetensors`.
        metadata: What `describe` returned.

    Raises:
        InputError: The place cannot be written.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    with written_beside(path) as temporary:
        temporary.write_bytes(save(tensors, {KEY: json.dumps(metadata)}))


def load_network(path: str | Path) -> tuple[nn.Module, dict[str, Any]]:
    """Return the network in a file, in eval mode on the CPU, and its metadata.

    Reads slim checkpoints, Lightning checkpoints of this project, the transformer nets of pytorch/examples, and the
    decoders of naoto0804/pytorch-AdaIN.

    Args:
        path: A file, or the name of a network that ships, such as `starry_night`.

    Raises:
        InputError: The file is missing, unsafe (a pickle of more than plain tensors) or holds no such network.
    """
    path = find_network(path)
    content = read_file(path)
    if is_pytorch_example(content):
        return read_pytorch_example(content, str(path))
    if is_pytorch_adain(content):
        return read_pytorch_adain(content, path)
    if path.suffix == ".safetensors":
        metadata, tensors = read_metadata(path), content
    else:
        metadata, tensors = content.get(KEY), _network_part(content.get("state_dict"))
    name = metadata.get("class") if isinstance(metadata, dict) else None
    if not isinstance(name, str) or name not in NETWORKS:
        raise InputError(f"{path} holds no network of stylenet: give a stylizer.safetensors or last.ckpt of a training")
    try:
        _check_metadata(metadata, tensors)
        network = NETWORKS[name](**metadata["arguments"])
        network.load_state_dict(tensors)
    except MissingWeights:  # of the encoder
        raise
    except (AttributeError, KeyError, TypeError, ValueError, RuntimeError):
        raise InputError(f"{path} does not fit the {name} it claims to hold: it is damaged") from None
    if not all_finite(tensors.values()):
        raise InputError(f"{path} holds weights that are not finite: its training diverged; take an earlier checkpoint")
    return network.eval(), metadata


def _check_metadata(metadata: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Raise a ValueError for metadata that the tensors beside it belie: sizes beyond any of theirs, styles of no name.

    So nothing is built that the file cannot fill.
    """
    arguments = metadata["arguments"]
    largest = max([len(tensors), *(size for tensor in tensors.values() for size in tensor.shape)])
    if any(isinstance(value, int) and not 0 <= value <= largest for value in arguments.values()):
        raise ValueError("a size")
    styles, rows = metadata.get("styles", []), arguments.get("num_styles", 1)
    if not isinstance(styles, list) or not all(isinstance(style, str) for style in styles):
        raise ValueError("styles")
    if rows > 1 and len(styles) != rows:
        raise ValueError("styles")
    if not isinstance(metadata.get("loss_network") or {}, dict) or not isinstance(metadata.get("style") or "", str):
        raise ValueError("how it was made")


def read_metadata(path: Path) -> Any:
    """Return the JSON value of the metadata entry of a slim checkpoint; None if there is none or it is damaged."""
    with safe_open(path, "pt") as file:
        entry = (file.metadata() or {}).get(KEY, "null")
    try:
        return json.loads(entry)
    except (ValueError, RecursionError):  # also numbers of thousands of digits, and nesting as deep
        return None


def _network_part(state: Any) -> dict[str, Tensor]:
    """Return the tensors under `network.` of a module's state dict."""
    pairs = state.items() if isinstance(state, Mapping) else ()
    named = {name: tensor for name, tensor in pairs if isinstance(name, str) and isinstance(tensor, Tensor)}
    return {name.removeprefix(PREFIX): tensor for name, tensor in named.items() if name.startswith(PREFIX)}
