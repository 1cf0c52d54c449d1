"""What a run needs and a machine may lack: weights, pseudo-labels, a film's encoder; and the device of this rank."""

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import torch
from torch import Tensor

from stylenet.data.places import DATA
from stylenet.errors import InputError
from stylenet.features.extractor import FeatureExtractor
from stylenet.inference.stylizer import pick_device
from stylenet.inference.video import Film
from stylenet.networks.adain import AdaIN
from stylenet.networks.checkpoint import load_network


class NotAtHand(InputError):
    """An ingredient that this machine lacks; the message says how to get it."""


def find_device(name: str) -> torch.device:
    """Return a device; `auto` gives each rank of a machine a GPU of its own.

    Raises:
        InputError: It is unknown, or not on this machine.
    """
    device = pick_device(name)
    if name == "auto" and device.type == "cuda":
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)) % torch.cuda.device_count())
    return device


def find_extractor(backbone: str, layers: Sequence[str], weights: str, pooling: str = "max") -> FeatureExtractor:
    """Return a loss network.

    Raises:
        NotAtHand: All that is wrong with it is its weights.
        InputError: An unknown backbone, layer or pooling.
    """
    try:
        return FeatureExtractor(backbone, layers, weights, pooling)
    except InputError as error:
        FeatureExtractor(backbone, layers, "random", pooling)  # raises what is wrong besides
        raise NotAtHand(str(error)) from None


def find_film(path: Path | None) -> Film | AbstractContextManager[None]:
    """Return a film of this path; without one, a context of None.

    Raises:
        NotAtHand: PyAV is not installed.
    """
    try:
        return nullcontext() if path is None else Film(path)
    except InputError as error:
        raise NotAtHand(str(error)) from None


def find_checkpoint(name: str) -> Path:
    """Return a checkpoint's file, also as seen from the project's folder.

    Raises:
        NotAtHand: There is no such file.
    """
    path = next((path for path in (Path(name), DATA.parent / name) if path.is_file()), None)
    if path is None:
        raise NotAtHand(f"no {name}: make it with `stylenet train model=adain`, then give labels=FILE")
    return path


@torch.no_grad()
def pseudo_label(checkpoint: str, photograph: Tensor, painting: Tensor) -> Tensor:
    """Return what AdaIN makes of a photograph, (1, 3, H, W) in [0, 1].

    Args:
        checkpoint: See `find_checkpoint`.
        photograph: (1, 3, H, W) in [0, 1].
        painting: (1, 3, h, w) in [0, 1].

    Raises:
        NotAtHand: There is no such file.
        InputError: It holds another network.
    """
    network, _ = load_network(find_checkpoint(checkpoint))
    if not isinstance(network, AdaIN):
        raise InputError(f"labels={checkpoint} holds no AdaIN: give a checkpoint of model=adain")
    network = network.to(photograph.device)
    return network(photograph, network.palette(painting)).clamp(0, 1)
