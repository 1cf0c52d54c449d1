"""In which styles photographs are stylized, how strongly, where, in which colors, with how large strokes."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from stylenet.color import check_preserve_color
from stylenet.errors import InputError
from stylenet.functional import SMALLEST

LARGEST_SCALE = 4.0
"""Strokes are scaled up, and down, by this much at most."""


@dataclass(frozen=True)
class StyleOptions:
    """How photographs are stylized; the same for all of them, whatever their sizes.

    Args:
        styles: Of a network for any style: paintings, (1, 3, h, w) in [0, 1]; of one with many styles: their rows; of
            one with a single style: none.
        shares: How much of each style; scaled to a sum of 1. Equal by default.
        alpha: Strength, from 0 to 1.
        masks: (1, 1, h, w) in [0, 1], scaled to each photograph. As many as styles: where each is painted; the
            photograph stays where all are black. One for two styles: white is the first, black the second.
        preserve_color: `luminance` or `coral` (see `stylenet.color`), or None for the style's colors.
        stroke_scale: How many times as large strokes are, from 1/4 to 4.

    Raises:
        InputError: A value out of range, or a number of shares or masks that does not fit the styles.
    """

    styles: tuple[Tensor | int, ...] = ()
    shares: tuple[float, ...] = ()
    alpha: float = 1.0
    masks: tuple[Tensor, ...] = ()
    preserve_color: str | None = None
    stroke_scale: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.alpha <= 1:
            raise InputError(f"alpha {self.alpha:g}: give a number from 0 to 1")
        if not 1 / LARGEST_SCALE <= self.stroke_scale <= LARGEST_SCALE:
            raise InputError(f"stroke scale {self.stroke_scale:g}: give a number from {1 / LARGEST_SCALE:g} to 4")
        check_preserve_color(self.preserve_color)
        self._check_shares()
        self._check_masks()

    def _check_shares(self) -> None:
        if not self.shares:
            return
        if len(self.shares) != len(self.styles):
            raise InputError(f"{len(self.shares)} style weights for {len(self.styles)} styles: give one for each style")
        if not (all(share >= 0 for share in self.shares) and 0 < sum(self.shares) < float("inf")):
            given = ", ".join(f"{share:g}" for share in self.shares)
            raise InputError(f"style weights {given}: give none under 0 and one over 0")

    def _check_masks(self) -> None:
        styles, masks = max(1, len(self.styles)), len(self.masks)
        if not self.masks or self._halves:
            return
        if masks != styles:
            halves = "one, white for the first style and black for the second, or " if styles == 2 else ""
            raise InputError(f"{masks} masks for {styles} styles: give {halves}one for each style")
        if not any(mask.max() > 0 for mask in self.masks):
            raise InputError("every mask is black everywhere: paint white what is to be stylized")

    @property
    def _halves(self) -> bool:
        """Whether a single mask tells two styles apart."""
        return len(self.styles) == 2 and len(self.masks) == 1

    def mixture(self, size: Sequence[int]) -> Tensor:
        """Return how much of each of N styles there is, (1, N), or, with masks, (1, N, H, W), with a sum of 1.

        Where masks of several styles overlap, the shares weigh them.

        Args:
            size: Height and width of the image that is stylized.
        """
        count = max(1, len(self.styles))
        shares = torch.tensor([self.shares or (1.0,) * count])  # (1, N)
        shares = shares / shares.sum()
        if count == 1 or not self.masks:
            return shares
        shares = shares[..., None, None]
        weighted = shares * self._regions(size)
        total = weighted.sum(1, keepdim=True)
        return torch.where(total > SMALLEST, weighted / total.clamp_min(SMALLEST), shares)

    def coverage(self, size: Sequence[int]) -> Tensor | None:
        """Return where photographs are stylized at all, (1, 1, H, W) in [0, 1]; None is everywhere.

        Args:
            size: Height and width of the photograph.
        """
        if not self.masks or self._halves:
            return None
        return self._regions(size).sum(1, keepdim=True).clamp(max=1)

    def _regions(self, size: Sequence[int]) -> Tensor:
        """Return the mask of each style, (1, N, H, W) in [0, 1], at a size."""
        masks = [F.interpolate(mask, tuple(size), mode="bilinear", antialias=True).clamp(0, 1) for mask in self.masks]
        return torch.cat([masks[0], 1 - masks[0]] if self._halves else masks, 1)
