"""What a run needs besides pictures and weights: a device; a checkpoint and a film's encoder, if there are."""

import os
from pathlib import Path

import torch

from stylenet.devices import pick_device
from stylenet.errors import InputError
from stylenet.inference.video import Film
from stylenet.resources import ROOT, network_file


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


def find_film(path: Path) -> Film:
    """Return a film of this path, which ends with a suffix of films.

    Raises:
        NotAtHand: PyAV is not installed.
    """
    try:
        return Film(path)
    except InputError as error:
        raise NotAtHand(str(error)) from None


def find_checkpoint(name: str) -> Path:
    """Return a checkpoint's file, also as seen from the project's folder.

    Raises:
        NotAtHand: There is no such file.
    """
    path = next((path for path in (network_file(name), ROOT / name) if path.is_file()), None)
    if path is None:
        raise NotAtHand(f"no {name}: make it with `stylenet train model=adain`, then give labels=FILE")
    return path
