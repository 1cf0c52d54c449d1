"""A sheet to lay a scene out on: areas to fill, noise and flow fields.

Coordinates are in the picture units of `canvas`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
from canvas import Array, colours, spline
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw

Mask = NDArray[np.bool_]
Paint = Array | str | Callable[[Mask], Array]


class Sheet:
    """A sheet to lay out a scene on: its pixel grid in units, a guide to fill, and noise.

    Args:
        width: Width in units.
        height: Height in units.
        scale: Pixels per unit.
        rng: Source of all randomness.
    """

    def __init__(self, width: int, height: int, scale: float, rng: np.random.Generator) -> None:
        self.width, self.height, self.scale, self.rng = width, height, scale, rng
        self.shape = (round(height * scale), round(width * scale))
        y, x = np.mgrid[: self.shape[0], : self.shape[1]].astype(np.float32)
        self.x, self.y = (x + 0.5) / scale, (y + 0.5) / scale
        self.guide: Array = np.zeros((*self.shape, 3), np.float32)
        self.flow: Array = np.zeros(self.shape, np.float32)

    def mask(self, points: ArrayLike) -> Mask:
        """Rasterise a polygon.

        Args:
            points: Corners, shape (N, 2), in units.

        Returns:
            True inside, shape (H, W).
        """
        image = Image.new("L", self.shape[::-1])
        flat = (np.asarray(points, np.float32) * self.scale).ravel().tolist()
        ImageDraw.Draw(image).polygon(flat, fill=255)
        return np.asarray(image) > 127

    def fill(self, area: Mask, colour: Paint, flow: ArrayLike | None = None) -> None:
        """Fill an area of the guide, and turn the flow in it.

        Args:
            area: Mask of shape (H, W).
            colour: A colour, a picture of the sheet's size, one hexadecimal colour, or a function that gives
                the colours of the pixels of an area.
            flow: Angle, or angles per pixel; None leaves the flow.
        """
        if callable(colour):
            self.guide[area] = colour(area)
        else:
            value = colours(colour)[0] if isinstance(colour, str) else colour
            self.guide[area] = value[area] if value.ndim == 3 else value
        if flow is not None:
            self.flow[area] = np.broadcast_to(np.asarray(flow, np.float32), self.shape)[area]

    def ribbon(self, one: Array, other: Array, colour: Paint) -> None:
        """Fill the area between two curves, and turn the flow along it.

        Args:
            one: First edge, shape (N, 2), in units.
            other: Second edge, sampled like the first.
            colour: See `fill`.
        """
        image = Image.new("F", self.shape[::-1], -9.0)
        draw = ImageDraw.Draw(image)
        run = np.diff(one + other, axis=0)
        corners = np.stack([one[:-1], one[1:], other[1:], other[:-1]], 1) * self.scale
        for corner, angle in zip(corners, np.arctan2(run[:, 1], run[:, 0]), strict=True):
            draw.polygon(corner.ravel().tolist(), fill=float(angle))
        angles = np.asarray(image)
        self.fill(angles > -8, colour, angles)

    def noise(self, size: float, octaves: int = 3, stretch: float = 1.0) -> Array:
        """Make smooth value noise, the same at every scale of the sheet.

        Source: Perlin, "An image synthesizer", 1985 (sum of octaves); value noise instead of gradients.

        Args:
            size: Size of the coarsest features, in units.
            octaves: Number of octaves, each half the size and half the strength.
            stretch: How many times longer the features are in x than in y.

        Returns:
            Noise of about zero mean and unit variance, shape (H, W).
        """
        total = np.zeros(self.shape, np.float32)
        for octave in range(octaves):
            step = size / 2**octave
            shape = (int(self.height / step) + 3, int(self.width / step / stretch) + 3)
            grid = Image.fromarray(self.rng.standard_normal(shape).astype(np.float32))
            total += np.asarray(grid.resize(self.shape[::-1], Image.Resampling.BICUBIC)) / 2**octave
        return (total / total.std()).astype(np.float32)

    @cached_property
    def clouds(self) -> Array:
        """Noise made once, to be shifted about where many areas want soft shading."""
        return self.noise(46, 2)

    def streaks(self, length: float, size: float = 5.0) -> Array:
        """Smear noise along the flow.

        Source: Cabral and Leedom, "Imaging vector fields using line integral convolution", 1993.

        Args:
            length: Length of the streaks, in units.
            size: Width of the streaks, in units.

        Returns:
            Noise of about zero mean and unit variance, shape (H, W).
        """
        noise, flow = self.noise(size, 2), self.flow[::2, ::2]  # half the resolution: streaks are smooth
        rows, columns = self.shape
        total, count = np.zeros(flow.shape, np.float32), 10
        step = np.stack([np.cos(self.flow), np.sin(self.flow)]) * np.float32(length * self.scale / (2 * count))
        for sign in (-1, 1):
            x, y = self.x[::2, ::2] * self.scale - 0.5, self.y[::2, ::2] * self.scale - 0.5
            for _ in range(count):
                spot = (y + 0.5).astype(np.int32) * columns + (x + 0.5).astype(np.int32)
                total += noise.take(spot)
                x = np.clip(x + sign * step[0].take(spot), 0, columns - 1)
                y = np.clip(y + sign * step[1].take(spot), 0, rows - 1)
        image = Image.fromarray(total / total.std()).resize((columns, rows), Image.Resampling.BILINEAR)
        return np.asarray(image)

    def below(self, points: ArrayLike) -> tuple[Mask, Array]:
        """Find the area under a skyline.

        Args:
            points: Points of the skyline from left to right, shape (N, 2), in units.

        Returns:
            True below the smooth line through the points, and the slope of the line as an angle, both (H, W).
        """
        curve = spline(points)
        line = np.interp(self.x[0], curve[:, 0], curve[:, 1])
        slope = np.arctan(np.gradient(line) * self.scale).astype(np.float32)
        return self.y > line, np.broadcast_to(slope, self.shape)

    def whirl(self, centre: tuple[float, float], pitch: float = 0.0) -> Array:
        """Give the angles of a flow around a point.

        Args:
            centre: Centre, in units.
            pitch: Angle away from circles, radians: positive spirals outwards.

        Returns:
            Angles, shape (H, W).
        """
        return np.arctan2(self.y - centre[1], self.x - centre[0]) + np.float32(np.pi / 2 - pitch)

    def distance(self, centre: tuple[float, float], squash: float = 1.0) -> Array:
        """Give the distance of every pixel from a point.

        Args:
            centre: Centre, in units.
            squash: How many times the vertical distance counts.

        Returns:
            Distances in units, shape (H, W).
        """
        return np.hypot(self.x - centre[0], (self.y - centre[1]) * squash)


def mix_angles(angles: Sequence[Array], weights: Sequence[Array]) -> Array:
    """Blend directions as vectors.

    Args:
        angles: Fields of angles.
        weights: Weight of each field, per pixel.

    Returns:
        Angles of the weighted sums.
    """
    dx = sum((np.cos(a) * w for a, w in zip(angles, weights, strict=True)), np.float32(0))
    dy = sum((np.sin(a) * w for a, w in zip(angles, weights, strict=True)), np.float32(0))
    return np.arctan2(dy, dx).astype(np.float32)
