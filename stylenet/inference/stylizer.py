"""A trained network, ready to stylize single images."""

from pathlib import Path

import torch
from torch import Tensor, nn

from stylenet.errors import InputError, unknown
from stylenet.networks.checkpoint import load_network

DEVICES = ("auto", "cpu", "cuda", "mps")


def pick_device(name: str = "auto") -> torch.device:
    """Return the device of that name.

    Args:
        name: `cpu`, `cuda`, `cuda:N`, `mps`, or `auto`: CUDA if there is one, else MPS if there is one, else the CPU.

    Raises:
        InputError: Unknown, or not on this machine.
    """
    kind, _, index = name.partition(":")
    if kind not in DEVICES or (":" in name and not (kind == "cuda" and index.isdecimal())):
        raise unknown("device", name, (*DEVICES, "cuda:0"))
    cuda, mps = torch.cuda.device_count(), torch.backends.mps.is_available()
    if kind == "auto":
        kind = "cuda" if cuda else "mps" if mps else "cpu"
    if kind == "cuda" and int(index or 0) >= cuda:
        raise InputError(f"no device {name} here ({cuda} CUDA devices): use --device=cpu")
    if kind == "mps" and not mps:
        raise InputError("no device mps here: use --device=cpu")
    return torch.device(kind, int(index or 0)) if kind == "cuda" else torch.device(kind)


class Stylizer:
    """Stylize images, one at a time, in float32.

    Args:
        network: Takes and gives (1, 3, H, W) in [0, 1]; put into eval mode and moved to the device.
        device: A name of `pick_device`, or a device.

    Raises:
        InputError: The device is not there.
    """

    def __init__(self, network: nn.Module, device: str | torch.device = "auto") -> None:
        self.device = pick_device(device) if isinstance(device, str) else device
        self.network = network.eval().to(self.device)

    @classmethod
    def from_checkpoint(cls, path: str | Path, device: str | torch.device = "auto") -> "Stylizer":
        """Return the stylizer in a file: a slim or Lightning checkpoint, or a TransformerNet of pytorch/examples.

        Raises:
            InputError: The file cannot be used, or the device is not there.
        """
        device = pick_device(device) if isinstance(device, str) else device
        return cls(load_network(path)[0], device)

    @torch.inference_mode()
    def __call__(self, image: Tensor) -> Tensor:
        """Return the stylized image, of exactly the size given, on the CPU.

        Args:
            image: (1, 3, H, W) in [0, 1], from 1x1 pixel up.

        Returns:
            (1, 3, H, W) in [0, 1].

        Raises:
            InputError: The image does not fit into memory.
        """
        try:
            return self.network(image.to(self.device)).cpu()
        except (RuntimeError, MemoryError) as error:
            if not _is_out_of_memory(error):
                raise
            height, width = image.shape[-2:]
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        raise InputError(f"{width}x{height} pixels do not fit into the memory of {self.device}: scale down with --size")


def _is_out_of_memory(error: Exception) -> bool:
    """Tell whether an error means that memory ran out; only CUDA has a class for it."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    message = str(error).lower()
    return any(sign in message for sign in ("out of memory", "not enough memory", "can't allocate memory"))
