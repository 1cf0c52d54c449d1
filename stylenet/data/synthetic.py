"""Synthetic photographs: an endless, seeded stream of "dead leaves" for machines that have no photographs.

Shapes of every size fall on each other like leaves. With radii of density r^-3 the pile looks the same at every scale
and has the statistics of natural images, among them a power spectrum near 1/f^2 and occluding edges.
Source: Lee, Mumford, Huang, "Occlusion models for natural images", IJCV 41, 2001.
Departures: leaves are discs, ellipses and polygons with shading and a texture of 1/f noise inside, where the paper's
are flat discs; each image has its own palette, finest scale, blur and noise.
"""

import math
from functools import lru_cache

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor
from torch.utils.data import Dataset

from stylenet.data.sampling import generator

EPOCH = 10_000
"""Samples that count as an epoch of an endless source."""

COVER = 2.5
"""How often leaves cover a point on average; the background shows at exp(-2.5), 8 % of the points."""

TILE = 512
"""Pixels of a side of the noise tiles."""

CORNERS = 20
"""Corners of the polygon that draws a leaf; an ellipse of up to 100 pixels looks round with 20."""

OPPONENT = np.array([[1, 1, 1], [0.55, 0.05, -0.75], [0.35, -0.3, 0.05]], dtype=np.float32)
"""RGB of one unit of luminance, of yellow against blue, of red against green."""


@lru_cache(maxsize=2)  # for photographs to train on and to validate with
def noise_tiles(seed: int) -> np.ndarray:
    """Return periodic textures, (4, TILE, TILE), mean 0 and deviation 1: fine, coarse and two with a grain."""
    fy = np.fft.fftfreq(TILE)[:, None] * TILE
    fx = np.fft.rfftfreq(TILE)[None] * TILE
    tiles = []
    for number, (slope, stretch) in enumerate([(0.7, 1.0), (1.2, 1.0), (0.9, 3.0), (0.9, 0.33)]):
        frequency = np.hypot(fy * stretch, fx / stretch)
        frequency[0, 0] = np.inf  # no mean
        spectrum = np.fft.rfft2(generator(seed, 3, number).standard_normal((TILE, TILE)))
        tile = np.fft.irfft2(spectrum / frequency.clip(2) ** slope)
        tiles.append(tile / tile.std())
    return np.stack(tiles).astype(np.float32)


class DeadLeaves(Dataset):
    """Endless synthetic photographs, (3, size, size) in [0, 1]; sample i depends on the seed and i only.

    Args:
        size: Pixels of a side.
        seed: Of the whole stream.
        stream: Another number gives other images, e.g. for validation.
    """

    def __init__(self, size: int, seed: int = 0, stream: int = 0) -> None:
        self.size = size
        self.seed = seed
        self.stream = stream
        self.tiles = noise_tiles(seed).reshape(-1)

    def __len__(self) -> int:
        return EPOCH

    def __getitem__(self, sample: int) -> Tensor:
        rng = generator(self.seed, 2, self.stream, sample)
        fine = 2 * self.size  # drawn twice as large, then averaged over 2x2: edges without steps
        leaves, radii = _corners(rng, fine)
        labels = _paint(leaves, fine)  # (fine, fine)
        palette = _palette(rng, len(radii))  # (N, 3)
        quarters = (labels[0::2, 0::2], labels[0::2, 1::2], labels[1::2, 0::2], labels[1::2, 1::2])
        image = sum(palette[quarter] for quarter in quarters) / 4  # (size, size, 3)
        image += self._shading(rng, quarters[0], leaves.mean(1) / 2, radii / 2)[..., None]
        return _photograph(rng, image)

    def _shading(
        self, rng: np.random.Generator, labels: np.ndarray, centers: np.ndarray, radii: np.ndarray
    ) -> np.ndarray:
        """Return what light and texture add, (size, size): in each leaf a gradient and a piece of a noise tile."""
        count = len(radii)
        slope = rng.normal(0, 0.09, (count, 2)) / np.maximum(radii, self.size / 16)[:, None]
        level = -(slope * centers).sum(1)
        strength = rng.gamma(1.2, 0.04, count)
        table = np.stack([level, slope[:, 0], slope[:, 1], strength]).astype(np.float32)
        shift = rng.integers(0, TILE, (2, count), dtype=np.int32)
        tile = rng.integers(0, 4, count, dtype=np.int32) * TILE * TILE
        y, x = np.mgrid[: self.size, : self.size].astype(np.int32)
        place = tile[labels] + (y + shift[0][labels]) % TILE * TILE + (x + shift[1][labels]) % TILE
        gradient = table[0][labels] + table[1][labels] * x + table[2][labels] * y
        return gradient + table[3][labels] * self.tiles[place]


def _corners(rng: np.random.Generator, fine: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw the leaves of one image: corners (N, CORNERS, 2) and radii (N,) in pixels; the first is the background."""
    smallest = fine / 256 * math.exp(rng.uniform(math.log(2.2), math.log(6)))
    largest = fine * rng.uniform(0.25, 0.6)
    # density r^-3 times the area (fine + 2r)^2 in which the center of a leaf must lie to be seen, on a grid of radii
    grid = np.geomspace(smallest, largest, 256)
    weight = grid**-2 * (fine + 2 * grid) ** 2  # r^-3, and the grid's steps grow with r
    weight /= weight.sum()
    hidden = (weight * np.pi * grid**2 / (fine + 2 * grid) ** 2).sum()  # share of a point's cover by one leaf
    count = int(COVER / hidden / 0.5)  # ellipses and polygons hold about half of their circle
    radii = rng.choice(grid, count, p=weight)
    centers = rng.uniform(-radii[:, None], fine + radii[:, None], (count, 2))
    angles = np.arange(CORNERS) * (2 * np.pi / CORNERS)
    reach = np.ones((count, CORNERS))
    kind = rng.random(count)
    bumpy = kind < 0.45
    reach[bumpy] = _polygon(rng, int(bumpy.sum()), angles)
    aspect = np.where(kind < 0.85, np.exp(-rng.exponential(0.8, count)), 1.0)  # the rest are discs
    turn = rng.uniform(0, 2 * np.pi) + rng.normal(0, rng.uniform(0.1, 2), count)  # leaves of one image lean alike
    x = radii[:, None] * reach * np.cos(angles)
    y = radii[:, None] * reach * np.sin(angles) * aspect[:, None]
    cos, sin = np.cos(turn)[:, None], np.sin(turn)[:, None]
    leaves = np.stack([x * cos - y * sin, x * sin + y * cos], -1) + centers[:, None]
    whole = np.full((1, CORNERS, 2), fine / 2)
    return np.concatenate([whole, leaves]), np.concatenate([[fine], radii])


def _polygon(rng: np.random.Generator, count: int, angles: np.ndarray) -> np.ndarray:
    """Return how far regular polygons of 3 to 6 sides, or bumpy blobs, reach at each angle: (count, CORNERS)."""
    sides = rng.integers(3, 7, count)[:, None]
    sector = 2 * np.pi / sides
    straight = np.cos(sector / 2) / np.cos((angles + rng.uniform(0, 6, (count, 1))) % sector - sector / 2)
    waves = rng.normal(0, 0.13, (count, 3, 1)) * np.cos(
        np.arange(2, 5)[None, :, None] * angles + rng.uniform(0, 6, (count, 3, 1))
    )
    blob = (0.8 + waves.sum(1)).clip(0.3, 1.2)
    return np.where(rng.random((count, 1)) < 0.5, straight, blob)


def _paint(leaves: np.ndarray, fine: int) -> np.ndarray:
    """Paint the leaves over each other, the large ones not first but in their random order: labels (fine, fine)."""
    canvas = Image.new("I", (fine, fine), 0)
    draw = ImageDraw.Draw(canvas)
    for label, corners in enumerate(leaves.reshape(len(leaves), -1).tolist()[1:], start=1):
        draw.polygon(corners, fill=label)
    return np.asarray(canvas)


def _palette(rng: np.random.Generator, count: int) -> np.ndarray:
    """Return a color for each leaf, (count, 3): luminance varies most, hues gather around a few of each image."""
    hues = rng.normal(0, [0.11, 0.08], (4, 2)) + rng.normal([0.05, -0.02], [0.08, 0.04])
    chosen = hues[rng.choice(4, count, p=rng.dirichlet([1.0, 1, 1, 1]))]
    chroma = chosen + rng.normal(0, [0.035, 0.018], (count, 2))
    luminance = rng.normal(rng.uniform(0.35, 0.55), rng.uniform(0.12, 0.25), count).clip(0.03, 0.97)
    chroma *= (4 * luminance * (1 - luminance))[:, None] ** 0.5  # black and white have no hue
    return np.concatenate([luminance[:, None], chroma], 1).astype(np.float32) @ OPPONENT


def _photograph(rng: np.random.Generator, image: np.ndarray) -> Tensor:
    """Light the scene from one side, put it a little out of focus and add the noise of a sensor: (3, size, size)."""
    size = len(image)
    ramp = np.linspace(-0.5, 0.5, size, dtype=np.float32)
    light = 1 + rng.normal(0, 0.2) * ramp[:, None] + rng.normal(0, 0.15) * ramp
    image = image * light.astype(np.float32)[..., None]
    blur = rng.uniform(0, 0.15)  # weight of the neighbors on each side
    for axis in (0, 1):
        image = (1 - 2 * blur) * image + blur * (np.roll(image, 1, axis) + np.roll(image, -1, axis))
    image += rng.uniform(0.002, 0.015) * rng.standard_normal(image.shape, dtype=np.float32)
    return torch.from_numpy(image).clamp_(0, 1).permute(2, 0, 1).contiguous()
