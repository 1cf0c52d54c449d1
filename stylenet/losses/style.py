"""Style: statistics of feature maps close to the painting's."""

from torch import Tensor

from stylenet.losses.functional import gram, relative_error, squared_error


def gram_loss(features: Tensor, target: Tensor, normalization: str = "relative") -> Tensor:
    """Return the style loss of one layer, averaged over the batch.

    With G and A the Gram matrices of image and painting, both divided by C*H*W:

    - `relative`: `|G - A|^2 / |A|^2`, ours: 0 is the painting's own, 1 as far off as an empty image;
    - `johnson`: `|G - A|^2` (Johnson et al. 2016, eq. 4);
    - `gatys`: `|G - A|^2 / 4`, which is `|FF' - SS'|^2 / (4 C^2 (HW)^2)` (Gatys et al. 2016, eq. 4) where image and
      painting have one size; where they have not, each is divided by its own, which the paper leaves open.

    Args:
        features: (B, C, H, W).
        target: The painting's Gram matrix, (1, C, C).
        normalization: One of `stylenet.losses.content.NORMALIZATIONS`.
    """
    if normalization == "relative":
        return relative_error(gram(features), target).mean()
    error = squared_error(gram(features), target)  # (B,)
    return (error if normalization == "johnson" else error / 4).mean()
