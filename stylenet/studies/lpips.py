"""LPIPS (Zhang et al. 2018), where the weights of its network are at hand: nothing is downloaded for it."""

from pathlib import Path
from typing import Literal

import torch
from torch import Tensor
from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

Network = Literal["alex", "vgg", "squeeze"]

NETWORKS: dict[Network, str] = {
    "alex": "alexnet-owt-7be5be79.pth",
    "vgg": "vgg16-397923af.pth",
    "squeeze": "squeezenet1_1-b8a52dc0.pth",
}
"""What torchmetrics calls its networks, and torchvision their files; the paper advises the first for comparisons."""


def lpips_at_hand() -> Network | None:
    """Return the first network whose file is in torch hub's cache, where torchvision looks, or None."""
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    return next((name for name, file in NETWORKS.items() if (folder / file).is_file()), None)


class Lpips:
    """The distance of two images as a network sees them, by torchmetrics.

    Args:
        network: One of `NETWORKS`, whose file is there.
        device: Where images will lie.
    """

    def __init__(self, network: Network, device: str | torch.device = "cpu") -> None:
        metric = LearnedPerceptualImagePatchSimilarity(net_type=network, normalize=True)  # takes [0, 1]
        self.network, self.metric = network, metric.to(device)

    @torch.no_grad()
    def __call__(self, image: Tensor, photograph: Tensor) -> float:
        """Return the distance, 0 at best, of images (1, 3, H, W) in [0, 1]."""
        self.metric.reset()
        self.metric.update(image.float(), photograph.float())
        return float(self.metric.compute())
