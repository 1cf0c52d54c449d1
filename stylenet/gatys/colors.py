"""Keeping the photograph's colors (Gatys et al. 2016, "Preserving color in neural artistic style transfer")."""

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor

from stylenet.color import luminance, luminance_only, match_color
from stylenet.errors import InputError, unknown
from stylenet.losses.terms import Style

WAYS = ("luminance", "coral")


def prepare(photographs: Tensor, styles: Sequence[Style], way: str | None) -> tuple[Tensor, list[Style]]:
    """Return what is optimized in the place of photographs and paintings so that the colors are kept.

    - `luminance`: gray ones; the painting's luminance gets mean and deviation of the photograph's (section 4.1);
    - `coral`: the painting gets mean and covariance of the photograph's colors (section 3).

    Args:
        photographs: (1, 3, H, W) in [0, 1].
        styles: The paintings.
        way: One of `WAYS`, or None for the painting's colors.

    Raises:
        InputError: An unknown way, or several photographs, whose paintings would differ.
    """
    if way is None:
        return photographs, list(styles)
    check_way(way)
    if len(photographs) > 1:
        raise InputError(f"preserve_color takes one photograph at a time, not {len(photographs)}")
    if way == "coral":
        return photographs, [replace(style, image=match_color(style.image, photographs)) for style in styles]
    gray = luminance(photographs)  # (1, 1, H, W)
    matched = [replace(style, image=_match(luminance(style.image), gray).expand(-1, 3, -1, -1)) for style in styles]
    return gray.expand(-1, 3, -1, -1), matched


def check_way(way: str | None) -> None:
    """Raise an InputError for a way to preserve color that there is not."""
    if way is not None and way not in WAYS:
        raise unknown("way to preserve color", way, WAYS)


def _match(values: Tensor, reference: Tensor) -> Tensor:
    """Return values with mean and deviation of others, clamped to [0, 1]."""
    scaled = (values - values.mean()) / values.std().clamp_min(1e-3)
    return (scaled * reference.std() + reference.mean()).clamp(0, 1)


def finish(images: Tensor, photographs: Tensor, way: str | None) -> Tensor:
    """Return the optimized images, (1, 3, H, W) in [0, 1], with the photograph's chroma where only luminance was free.

    Args:
        images: What came out.
        photographs: As they were given to `prepare`.
        way: As in `prepare`.
    """
    if way != "luminance":
        return images
    return luminance_only(images, photographs)
