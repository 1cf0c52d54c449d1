"""The brush: where strokes start, how they follow the flow, and the marks that their bristles leave.

Sources: Hertzmann, "Painterly rendering with curved brush strokes of multiple sizes", 1998 (curved
strokes that end where their colour does); Litwinowicz, "Processing images and video for an impressionist
effect", 1997 (strokes clipped at edges, jittered colours).
"""

from __future__ import annotations

import numpy as np
from canvas import Array, Line, Scene
from numpy.typing import NDArray

Paths = tuple[Array, NDArray[np.int64]]


def jitter(colour: Array, spread: tuple[float, float, float], rng: np.random.Generator) -> Array:
    """Vary colours at random in hue, saturation and value.

    Hue turns in the chroma plane of YIQ, which costs no conversion to HSV and back.

    Args:
        colour: Colours in 0..1, shape (N, 3).
        spread: Standard deviations of hue (radians), saturation and value.
        rng: Source of randomness.

    Returns:
        Colours in 0..1, shape (N, 3).
    """
    to_yiq = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]], np.float32)
    spreads = np.asarray(spread, np.float32)[:, None]
    hue, saturation, value = spreads * rng.standard_normal((3, len(colour))).astype(np.float32)
    luma, i, q = (colour @ to_yiq.T).T
    turned = (i + 1j * q) * np.exp(1j * hue) * (1 + saturation)
    yiq = np.stack([luma * (1 + value) + value * 0.15, turned.real, turned.imag], -1)
    return np.clip(yiq @ np.linalg.inv(to_yiq).T, 0, 1).astype(np.float32)


def seeds(shape: tuple[int, int], spacing: float, rng: np.random.Generator) -> Array:
    """Scatter points on a jittered grid, in random order.

    Args:
        shape: Rows and columns of the canvas.
        spacing: Distance between points, in pixels.
        rng: Source of randomness.

    Returns:
        Points as (x, y) in pixels, shape (N, 2).
    """
    y, x = np.mgrid[0 : shape[0] : spacing, 0 : shape[1] : spacing]
    points = np.stack([x.ravel(), y.ravel()], -1) + rng.uniform(0, spacing, (x.size, 2))
    return rng.permutation(np.clip(points, 0, np.array(shape[::-1]) - 1)).astype(np.float32)


def trace(scene: Scene, start: Array, steps: int, step: float, tolerance: float) -> Paths:
    """Follow the flow from each start, until the guide is no longer the colour of the start.

    Args:
        scene: Scene with the flow and the guide.
        start: First points, shape (N, 2), in pixels.
        steps: Number of points per path.
        step: Distance between points, in pixels; its sign is that of the direction.
        tolerance: Largest colour difference along a path.

    Returns:
        Paths of shape (N, steps, 2), and the number of points of each that may be painted, shape (N,).
    """
    limit = np.array(scene.flow.shape[::-1], np.float32) - 1
    paths = np.empty((len(start), steps, 2), np.float32)
    alive, length = np.ones(len(start), bool), np.zeros(len(start), np.int64)
    point, before = start.copy(), np.zeros_like(start)
    column, row = start.astype(np.int64).T
    first = scene.guide[row, column]
    for k in range(steps):
        ix, iy = np.clip(point, 0, limit).astype(np.int64).T
        alive &= np.abs(scene.guide[iy, ix] - first).max(-1) <= tolerance
        length += alive
        paths[:, k] = point
        angle = scene.flow[iy, ix]
        ahead = (np.stack([np.cos(angle), np.sin(angle)], -1) * step).astype(np.float32)
        ahead[(ahead * before).sum(-1) < 0] *= -1
        point, before = point + ahead, ahead
    return paths, length


def profile(t: Array, taper: float) -> Array:
    """Give the width of a stroke along its path.

    Args:
        t: Position along the path, in 0..1.
        taper: See `canvas.Line`.

    Returns:
        Share of the full width, same shape.
    """
    pointed = np.sqrt(np.clip(1 - t**2, 0, 1)) if taper < 0 else np.sin(np.pi * np.clip(t, 0.02, 0.98)) ** 0.7
    blunt = np.clip(np.minimum(t, 1 - t) * 8, 0, 1) ** 0.5
    return (abs(taper) * pointed * np.maximum(blunt, taper < 0) + (1 - abs(taper)) * blunt).astype(np.float32)


def stamp(canvas: Array, path: Array, line: Line, opacity: float, rng: np.random.Generator) -> None:
    """Drag a brush of bristles along a path; the canvas changes in place.

    Every bristle leaves its own tone and height, and lifts off when its paint has run out.

    Args:
        canvas: Red, green, blue and height of the paint, shape (H, W, 4).
        path: Path in pixels, shape (N, 2).
        line: Width (here in pixels), colour and texture of the stroke.
        opacity: Opacity of the paint.
        rng: Source of randomness.
    """
    arc = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])
    along = np.linspace(0, 1, max(4, int(arc[-1] / 0.8)), dtype=np.float32)
    centre = np.stack([np.interp(along * arc[-1], arc, path[:, i]) for i in (0, 1)], -1).astype(np.float32)
    tangent = np.gradient(centre, axis=0)
    normal = tangent[:, ::-1] * np.array((-1, 1), np.float32) / (np.hypot(*tangent.T)[:, None] + np.float32(1e-6))
    across = np.linspace(-1, 1, max(3, int(line.width / 0.75)), dtype=np.float32)
    reach = profile(along, line.taper)[:, None] * across * np.float32(line.width / 2)
    x, y = np.rint(np.moveaxis(centre[:, None] + normal[:, None] * reach[..., None], -1, 0)).astype(np.int32)
    inside = (x >= 0) & (x < canvas.shape[1]) & (y >= 0) & (y < canvas.shape[0])
    hair = np.convolve(rng.standard_normal(len(across) + 2), (0.35, 0.5, 0.35), "valid").astype(np.float32)
    drag = np.interp(along * 6, np.arange(7), rng.standard_normal(7)).astype(np.float32)
    tone = line.bristle * (hair + 0.35 * drag[:, None])
    left = 1.6 + 0.8 * hair + 0.3 * drag[:, None] - line.dry * 2.4 * along[:, None]
    alpha = (opacity * np.clip(left * 2, 0, 1))[inside][:, None]
    relief = 0.5 + 0.35 * hair + 0.3 * across**4 + 0.25 * np.exp(-along * 12)[:, None]
    paint = np.empty((*tone.shape, 4), np.float32)
    paint[..., :3] = line.colour * (1 + tone[..., None]) + tone[..., None] * 0.08
    paint[..., 3] = relief
    flat, spot = canvas.reshape(-1, 4), (y * canvas.shape[1] + x)[inside]
    old = flat[spot]
    flat[spot] = old + (paint[inside] - old) * alpha
