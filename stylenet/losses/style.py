"""Style: statistics of feature maps close to the painting's."""

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from stylenet.functional import gram, moments, normalized_error, relative_error, squared_error
from stylenet.losses.patches import Patches
from stylenet.losses.wasserstein import SlicedWasserstein


class Statistic(Protocol):
    """What of a layer's features is the style: kept once of the painting, compared with each image."""

    def target(self, features: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return what is kept of the painting, of leading dimension 1.

        Args:
            features: The painting's, (1, C, H, W).
            mask: Where in the painting the style is, (1, 1, H, W) in [0, 1]; without one, everywhere.

        Raises:
            InputError: The painting or its mask is too small for the statistic at this layer.
        """

    def loss(self, features: Tensor, target: Tensor, normalization: str, mask: Tensor | None = None) -> Tensor:
        """Return how far each image is from the painting, (B,).

        Args:
            features: The images', (B, C, h, w), of any size.
            target: What `target` returned.
            normalization: One of `stylenet.losses.content.NORMALIZATIONS`.
            mask: Where in the images the style goes, (B, 1, h, w) or (1, 1, h, w) in [0, 1].
        """


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


@dataclass(frozen=True)
class Gram:
    """Which features occur together: the Gram matrix, (1, C, C)."""

    def target(self, features: Tensor, mask: Tensor | None = None) -> Tensor:
        """See `Statistic`."""
        return gram(features, mask)

    def loss(self, features: Tensor, target: Tensor, normalization: str, mask: Tensor | None = None) -> Tensor:
        """See `gram_loss`."""
        return gram_loss(features, target, normalization, mask)


@dataclass(frozen=True)
class Moments:
    """How strong each feature is and how it varies: means and deviations, (1, 2, C)."""

    def target(self, features: Tensor, mask: Tensor | None = None) -> Tensor:
        """See `Statistic`."""
        return moments(features, mask)

    def loss(self, features: Tensor, target: Tensor, normalization: str, mask: Tensor | None = None) -> Tensor:
        """See `moment_loss`."""
        return moment_loss(features, target, normalization, mask)


STATISTICS: dict[str, Statistic] = {
    "gram": Gram(),
    "moments": Moments(),
    "patches": Patches(),
    "wasserstein": SlicedWasserstein(),
}
