"""Reconstruction: pixels close to a label, which an optimizer made of the same photograph."""

from torch import Tensor

from stylenet.functional import normalized_error


def pixel_loss(images: Tensor, labels: Tensor, normalization: str = "relative") -> Tensor:
    """Return the squared error of each image to its label.

    With X the image and Y the label, `johnson` and `gatys` are the plain mean of `(X - Y)^2` (Johnson et al. 2016,
    section 3.2, pixel loss). `relative` is `|X - Y|^2 / |Y|^2`, ours: 0 is the label, 1 as far off as a black image.
    We divide by the energy, as of features, and not by the variance, of which a label of one flat color has none.

    Args:
        images: (B, 3, H, W) in [0, 1].
        labels: (B, 3, H, W) or (1, 3, H, W) in [0, 1].
        normalization: One of `stylenet.losses.content.NORMALIZATIONS`.

    Returns:
        (B,).
    """
    return normalized_error(images, labels, normalization)
