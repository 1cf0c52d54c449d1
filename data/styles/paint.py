"""Paint the style pictures that the project ships: our own homages to five public-domain paintings.

    python data/styles/paint.py [NAME ...] [--output DIR]

Each picture is built as a painter would: an underpainting, then layers of curved strokes from coarse to fine
along a flow field, then lines laid by hand, then raking light on the relief of the paint. Sources: Hertzmann,
"Painterly rendering with curved brush strokes of multiple sizes", 1998 (layers, curved strokes that end where
their colour does, painting only where the canvas is still off); Litwinowicz, "Processing images and video for
an impressionist effect", 1997 (strokes clipped at edges, jittered colours); Hertzmann, "Fast paint texture",
2002 (lighting a height field of the strokes). No pixel of any original is used.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import composition_vii
import great_wave
import numpy as np
import shipwreck
import starry_night
import the_scream
from canvas import Array, Layer, Line, Scene
from PIL import Image

LONGER_SIDE = 768
SUPERSAMPLING = 2
MAX_BYTES = 350_000
SCENES: dict[str, Callable[[float, np.random.Generator], Scene]] = {
    "starry_night": starry_night.scene,
    "the_scream": the_scream.scene,
    "great_wave": great_wave.scene,
    "composition_vii": composition_vii.scene,
    "shipwreck": shipwreck.scene,
}


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
    hue, saturation, value = rng.standard_normal((3, len(colour))).astype(np.float32) * np.float32(spread)[:, None]
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


def trace(scene: Scene, start: Array, steps: int, step: float, tolerance: float) -> tuple[Array, Array]:
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
    for k in range(steps):
        ix, iy = np.clip(point + 0.5, 0, limit).astype(np.int64).T
        colour = scene.guide[iy, ix]
        first = colour if k == 0 else first
        alive &= np.abs(colour - first).max(-1) <= tolerance
        length += alive
        paths[:, k] = point
        angle = scene.flow[iy, ix]
        ahead = np.stack([np.cos(angle), np.sin(angle)], -1) * step
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
    normal = tangent[:, ::-1] * np.float32((-1, 1)) / (np.hypot(*tangent.T)[:, None] + np.float32(1e-6))
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


def paint_layer(canvas: Array, scene: Scene, layer: Layer, scale: float, rng: np.random.Generator) -> None:
    """Cover the canvas with one layer of strokes; it changes in place.

    Args:
        canvas: Red, green, blue and height of the paint, shape (H, W, 4).
        scene: Scene to paint.
        layer: Brush and its use.
        scale: Pixels per unit.
        rng: Source of randomness.
    """
    start = seeds(scene.flow.shape, layer.width * layer.spacing * scale, rng)
    x, y = start.astype(np.int64).T
    keep = np.abs(canvas[y, x, :3] - scene.guide[y, x]).mean(-1) >= layer.error
    if layer.mask is not None:
        keep &= rng.random(len(start)) < layer.mask[y, x]
    start = start[keep]
    steps, step = max(4, int(layer.length / 4)), 2 * scale
    ahead, forward = trace(scene, start, steps, step, layer.tolerance)
    behind, backward = trace(scene, start, steps, -step, layer.tolerance)
    x, y = start.astype(np.int64).T
    colour = jitter(scene.guide[y, x], layer.jitter, rng)
    size = layer.width * scale * rng.uniform(0.7, 1.15, len(start))
    for i in range(len(start)):
        path = np.concatenate([behind[i, 1 : backward[i]][::-1], ahead[i, : forward[i]]])
        if len(path) >= 3:
            line = Line(path, size[i], colour[i], 0.35, layer.bristle, layer.dry)
            stamp(canvas, path, line, layer.opacity, rng)


def lit(canvas: Array, scene: Scene, scale: float, rng: np.random.Generator) -> Array:
    """Throw light from the upper left on the relief of the paint and the grain of the ground.

    Args:
        canvas: Red, green, blue and height of the paint, shape (H, W, 4).
        scene: Scene with the strengths of light and grain.
        scale: Pixels per unit.
        rng: Source of randomness.

    Returns:
        The picture, shape (H, W, 3).
    """
    height = canvas[..., 3]
    down, right = np.gradient(height)
    shade = np.clip(-(down + right) * 0.16 * scale * scene.light, -0.3, 0.3)
    grain = scene.grain * rng.standard_normal(height.shape).astype(np.float32)
    return np.clip(canvas[..., :3] * (1 + shade + grain)[..., None] + np.clip(shade, 0, 1)[..., None] * 0.12, 0, 1)


def render(name: str, longer_side: int = LONGER_SIDE) -> Image.Image:
    """Paint one picture.

    Args:
        name: A key of `SCENES`.
        longer_side: Pixels on the longer side.

    Returns:
        The picture; the same for every call with the same arguments.
    """
    scale = SUPERSAMPLING * longer_side / LONGER_SIDE
    rng = np.random.default_rng(list(name.encode()))
    scene = SCENES[name](scale, rng)
    canvas = np.concatenate([scene.guide, np.zeros((*scene.flow.shape, 1), np.float32)], -1)
    for step in scene.steps:
        if isinstance(step, Layer):
            paint_layer(canvas, scene, step, scale, rng)
        else:
            line = Line(step.points, step.width * scale, step.colour, step.taper, step.bristle, step.dry)
            stamp(canvas, step.points * scale, line, 1.0, rng)
    picture = Image.fromarray((lit(canvas, scene, scale, rng) * 255 + 0.5).astype(np.uint8))
    return picture.resize((picture.width // SUPERSAMPLING, picture.height // SUPERSAMPLING), Image.Resampling.BOX)


def save(picture: Image.Image, path: Path) -> None:
    """Write a JPEG below `MAX_BYTES`, at quality 90 where that fits, and never half a file.

    Args:
        picture: Picture to write.
        path: File to write or replace.
    """
    for quality in range(90, 50, -4):
        data = io.BytesIO()
        picture.save(data, "JPEG", quality=quality, optimize=True)
        if data.tell() < MAX_BYTES:
            break
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    with os.fdopen(handle, "wb") as file:
        file.write(data.getvalue())
    os.chmod(temporary, 0o644)
    os.replace(temporary, path)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: Arguments; None takes those of the process.

    Returns:
        Exit code.
    """
    parser = argparse.ArgumentParser(description="Paint the style pictures.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"pictures to paint: {', '.join(SCENES)} (default: all)")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent, help="folder for the JPEGs")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in SCENES]
    if unknown:
        print(f"paint.py: unknown picture {unknown[0]!r}; known: {', '.join(SCENES)}", file=sys.stderr)
        return 2
    for name in options.names or SCENES:
        save(render(name), options.output / f"{name}.jpg")
        print(options.output / f"{name}.jpg")
    return 0


if __name__ == "__main__":
    sys.exit(main())
