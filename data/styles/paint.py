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
from brush import jitter, seeds, stamp, trace
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
    gloss = 0.12 * np.clip(shade, 0, 1)
    return np.clip(canvas[..., :3] * np.expand_dims(1 + shade + grain, -1) + np.expand_dims(gloss, -1), 0, 1)


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
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of: {', '.join(SCENES)}; default: all")
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
