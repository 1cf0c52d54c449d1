"""Style: statistics of feature maps close to the painting's."""

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor

from stylenet.functional import gram, moments, normalized_error, relative_error, squared_error
from stylenet.losses.patches import painting_patches, patch_loss
from stylenet.losses.wasserstein import quantiles, wasserstein_loss


def gram_loss(features: Tensor, target: Tensor, normalization: str = "relative", mask: Tensor | None = None) -> Tensor:
    """Return the style loss of one layer for each image.

    With G and A the Gram matrices of image and painting, both divided by C*H*W:

    - `relative`: `|G - A|^2 / |A|^2`, ours: 0 is the painting's own, 1 as far off as an empty image;
    - `johnson`: `|G - A|^2` (Johnson et al. 2016, eq. 4);
    - `gatys`: `|G - A|^2 / 4`, which is `|FF' - SS'|^2 / (4 C^2 (HW)^2)` (Gatys et al. 2016, eq. 4) where image and
      painting have one size; where they have not, each is divided by its own, which the paper leaves open.

    Args:
        features: (B, C, H, W).
        target: The painting's Gram matrix, (1, C, C).
        normalization: One of `stylenet.losses.content.NORMALIZATIONS`.
        mask: (B, 1, H, W) or (1, 1, H, W) in [0, 1], of guided Gram matrices; without one, everywhere.

    Returns:
        (B,).
    """
    matrices = gram(features, mask)
    if normalization == "relative":
        return relative_error(matrices, target)
    error = squared_error(matrices, target)
    return error if normalization == "johnson" else error / 4


def moment_loss(
    features: Tensor, target: Tensor, normalization: str = "relative", mask: Tensor | None = None
) -> Tensor:
    """Return the AdaIN style loss of one layer for each image (Huang and Belongie 2017, eq. 13).

    With M the means and deviations of the image's channels and S the painting's, `relative` is `|M - S|^2 / |S|^2`;
    `johnson` and `gatys` are the mean of `(M - S)^2` over all 2 C of them. The paper adds up two norms without
    squares; its authors' code squares them, as we do.

    Args:
        features: (B, C, H, W).
        target: The painting's moments, (1, 2, C).
        normalization: One of `stylenet.losses.content.NORMALIZATIONS`.
        mask: (B, 1, H, W) or (1, 1, H, W) in [0, 1]; without one, everywhere.

    Returns:
        (B,).
    """
    return normalized_error(moments(features, mask), target, normalization)


class Statistic(NamedTuple):
    """What of a layer's features is the style.

    Attributes:
        target: Returns what is kept of the painting, of leading dimension 1, given its features, (1, C, H, W), and
            where in it the style is, (1, 1, H, W) in [0, 1] or None; raises InputError where either is too small.
        loss: Returns how far each image is from that, (B,), given its features, (B, C, h, w), what `target` returned,
            one of `stylenet.losses.content.NORMALIZATIONS`, and where the style goes, (B or 1, 1, h, w) or None.
    """

    target: Callable[..., Tensor]
    loss: Callable[..., Tensor]


STATISTICS = {
    "gram": Statistic(gram, gram_loss),
    "moments": Statistic(moments, moment_loss),
    "patches": Statistic(painting_patches, patch_loss),
    "wasserstein": Statistic(quantiles, wasserstein_loss),
}
