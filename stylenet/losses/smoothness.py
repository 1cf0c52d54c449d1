"""Smoothness: no more noise than the painting has."""

from torch import Tensor

from stylenet.losses.functional import total_variation


def total_variation_loss(images: Tensor, reference: Tensor | None = None) -> Tensor:
    """Return the mean total variation of a batch, in units of the painting's own where one is given.

    Args:
        images: (B, 3, H, W) in [0, 1].
        reference: The painting's total variation, a scalar: the unit of the `relative` normalisation.
    """
    value = total_variation(images).mean()
    return value if reference is None else value / reference.clamp_min(1e-12)  # one flat colour has no variation
