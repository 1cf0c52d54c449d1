"""A network that does not compute its last result anew."""

from typing import Any

import torch
from torch import Tensor, nn


class CachedNetwork(nn.Module):
    """Give the last result again where the same is asked: of a look, strength, masks and colors come after a network.

    Args:
        network: Takes images, (B, 3, H, W), and named options, and gives images; the same ones each time.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self._asked: list[Any] = []
        self._result = torch.empty(0)

    def forward(self, images: Tensor, **options: Any) -> Tensor:
        """Return what the network makes of images; who gets it may write to it."""
        asked = [images, *options, *options.values()]
        if len(asked) != len(self._asked) or not all(map(_is_same, asked, self._asked)):
            self._result, self._asked = self.network(images, **options), asked
        return self._result.clone()


def _is_same(new: Any, old: Any) -> bool:
    if isinstance(new, Tensor) and isinstance(old, Tensor):
        return torch.equal(new, old)
    return type(new) is type(old) and bool(new == old)
