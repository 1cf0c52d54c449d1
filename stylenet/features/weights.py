"""Where a backbone's weights come from, and how files of several layouts are read."""

import os
import shlex
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from stylenet.errors import InputError
from stylenet.features.backbones import BACKBONES, Backbone, get_backbone, initialize


def search_folders() -> list[Path]:
    """Return the folders searched for weights: those of `STYLENET_WEIGHTS`, then torch hub's cache."""
    own = [Path(folder).expanduser() for folder in os.environ.get("STYLENET_WEIGHTS", "").split(os.pathsep) if folder]
    return [*own, Path(torch.hub.get_dir()) / "checkpoints"]


def find_weights(filename: str) -> Path | None:
    """Return the first file called `filename` in `search_folders`, or None."""
    candidates = (folder / filename for folder in search_folders())
    return next((path for path in candidates if path.is_file()), None)


def best_at_hand() -> tuple[str, str]:
    """Return the best (backbone, weights) that this machine holds, without downloading.

    VGG16 first, then VGG-19 compressed 16 times; the last resort is that topology with random weights, whose
    features still carry colours, edges and texture (He, Wang, Hopcroft 2016).
    """
    for name in ("vgg16", "vgg19_16x"):
        if find_weights(BACKBONES[name].weights_file):
            return name, "imagenet"
    return "vgg19_16x", "random"


def read_file(path: Path) -> dict[str, Any]:
    """Return what a file of tensors holds: safetensors, or a pickle read with `weights_only=True`.

    Raises:
        InputError: The file is missing, broken, or a pickle of more than tensors and plain values.
    """
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (FileNotFoundError, IsADirectoryError):
        raise InputError(f"no such file: {path}") from None
    except Exception as error:  # a truncated pickle raises nearly anything: IndexError, struct.error, ...
        reason = type(error).__name__
        raise InputError(f"{path} cannot be read safely: it is broken or holds more than tensors ({reason})") from None
    if not isinstance(content, dict):
        raise InputError(f"{path} holds no state dict")
    return content


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a weights file; those of Lightning and the robustness library are unwrapped.

    Raises:
        InputError: See `read_file`.
    """
    content = read_file(path)
    for wrapper in ("state_dict", "model"):
        if isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    return {key: value for key, value in content.items() if isinstance(value, Tensor)}


def fill(network: nn.Module, tensors: Mapping[str, Tensor], source: str) -> None:
    """Copy into `network` the tensors that it has, found under any common prefix such as `module.model.`.

    Raises:
        InputError: Some are missing or have other shapes.
    """
    wanted = {key: value for key, value in network.state_dict().items() if not key.endswith("num_batches_tracked")}
    first = next(iter(wanted))
    prefixes = [key[: -len(first)] for key in tensors if key == first or key.endswith("." + first)]
    amiss = first
    for prefix in prefixes:
        found = {key: tensors[prefix + key] for key in wanted if prefix + key in tensors}
        wrong = [key for key, value in wanted.items() if key not in found or found[key].shape != value.shape]
        if not wrong:
            network.load_state_dict(found, strict=False)
            return
        amiss = wrong[0]
    raise InputError(f"{source} does not fit this backbone: no {amiss} of shape {tuple(wanted[amiss].shape)}")


def download(backbone: str, spec: Backbone) -> Path:
    """Fetch the `imagenet` weights into torch hub's cache, checked against the hash in their name.

    Raises:
        InputError: They cannot be had; names the file, the places searched and the command that gets it.
    """
    target = Path(torch.hub.get_dir()) / "checkpoints" / spec.weights_file
    places = ", ".join(str(folder) for folder in search_folders())
    if not spec.weights_url:
        raise InputError(
            f"no {spec.weights_file} in {places}: put it into a folder named by STYLENET_WEIGHTS "
            f"or take another backbone"
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(spec.weights_url, str(target), hash_prefix=target.stem.rsplit("-", 1)[-1])
    except (OSError, RuntimeError, HTTPException) as error:
        reason = " ".join(str(error).split())  # one line
        raise InputError(
            f"no {spec.weights_file} for {backbone} in {places}, and the download failed ({reason}): "
            f"run `curl -L --create-dirs -o {shlex.quote(str(target))} {spec.weights_url}`"
        ) from None
    return target


def load_weights(network: nn.Module, backbone: str, weights: str) -> None:
    """Fill `network`, a backbone or the part of it that is used, in place.

    Args:
        network: Its parameters carry the backbone's own names.
        backbone: A name of the zoo.
        weights: `imagenet` (found locally, else downloaded), `random` (seeded), or the path of a file.

    Raises:
        InputError: The weights cannot be had or do not fit. Nothing falls back silently.
    """
    spec = get_backbone(backbone)
    if weights == "random":
        initialize(network)
        return
    path = find_weights(spec.weights_file) or download(backbone, spec) if weights == "imagenet" else find_file(weights)
    fill(network, read_tensors(path), str(path))


def find_file(weights: str) -> Path:
    """Return the path of a weights file given by path or by its name in `search_folders`.

    Raises:
        InputError: There is no such file.
    """
    path = Path(weights).expanduser()
    found = path if path.is_file() else find_weights(weights)
    if found is None:
        places = ", ".join(str(folder) for folder in search_folders())
        raise InputError(f"no weights {weights!r}: give imagenet, random or a file (searched {places})")
    return found
