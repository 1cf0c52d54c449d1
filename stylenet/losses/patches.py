"""Patches: every 3x3 patch of features close to one of the painting's (Li and Wand 2016, CNNMRF)."""

import torch
from torch import Tensor
from torch.nn import functional as F

from stylenet.errors import InputError
from stylenet.functional import SMALLEST, at_least_float32, inside

SIDE = 3
MAX_PATCHES = 4096
"""Patches kept of the painting: all of a map up to 66x66, which relu4_1 has of 528 pixels."""
CHUNK = 1024
"""Patches of the image matched at once: with 4096 of the painting, 16 MB of similarities in float32."""


def painting_patches(features: Tensor, mask: Tensor | None = None) -> Tensor:
    """Return the patches of the painting's features: every one, or 4096 at even distances along its rows.

    The paper keeps all, and turned and scaled copies; a limit bounds memory and time whatever the painting's size.

    Args:
        features: (1, C, H, W).
        mask: (1, 1, H, W) in [0, 1]: only patches whose center has more than one half are kept.

    Returns:
        (1, 9*C, N), one patch a column, in float32 or more.

    Raises:
        InputError: The map is smaller than a patch, or the mask keeps none.
    """
    _check_size(features)
    patches = F.unfold(at_least_float32(features), SIDE)
    patches = inside(patches, None if mask is None else _at_centers(mask))
    count = patches.shape[2]
    if count <= MAX_PATCHES:
        return patches
    even = torch.linspace(0, count - 1, MAX_PATCHES, dtype=torch.float64, device=patches.device)
    return patches[..., even.round().long()]


def patch_loss(features: Tensor, target: Tensor, normalization: str = "relative", mask: Tensor | None = None) -> Tensor:
    """Return the patch loss of one layer for each image.

    Every patch p of the image, stride 1, is compared with the painting's patch s of the highest normalized
    cross-correlation `p s / (|p| |s|)` (Li and Wand 2016, eq. 2 and 3); the choice has no gradient.

    - `relative`: the mean of `|p - s|^2` in units of the mean `|s|^2` over all the painting's patches, ours: 0 is the
      painting, about 1 as far off as nothing at all;
    - `johnson` and `gatys`, which have no patches: the mean of `|p - s|^2 / (9 C)`; the paper sums.

    Memory: the similarities of one chunk, and for the gradient nine times the image's features. Time: as many
    products as patches of the image times patches of the painting times 9 C.

    Args:
        features: (B, C, H, W), at least 3x3.
        target: The painting's patches, (1, 9*C, N).
        normalization: One of `stylenet.losses.content.NORMALIZATIONS`.
        mask: (B, 1, H, W) or (1, 1, H, W) in [0, 1]: a patch weighs what its center does.

    Returns:
        (B,).

    Raises:
        InputError: The map is smaller than a patch.
    """
    _check_size(features)
    with torch.autocast(features.device.type, enabled=False):
        style, directions = target[0], F.normalize(target[0], dim=0).T  # the length of p does not change its match
        images = at_least_float32(features)
        distances = torch.stack([_distances(image, style, directions) for image in images])  # (B, n)
        if mask is None:
            error = distances.mean(1)
        else:
            weights = _at_centers(mask).flatten(1).to(distances.dtype)  # (B, n) or (1, n)
            error = (weights * distances).sum(1) / weights.sum(1).clamp_min(SMALLEST)
        return error / target.square().mean().clamp_min(SMALLEST) if normalization == "relative" else error


def _distances(image: Tensor, style: Tensor, directions: Tensor) -> Tensor:
    """Return the mean squared difference of each patch of one image to its match, (n,).

    Args:
        image: (C, H, W).
        style: The painting's patches, (9*C, N).
        directions: The same of length 1, transposed.
    """
    height, width = image.shape[1] - SIDE + 1, image.shape[2] - SIDE + 1
    rows = max(1, CHUNK // width)
    distances = []
    for top in range(0, height, rows):
        patches = F.unfold(image[None, :, top : top + rows + SIDE - 1], SIDE)[0]  # (9*C, rows*width)
        with torch.no_grad():
            nearest = (directions @ patches).argmax(0)
        distances.append((patches - style[:, nearest]).square().mean(0))
    return torch.cat(distances)


def _at_centers(mask: Tensor) -> Tensor:
    """Return the mask at the centers of all patches, (B, 1, H - 2, W - 2)."""
    border = SIDE // 2
    return mask[..., border:-border, border:-border]


def _check_size(features: Tensor) -> None:
    height, width = features.shape[-2:]
    if min(height, width) < SIDE:
        raise InputError(
            f"a feature map of {width}x{height} has no patches of {SIDE}x{SIDE}: take larger images or earlier layers"
        )
