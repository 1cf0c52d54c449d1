"""Stylized films that do not flicker: a photograph that moves a little must be painted alike, but moved.

Frames of films are softer than photographs, and compressed: a network that was shown sharp photographs alone fills what
is smooth with strokes that follow the least trace of compression, and these traces change from frame to frame.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.io import decode_jpeg, encode_jpeg
from torchvision.transforms.functional import gaussian_blur

from stylenet.images import to_uint8

SHIFT, BEND = 10.0, 4.0
"""Pixels: the largest shift along a side, and the standard deviation of the field that bends."""
COARSE = 100
"""Pixels between the points at which the field is drawn."""
TURN, ZOOM = math.radians(3), 0.03
"""The largest turn, in radians, and the largest share by which an image grows or shrinks."""
NOISE = 0.002
"""The largest standard deviation of the noise."""
QUALITY = 25, 100
"""The worst and the best quality of the compression, as JPEG counts it."""
BLUR = 0.3, 2.5
"""Pixels: the smallest and the largest standard deviation of what softens a photograph."""


def temporal_loss(
    photographs: Tensor,
    painted: Tensor,
    paint: Callable[[Tensor], Tensor],
    generator: torch.Generator | None = None,
) -> Tensor:
    """Return how differently photographs are painted once they have moved: `|f(C(W x) + n) - W f(x)|`, the mean, (B,).

    Compound regularization (Wang, Xu, Zhang, Wang, Liu, AAAI 2020, eq. 5): W is a smooth motion, drawn anew for each
    photograph, and n is noise, so that neither films nor optical flow are needed. It takes a second pass of the network
    and none of the loss network. The published code shifts and bends; we turn and zoom too. C is our own: compression,
    stronger or weaker, as films have it. Only places that were in the picture before count.

    Args:
        photographs: x, (B, 3, H, W) in [0, 1].
        painted: f(x), (B, 3, H, W).
        paint: f, with the style that each photograph was painted in.
        generator: Of motion, compression and noise, on the CPU; torch's own by default.

    Returns:
        (B,), in the unit of the images: 0.1 is a tenth of the range from black to white.
    """
    count, _, height, width = photographs.shape
    grid = random_motion(count, height, width, generator).to(photographs.device)
    moved, seen = warp(photographs.float(), grid)
    noise = NOISE * torch.rand(count, 1, 1, 1, generator=generator) * torch.randn(moved.shape, generator=generator)
    moved = torch.stack([compressed(image, generator) for image in moved])
    again = paint((moved + noise.to(moved.device)).to(photographs.dtype))
    expected, _ = warp(painted.float(), grid)
    difference = (again.float() - expected).abs().mean(1, keepdim=True) * seen  # (B, 1, H, W)
    return difference.sum((1, 2, 3)) / seen.sum((1, 2, 3)).clamp(min=1)


def compressed(image: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Return an image, (3, H, W) in [0, 1], as a JPEG of random `QUALITY` keeps it; no gradient goes through it."""
    worst, best = QUALITY
    quality = int(torch.randint(worst, best + 1, (), generator=generator))
    return decode_jpeg(encode_jpeg(to_uint8(image).cpu(), quality)).to(image) / 255


def softened(photographs: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Return photographs, (B, 3, H, W), of which about every second is blurred, by a random one of `BLUR`.

    Args:
        photographs: To be painted as frames of films.
        generator: Of the random numbers, on the CPU; torch's own by default.
    """
    least, most = BLUR
    chances = torch.rand(len(photographs), 2, generator=generator).tolist()
    images = []
    for image, (chance, share) in zip(photographs, chances, strict=True):
        deviation = least + (most - least) * share
        side = 2 * math.ceil(3 * deviation) + 1
        fits = side // 2 < min(image.shape[-2:])  # blurring reflects the image at its borders
        images.append(gaussian_blur(image, [side, side], [deviation]) if chance < 0.5 and fits else image)
    return torch.stack(images)


def random_motion(count: int, height: int, width: int, generator: torch.Generator | None = None) -> Tensor:
    """Return where each place of moved images comes from: x and y in pixels, (B, H, W, 2).

    Args:
        count: How many motions, B.
        height: Of the images.
        width: Of the images.
        generator: Of the random numbers; torch's own by default.
    """

    def uniform(*shape: int) -> Tensor:
        return 2 * torch.rand(shape, generator=generator) - 1

    turn, zoom, shift = TURN * uniform(count), 1 + ZOOM * uniform(count), SHIFT * uniform(count, 2)
    points = [max(2, math.ceil(side / COARSE) + 1) for side in (height, width)]
    bend = BEND * torch.randn(count, 2, *points, generator=generator)
    bend = F.interpolate(bend, (height, width), mode="bicubic", align_corners=True)
    cosine, sine = (zoom * turn.cos())[:, None, None], (zoom * turn.sin())[:, None, None]
    y = torch.arange(height, dtype=torch.float32)[:, None] - (height - 1) / 2
    x = torch.arange(width, dtype=torch.float32) - (width - 1) / 2
    from_x = cosine * x - sine * y + (width - 1) / 2 + shift[:, :1, None] + bend[:, 0]
    from_y = sine * x + cosine * y + (height - 1) / 2 + shift[:, 1:, None] + bend[:, 1]
    return torch.stack([from_x, from_y], -1)  # (B, H, W, 2)


def warp(images: Tensor, grid: Tensor) -> tuple[Tensor, Tensor]:
    """Return images as they are once moved, and where what is seen was in them.

    Args:
        images: (B, C, H, W).
        grid: From `random_motion`, (B, H, W, 2), in pixels.

    Returns:
        (B, C, H, W), beyond the border continued by it; and (B, 1, H, W), 1 where it was inside, else 0.
    """
    height, width = images.shape[-2:]
    size = torch.tensor([width, height], dtype=grid.dtype, device=grid.device)
    places = (2 * grid + 1) / size - 1  # from -1 to 1, the outer edges
    moved = F.grid_sample(images, places.to(images.dtype), padding_mode="border", align_corners=False)
    inside = ((grid >= 0) & (grid <= size - 1)).all(-1)
    return moved, inside.unsqueeze(1).to(images.dtype)
