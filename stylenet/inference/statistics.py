"""Means and variances of maps that are seen a tile at a time, and instance norms that are given them."""

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stylenet.networks.layers import ConditionalNorm

INSTANCE = (nn.InstanceNorm2d, ConditionalNorm)
"""Norms that take the statistics of an image."""


class Moments:
    """Mean and variance of each channel over tiles, merged as by Chan, Golub and LeVeque 1983 in float64.

    Attributes:
        mean: (C,), float64, on the CPU.
        variance: (C,), biased as instance norm has it; float64, on the CPU.
    """

    def __init__(self) -> None:
        self.count = 0
        self.mean = torch.zeros(1, dtype=torch.float64)
        self.variance = torch.zeros(1, dtype=torch.float64)

    def add(self, maps: Tensor) -> None:
        """Take the places of a tile in, (1, C, h, w)."""
        variance, mean = torch.var_mean(maps.float(), (0, 2, 3), correction=0)
        variance, mean = variance.cpu().double(), mean.cpu().double()
        places = maps.shape[-2] * maps.shape[-1]
        share = places / (self.count + places)  # of the new tile in all
        away = mean - self.mean
        self.variance = torch.lerp(self.variance.expand_as(mean), variance, share) + share * (1 - share) * away.square()
        self.mean = self.mean + share * away
        self.count += places

    def statistics(self) -> Tensor:
        """Return means and deviations as AdaIN takes them, (1, 2, C): see `stylenet.functional.moments`."""
        return torch.stack([self.mean, (self.variance + 1e-5).sqrt()]).unsqueeze(0)


def with_statistics(norm: "nn.InstanceNorm2d | ConditionalNorm", moments: Moments, device: torch.device) -> nn.Module:
    """Return an instance norm, conditional or not, that has these statistics instead of those of the maps it sees."""
    if isinstance(norm, ConditionalNorm):
        fixed = copy.deepcopy(norm)
        fixed.set_submodule("plain", FixedNorm(norm.plain, moments, device))
        return fixed
    return FixedNorm(norm, moments, device)


class FixedNorm(nn.Module):
    """An instance norm that is given its statistics.

    Args:
        norm: An `nn.InstanceNorm2d`, with scale and shift or without.
        moments: Of all that the norm would see.
        device: Where it is computed.
    """

    def __init__(self, norm: nn.InstanceNorm2d, moments: Moments, device: torch.device) -> None:
        super().__init__()
        self.weight, self.bias, self.eps = norm.weight, norm.bias, norm.eps
        self.mean, self.variance = (value.float().to(device) for value in (moments.mean, moments.variance))

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, C, h, w) of `x`, (B, C, h, w)."""
        return F.batch_norm(x, self.mean, self.variance, self.weight, self.bias, eps=self.eps)
