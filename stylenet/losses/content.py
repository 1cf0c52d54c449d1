"""Content: feature maps close to the photograph's."""

from torch import Tensor

from stylenet.losses.functional import relative_error, squared_error

NORMALIZATIONS = ("relative", "johnson", "gatys")


def content_loss(features: Tensor, target: Tensor, normalization: str = "relative") -> Tensor:
    """Return the content loss of one layer, averaged over the batch.

    With F the features and P the photograph's:

    - `relative`: `|F - P|^2 / |P|^2`, ours: 0 is the photograph, 1 as far off as an empty map;
    - `johnson`: `|F - P|^2 / (C H W)` (Johnson et al. 2016, eq. 2);
    - `gatys`: `|F - P|^2 / 2` (Gatys et al. 2016, eq. 1).

    Args:
        features: (B, C, H, W).
        target: (B, C, H, W).
        normalization: One of `NORMALIZATIONS`.
    """
    if normalization == "relative":
        return relative_error(features, target).mean()
    error = squared_error(features, target)  # (B,)
    return (error / target[0].numel() if normalization == "johnson" else error / 2).mean()
