"""What a scene is made of: layers, lines, palettes and curves.

All coordinates are in picture units (a finished picture is 768 units on its longer side), so that a scene
looks the same whatever the number of pixels per unit.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float32]


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


def spiral(centre: tuple[float, float], radius: float, turns: float, start: float = 0.0, power: float = 1.0) -> Array:
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
