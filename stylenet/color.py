"""Color preservation: the photograph's colors under the painting's strokes.

Gatys, Bethge, Hertzmann, Shechtman: "Preserving color in neural artistic style transfer", 2016. Two ways: only the
luminance is stylized (section 4), or the painting gets the photograph's colors before it is learnt from (section 3).
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from stylenet.errors import InputError, unknown

PRESERVE_COLOR = ("luminance", "coral")
LUMINANCE = (0.299, 0.587, 0.114)
"""Weights of R, G and B in the Y of YIQ (BT.601)."""
SMALLEST_VARIANCE = 1e-5
"""Least variance of a painting's colors that is stretched: a deviation of 0.003, under one step of 8 bits."""


def luminance(images: Tensor) -> Tensor:
    """Return the Y of YIQ, (B, 1, H, W) in [0, 1], of images, (B, 3, H, W) in [0, 1]."""
    return (images * images.new_tensor(LUMINANCE).view(1, 3, 1, 1)).sum(1, keepdim=True)


def luminance_only(image: Tensor, photograph: Tensor) -> Tensor:
    """Return the luminance of a stylized image with the chroma of its photograph.

    In YIQ: Y is the image's; I and Q are the photograph's. I and Q do not change when R, G and B move by the same
    amount, so the photograph is moved, pixel by pixel, by the difference in Y.

    Departure: where the luminance and the chroma together lie outside of RGB's range, the paper leaves it to clipping,
    which bends the color. We take the nearest luminance at which the chroma can be had; so the chroma is always exact.

    Args:
        image: The stylized image, (B, 3, H, W) in [0, 1].
        photograph: (B, 3, H, W) in [0, 1].

    Returns:
        (B, 3, H, W) in [0, 1].
    """
    shift = luminance(image) - luminance(photograph)  # (B, 1, H, W)
    darkest, brightest = photograph.amin(1, keepdim=True), photograph.amax(1, keepdim=True)
    shift = torch.minimum(torch.maximum(shift, -darkest), 1 - brightest)
    return (photograph + shift).clamp(0, 1)  # rounding alone


def match_color(painting: Tensor, photograph: Tensor) -> Tensor:
    """Return a painting with the mean and the covariance of the photograph's colors, clamped.

    `x -> A (x - mean_s) + mean_c` with `A = cov_c^(1/2) cov_s^(-1/2)`: the paper's second linear map, known as CORAL
    (Sun, Feng, Saenko 2016). Both roots are symmetric, which turns colors no further than they must.

    Departure: along directions in which the painting's colors vary less than `SMALLEST_VARIANCE` they are stretched
    as if they varied that much, so that a gray painting's rounding errors are not blown up into colors.

    Args:
        painting: (1, 3, H, W) in [0, 1].
        photograph: (B, 3, h, w) in [0, 1].

    Returns:
        (B, 3, H, W) in [0, 1].
    """
    painting_mean, painting_covariance = _statistics(painting)
    mean, covariance = _statistics(photograph)
    turn = _power(covariance, 0.5) @ _power(painting_covariance, -0.5)  # (B, 3, 3)
    shift = mean - turn @ painting_mean  # (B, 3, 1)
    matched = turn.to(painting) @ painting.flatten(2) + shift.to(painting)  # (B, 3, H*W)
    return matched.unflatten(2, painting.shape[-2:]).clamp(0, 1)


def _statistics(images: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean (B, 3, 1) and covariance (B, 3, 3) of the colors, in float64 on the CPU: MPS has none."""
    colors = images.flatten(2)  # (B, 3, H*W)
    mean = colors.mean(2, keepdim=True)
    centered = colors - mean
    return mean.double().cpu(), (centered @ centered.transpose(1, 2) / centered.shape[2]).double().cpu()


def _power(covariance: Tensor, exponent: float) -> Tensor:
    """Return a power of symmetric matrices, (B, 3, 3); before a root is inverted, its smallest values are raised."""
    values, vectors = torch.linalg.eigh(covariance)
    values = values.clamp_min(SMALLEST_VARIANCE if exponent < 0 else 0)
    return vectors * values.pow(exponent).unsqueeze(-2) @ vectors.transpose(-2, -1)


def prepare_colors(photographs: Tensor, paintings: Sequence[Tensor], way: str | None) -> tuple[Tensor, list[Tensor]]:
    """Return what is optimized in the place of photographs and paintings so that the colors are kept.

    - `luminance`: gray ones; the painting's luminance gets mean and deviation of the photograph's (section 4.1);
    - `coral`: the painting gets mean and covariance of the photograph's colors (section 3).

    Args:
        photographs: (1, 3, H, W) in [0, 1].
        paintings: (1, 3, h, w) in [0, 1] each.
        way: One of `PRESERVE_COLOR`, or None for the painting's colors.

    Raises:
        InputError: An unknown way, or several photographs, whose paintings would differ.
    """
    if way is None:
        return photographs, list(paintings)
    check_preserve_color(way)
    if len(photographs) > 1:
        raise InputError(f"preserve_color takes one photograph at a time, not {len(photographs)}")
    if way == "coral":
        return photographs, [match_color(painting, photographs) for painting in paintings]
    gray = luminance(photographs)  # (1, 1, H, W)
    matched = [_match(luminance(painting), gray).expand(-1, 3, -1, -1) for painting in paintings]
    return gray.expand(-1, 3, -1, -1), matched


def check_preserve_color(way: str | None) -> None:
    """Raise an InputError for a way to preserve color that there is not."""
    if way is not None and way not in PRESERVE_COLOR:
        raise unknown("way to preserve color", way, PRESERVE_COLOR)


def _match(values: Tensor, reference: Tensor) -> Tensor:
    """Return values with mean and deviation of others, clamped to [0, 1]."""
    scaled = (values - values.mean()) / values.std().clamp_min(1e-3)
    return (scaled * reference.std() + reference.mean()).clamp(0, 1)
