"""Content: feature maps close to the photograph's."""

from torch import Tensor

from stylenet.functional import SMALLEST, at_least_float32, relative_error, squared_error

NORMALIZATIONS = ("relative", "johnson", "gatys")


def content_loss(
    features: Tensor, target: Tensor, normalization: str = "relative", mask: Tensor | None = None
) -> Tensor:
    """Return the content loss of one layer for each image.

    With F the features and P the photograph's:

    - `relative`: `|F - P|^2 / |P|^2`, ours: 0 is the photograph, 1 as far off as an empty map;
    - `johnson`: `|F - P|^2 / (C H W)` (Johnson et al. 2016, eq. 2);
    - `gatys`: `|F - P|^2 / 2` (Gatys et al. 2016, eq. 1).

    A mask, which neither paper has, weights the squares of each place: `H W` becomes its sum, `|P|^2` what it leaves
    of the photograph. An empty mask gives 0.

    Args:
        features: (B, C, H, W).
        target: (B, C, H, W) or (1, C, H, W).
        normalization: One of `NORMALIZATIONS`.
        mask: (B, 1, H, W) or (1, 1, H, W) in [0, 1]; without one, everywhere.

    Returns:
        (B,).
    """
    if mask is not None:
        mask = at_least_float32(mask)
        features, target = features * mask.sqrt(), target * mask.sqrt()
    if normalization == "relative":
        return relative_error(features, target)
    error = squared_error(features, target)  # (B,)
    if normalization == "gatys":
        return error / 2
    if mask is None:
        return error / target[0].numel()
    return error / (features.shape[1] * mask.sum((1, 2, 3))).clamp_min(SMALLEST)
