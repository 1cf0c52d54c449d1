"""Where a backbone's weights come from, and how files of several layouts are read."""

import os
import re
import shlex
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from stylenet.errors import InputError, MissingWeights
from stylenet.features.backbones import Backbone, get_backbone, initialize
from stylenet.images import READABLE
from stylenet.resources import home_path

Normalization = tuple[tuple[float, ...], tuple[float, ...]]  # mean and deviation, a channel each

ROBUST_HOME = "https://huggingface.co/madrylab/robust-imagenet-models"  # of Microsoft's robust-models-transfer
KEEP_TENSORS = (
    "import sys, torch; c = torch.load(sys.argv[1], 'cpu', weights_only=False); c = c.get('state_dict', c); "
    "torch.save({k: v for k, v in c.get('model', c).items() if torch.is_tensor(v)}, sys.argv[2])"
)


def search_folders() -> list[Path]:
    """Return the folders searched for weights: those of `STYLENET_WEIGHTS`, then torch hub's cache."""
    own = [home_path(folder) for folder in os.environ.get("STYLENET_WEIGHTS", "").split(os.pathsep) if folder]
    return [*own, Path(torch.hub.get_dir()) / "checkpoints"]


def find_weights(filename: str) -> Path | None:
    """Return the first file called `filename` in `search_folders`, or None."""
    candidates = (folder / filename for folder in search_folders())
    return next((path for path in candidates if path.is_file()), None)


def resolve_weights(backbone: str, weights: str) -> str:
    """Return what `auto` weights are: `bundled` where the backbone's come with this package, else `imagenet`."""
    if weights != "auto":
        return weights
    return "bundled" if get_backbone(backbone).bundled_file else "imagenet"


def read_file(path: Path) -> dict[str, Any]:
    """Return what a file of tensors holds: safetensors, or a pickle read with `weights_only=True`.

    Raises:
        InputError: The file is missing, broken, or a pickle of more than tensors and plain values; the latter names
            the command that keeps the tensors alone, for who trusts the file.
    """
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (FileNotFoundError, IsADirectoryError):
        if path.is_dir():
            raise InputError(f"{path} is a folder: give a file in it, such as {path / 'last.ckpt'}") from None
        raise InputError(f"no such file: {path}") from None
    except Exception as error:  # a truncated pickle raises nearly anything: IndexError, struct.error, ...
        raise InputError(f"{path} cannot be read safely: it {_fault(path, error)}") from None
    if not isinstance(content, dict):
        raise InputError(f"{path} holds no state dict")
    return content


def _fault(path: Path, error: Exception) -> str:
    """Return what is wrong with the file of weights at `path`, which `error` tells, and the mend if there is one."""
    refused = re.search(r"Unsupported global: GLOBAL (\S+)", str(error))  # torch says otherwise of os and sys: no mend
    if path.suffix.lower() in READABLE:
        return "is an image and holds no weights"
    if not refused:
        return f"is broken or holds more than tensors ({type(error).__name__})"
    tensors = path.with_suffix(".tensors.pt")
    command = shlex.join(["python", "-c", KEEP_TENSORS, str(path), str(tensors)])
    return f"holds more than tensors ({refused[1]}); only if you trust it, run `{command}` and give {tensors}"


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
        InputError: Some are missing, as of layers deeper than the file's, or have other shapes.
    """
    wanted = {key: value for key, value in network.state_dict().items() if not key.endswith("num_batches_tracked")}
    first = next(iter(wanted))
    prefixes = {key[: -len(first)] for key in tensors if key == first or key.endswith("." + first)}
    amiss = list(wanted)
    for prefix in sorted(prefixes, key=len):  # the robustness library's copies for its attacker have a longer one
        found = {key: tensors[prefix + key] for key in wanted if prefix + key in tensors}
        wrong = [key for key, value in wanted.items() if key not in found or found[key].shape != value.shape]
        if not wrong:
            network.load_state_dict(found, strict=False)
            return
        amiss = min(wrong, amiss, key=len)
    if prefixes and not any(key.endswith(amiss[0]) for key in tensors):
        raise InputError(f"{source} holds no {amiss[0]}: ask for other layers, or give other weights")
    shape = tuple(wanted[amiss[0]].shape)
    raise InputError(f"{source} does not fit this backbone: no {amiss[0]} of shape {shape}")


def download(backbone: str, spec: Backbone) -> Path:
    """Fetch the `imagenet` weights into torch hub's cache, checked against the hash in their name.

    Raises:
        MissingWeights: They cannot be had; names the file, the places searched and the command that gets it.
    """
    target = Path(torch.hub.get_dir()) / "checkpoints" / spec.weights_file
    places = ", ".join(str(folder) for folder in search_folders())
    if not spec.weights_url:
        raise MissingWeights(
            f"no {spec.weights_file} in {places}: put it into a folder named by STYLENET_WEIGHTS "
            f"or take another backbone"
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(spec.weights_url, str(target), hash_prefix=target.stem.rsplit("-", 1)[-1])
    except (OSError, RuntimeError, HTTPException) as error:
        reason = " ".join(str(error).split())  # one line
        raise MissingWeights(
            f"no {spec.weights_file} for {backbone} in {places}, and the download failed ({reason}): "
            f"run `curl -L --create-dirs -o {shlex.quote(str(target))} {spec.weights_url}`"
        ) from None
    return target


def load_weights(network: nn.Module, backbone: str, weights: str) -> Normalization:
    """Fill `network`, a backbone or the part of it that is used, in place.

    Args:
        network: Its parameters carry the backbone's own names.
        backbone: A name of the zoo.
        weights: `bundled` (part of this package), `imagenet` (found locally, else downloaded), `random` (seeded),
            `robust` (adversarially trained, found locally), `auto` (see `resolve_weights`) or the path of a file.

    Returns:
        Mean and deviation of each color that these weights are meant for: the file's own, if it carries them as the
        robustness library's and ours do, else the zoo's. That library also clamps images to [0, 1] first, which we
        leave out: it would take the gradient away from colors just outside.

    Raises:
        MissingWeights: The weights cannot be had. Nothing falls back silently.
        InputError: They do not fit.
    """
    spec = get_backbone(backbone)
    if weights == "random":
        initialize(network)
        return spec.mean, spec.std
    path = _locate(backbone, spec, resolve_weights(backbone, weights))
    tensors = read_tensors(path)
    fill(network, {_modern(key, spec.legacy): value for key, value in tensors.items()}, str(path))
    return find_normalization(tensors) or (spec.mean, spec.std)


def find_normalization(tensors: Mapping[str, Tensor]) -> Normalization | None:
    """Return the mean and deviation that a file carries in the names of the robustness library, or None."""
    found = [
        value for key in ("mean", "std") for name, value in tensors.items() if name.endswith(f"normalizer.new_{key}")
    ]
    return (tuple(found[0].flatten().tolist()), tuple(found[1].flatten().tolist())) if len(found) == 2 else None


def _modern(key: str, legacy: Mapping[str, str]) -> str:
    """Return the name that a tensor has today."""
    for pattern, replacement in legacy.items():
        key = re.sub(pattern, replacement, key)
    return key


def _locate(backbone: str, spec: Backbone, weights: str) -> Path:
    """Return the file of these weights.

    Raises:
        MissingWeights: There is none, and it cannot be downloaded.
        InputError: The backbone has no weights of this kind.
    """
    files = {"imagenet": spec.weights_file, "robust": spec.robust_file, "bundled": spec.bundled_file}
    if weights not in files:
        return find_file(weights)
    if not files[weights]:
        had = ", ".join([kind for kind, file in files.items() if file] + ["random"])
        raise InputError(f"no {weights} weights for {backbone}: give {had} or a file")
    if weights == "bundled":
        return Path(__file__).with_name(spec.bundled_file)
    path = find_weights(files[weights])
    if path is None and weights == "imagenet":
        return download(backbone, spec)
    if path is None:
        places = ", ".join(str(folder) for folder in search_folders())
        raise MissingWeights(
            f"no {spec.robust_file} in {places}: fetch it from {ROBUST_HOME} into a folder named by STYLENET_WEIGHTS"
        )
    return path


def find_file(weights: str) -> Path:
    """Return the path of a weights file given by path or by its name in `search_folders`.

    Raises:
        MissingWeights: There is no such file.
    """
    path = home_path(weights)
    found = path if path.is_file() else find_weights(weights)
    if found is None:
        places = ", ".join(str(folder) for folder in search_folders())
        raise MissingWeights(
            f"no weights {weights!r}: give auto, bundled, imagenet, random, robust or a file (searched {places})"
        )
    return found
