"""What a scene is made of, and the tools to lay one out: shapes, palettes, noise and flow fields.

All coordinates are in picture units (a finished picture is 768 units on its longer side), so that a scene
looks the same whatever the number of pixels per unit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]
Paint = Array | str | Callable[[Mask], Array]


@dataclass(frozen=True)
class Layer:
    """One pass of the brush over the picture, along the flow.

    Args:
        width: Width of the brush, in units.
        length: Longest stroke, in units.
        spacing: Distance between strokes, as a share of the width.
        jitter: Spread of hue (radians), saturation and value from stroke to stroke.
        tolerance: Colour difference at which a stroke ends (its guide has become another colour).
        opacity: Opacity of the paint.
        bristle: Strength of the streaks that the bristles leave.
        dry: How far the paint runs out towards the end of a stroke, from 0 to 1.
        error: Paint only where canvas and guide differ by more than this; 0 paints everywhere.
        mask: Where to paint (probability per pixel); None paints everywhere.
    """

    width: float
    length: float
    spacing: float = 0.8
    jitter: tuple[float, float, float] = (0.06, 0.1, 0.06)
    tolerance: float = 0.2
    opacity: float = 0.95
    bristle: float = 0.12
    dry: float = 0.5
    error: float = 0.0
    mask: Array | None = None


@dataclass(frozen=True)
class Line:
    """One stroke laid by hand.

    Args:
        points: Path of the brush, shape (N, 2), in units.
        width: Width at its widest, in units.
        colour: Red, green and blue in 0..1.
        taper: 0 for a blunt stroke, 1 for one that thins out at both ends, negative for one that thins out
            at its end only.
        bristle: Strength of the streaks that the bristles leave.
        dry: How far the paint runs out towards the end, from 0 to 1.
    """

    points: Array
    width: float
    colour: Array
    taper: float = 1.0
    bristle: float = 0.1
    dry: float = 0.2


@dataclass
class Scene:
    """A picture ready to be painted.

    Args:
        guide: Colours to aim for, shape (H, W, 3), in 0..1; also the underpainting.
        flow: Direction of the strokes, radians, shape (H, W).
        steps: Layers and hand-laid lines, in the order of painting.
        light: Strength of the raking light on the relief of the paint.
        grain: Strength of the grain of the ground (canvas or paper).
    """

    guide: Array
    flow: Array
    steps: list[Layer | Line] = field(default_factory=list)
    light: float = 1.0
    grain: float = 0.02


def colours(text: str) -> Array:
    """Read a palette of hexadecimal colours.

    Args:
        text: Colours such as ``"1d2b5e f2d14a"``.

    Returns:
        Array of shape (N, 3) in 0..1.
    """
    return np.array([[int(c[i : i + 2], 16) / 255 for i in (0, 2, 4)] for c in text.split()], np.float32)


def ramp(value: ArrayLike, palette: str) -> Array:
    """Map values in 0..1 to colours, linearly between the entries of a palette.

    Args:
        value: Values of any shape; those outside 0..1 take the end colours.
        palette: Colours for `colours`.

    Returns:
        Colours, shape (..., 3).
    """
    table = colours(palette)
    at = np.linspace(0, 1, len(table))
    values = np.asarray(value, np.float32)
    return np.stack([np.interp(values, at, table[:, i]) for i in range(3)], -1).astype(np.float32)


def spline(points: ArrayLike, closed: bool = False, per_span: int = 12) -> Array:
    """Draw a smooth curve through points.

    Source: Catmull and Rom, "A class of local interpolating splines", 1974.

    Args:
        points: Points to pass through, shape (N, 2).
        closed: Whether the last point joins the first.
        per_span: Number of samples between two points.

    Returns:
        The curve, shape (M, 2).
    """
    p = np.asarray(points, np.float32)
    p = np.concatenate([p[-1:], p, p[:2]]) if closed else np.concatenate([p[:1], p, p[-1:]])
    t = np.linspace(0, 1, per_span, endpoint=False, dtype=np.float32)[:, None, None]
    a, b, c, d = p[:-3], p[1:-2], p[2:-1], p[3:]
    curve = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    curve = curve.swapaxes(0, 1).reshape(-1, 2)
    return curve if closed else np.concatenate([curve, p[-1:]])


def resample(curve: Array, count: int) -> Array:
    """Space points evenly along a curve.

    Args:
        curve: The curve, shape (M, 2).
        count: Number of points wanted.

    Returns:
        The points, shape (count, 2).
    """
    arc = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(curve, axis=0).T))])
    at = np.linspace(0, arc[-1], count)
    return np.stack([np.interp(at, arc, curve[:, i]) for i in (0, 1)], -1).astype(np.float32)


def spiral(
    centre: tuple[float, float], radius: float, turns: float, start: float = 0.0, power: float = 1.0
) -> Array:
    """Draw a spiral from the rim to the centre.

    Args:
        centre: Centre, in units.
        radius: Radius at the start.
        turns: Number of turns; negative turns the other way.
        start: Angle of the first point, radians.
        power: 1 for an Archimedean spiral; larger winds up tighter at the centre.

    Returns:
        The curve, shape (N, 2).
    """
    t = np.linspace(0, 1, max(12, int(48 * abs(turns))), dtype=np.float32)
    r, a = radius * (1 - t) ** power, start + 2 * np.pi * turns * t
    return np.stack([centre[0] + r * np.cos(a), centre[1] + r * np.sin(a)], -1)


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
        step = np.stack([np.cos(self.flow), np.sin(self.flow)]) * np.float32(
            length * self.scale / (2 * count)
        )
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
