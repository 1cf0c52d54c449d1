"""How a network is run: as it is, or compiled where there is much to do."""

import warnings
from typing import Any

import torch
from torch import Tensor, nn

from stylenet.networks.adain import AdaIN

COMPILING = 20.0
"""Seconds that compiling a JohnsonNet takes on a CPU core: 15, and more on a cold cache."""
SAVED = 0.25
"""Seconds on a CPU core that compiling saves of a picture, for each megapixel and million parameters."""
MANY = 100
"""Pictures from which on a network is compiled on CUDA; a guess, never measured."""


def prepare(network: nn.Module, device: torch.device, images: int, height: int, width: int) -> tuple[nn.Module, str]:
    """Return what computes `network(images, **condition)` in the least time in all, and a line that says why.

    The pictures are the same but for rounding. What is compiled is made for pictures of one size, at the first of them.
    Others are computed without, and so are all if compiling fails, of which a warning tells.

    Args:
        network: In eval mode, in float32, on the device; takes images, (B, 3, H, W), and conditions by name.
        device: Where it is.
        images: How many pictures of this size are to come.
        height: Of the pictures, in pixels.
        width: Of the pictures.
    """
    if device.type == "cuda":
        if images < MANY:
            return network, f"not compiled: that may pay from {MANY} pictures of one size on"
        return Compiled(network, height, width), "compiled: there are many pictures of one size (not tested on CUDA)"
    if device.type != "cpu":
        return network, f"not compiled: there is no gain known on {device.type}"
    if isinstance(network, AdaIN):
        return network, "not compiled: an AdaIN is no faster so"
    megapixels = images * height * width / 1e6
    millions = sum(p.numel() for p in network.parameters()) / 1e6
    saved = SAVED * megapixels * millions / torch.get_num_threads()
    reason = f"that takes about {COMPILING:.0f} s, and would save {saved:.0f} s"
    if saved > COMPILING:
        if has_compiler():
            return compiled_on_cpu(network, height, width), f"compiled: {reason}".replace("would save", "saves")
        reason = f"there is no C++ compiler, and it would save {saved:.0f} s"
    return network, f"not compiled: {reason}"


def compiled_on_cpu(network: nn.Module, height: int, width: int) -> "Compiled":
    """Return a network that is compiled for pictures of one size on a CPU, its weights as constants."""
    return Compiled(network, height, width, options={"freezing": True})


class Compiled(nn.Module):
    """A network that is compiled for pictures of one size, and computes others as it is.

    Args:
        network: See `prepare`.
        height: Of the pictures.
        width: Of the pictures.
        options: Of `torch.compile`.
    """

    def __init__(self, network: nn.Module, height: int, width: int, options: dict[str, Any] | None = None) -> None:
        super().__init__()
        self.network, self.size, self.failed = network, (height, width), False
        self._quick = torch.compile(network, dynamic=False, options=options)

    @torch.inference_mode()
    def forward(self, images: Tensor, **condition: Any) -> Tensor:
        """Return what the network makes of images, (B, 3, H, W)."""
        if self.failed or images.shape[-2:] != self.size:
            return self.network(images, **condition)
        try:
            return self._quick(images, **condition)
        except Exception as error:  # the compiler's, of many kinds; the network's own is raised again below
            result = self.network(images, **condition)
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            warnings.warn(f"goes on without compiling, which failed: {reason}", stacklevel=2)
            self.failed = True
            return result


def has_compiler() -> bool:
    """Tell whether there is a C++ compiler, without which nothing can be compiled for a CPU."""
    from torch._inductor.cpp_builder import get_cpp_compiler
    from torch._inductor.exc import InvalidCxxCompiler

    try:
        get_cpp_compiler()
    except InvalidCxxCompiler:
        return False
    return True
