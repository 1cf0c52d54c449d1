"""Content: feature maps close to the photograph's, and pixels close to a label's."""

from torch import Tensor

from stylenet.functional import normalized_error, relative_error, squared_error

NORMALIZATIONS = ("relative", "johnson", "gatys")


def content_loss(features: Tensor, target: Tensor, normalization: str = "relative") -> Tensor:
    """Return the content loss of one layer for each image.

    With F the features and P the photograph's:

    - `relative`: `|F - P|^2 / |P|^2`, ours: 0 is the photograph, 1 as far off as an empty map;
    - `johnson`: `|F - P|^2 / (C H W)` (Johnson et al. 2016, eq. 2);
    - `gatys`: `|F - P|^2 / 2` (Gatys et al. 2016, eq. 1).

    Args:
        features: (B, C, H, W).
        target: (B, C, H, W) or (1, C, H, W).
        normalization: One of `NORMALIZATIONS`.

    Returns:
        (B,).
    """
    if normalization == "relative":
        return relative_error(features, target)
    error = squared_error(features, target)  # (B,)
    return error / 2 if normalization == "gatys" else error / target[0].numel()


def pixel_loss(images: Tensor, labels: Tensor, normalization: str = "relative") -> Tensor:
    """Return the squared error of each image to its label, which an optimizer made of the same photograph.

    With X the image and Y the label, `johnson` and `gatys` are the plain mean of `(X - Y)^2` (Johnson et al. 2016,
    section 3.2, pixel loss). `relative` is `|X - Y|^2 / |Y|^2`, ours: 0 is the label, 1 as far off as a black image.
    We divide by the energy, as of features, and not by the variance, of which a label of one flat color has none.

    Args:
        images: (B, 3, H, W) in [0, 1].
        labels: (B, 3, H, W) or (1, 3, H, W) in [0, 1].
        normalization: One of `NORMALIZATIONS`.

    Returns:
        (B,).
    """
    return normalized_error(images, labels, normalization)
