"""Make the sheet and print the table of "Gatys in motion" in docs/film.md: frames alone, and each from the last one.

python docs/gatys_film.py bigbuckbunny.mp4
"""

import argparse
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor

from stylenet.data.styles import find_style, load_style
from stylenet.features.weights import resolve_weights
from stylenet.gatys.defaults import gatys_loss
from stylenet.gatys.film import FramePainter
from stylenet.gatys.optimize import optimize
from stylenet.gatys.pictures import Pictures, load_pictures
from stylenet.images import grid, save_image
from stylenet.losses.perceptual import PerceptualLoss
from stylenet.studies.measure import find_evaluator
from stylenet.studies.warping_error import Paint, rate_film, read_frames

SHEET = Path(__file__).resolve().parent / "images" / "gatys_film.jpg"
STEADINESS, CLOSENESS = ("warping_error", "sharpness"), ("gram_difference", "content_distance")
"""Figures of all frames, and of the last one."""


def in_motion(pictures: Pictures, loss: PerceptualLoss, steps: int, frame_steps: int, weight: float) -> Paint:
    """Return what paints each frame from the last one."""
    painter = FramePainter(pictures, loss, {"steps": steps}, frame_steps, weight)

    def paint(frame: Tensor) -> Tensor:
        image = painter(frame, lambda progress: None).image
        painter.remember(frame, image)
        return image

    return paint


def alone(pictures: Pictures, loss: PerceptualLoss, steps: int, frame: Tensor) -> Tensor:
    """Return a frame painted as a photograph is."""
    return optimize(frame, pictures.styles, loss, steps=steps).image


def kept(paint: Callable[[Tensor], Tensor], row: list[Tensor], frame: Tensor) -> Tensor:
    """Return a frame painted, which is added to a row of the sheet."""
    row.append(paint(frame))
    return row[-1]


def main() -> None:
    """Write the sheet and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--style", default="starry_night")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--first", type=int, default=36)
    parser.add_argument("--frames", type=int, default=4)
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--frame-steps", type=int, default=40)
    parser.add_argument("--weights", type=float, nargs="+", default=[0.0, 200.0, 2000.0])
    parser.add_argument("--shown", type=float, default=200.0)
    parser.add_argument("--output", type=Path, default=SHEET)
    given = parser.parse_args()
    frames = list(islice(read_frames(given.clip, given.size), given.first, given.first + given.frames))
    pictures = load_pictures(frames[0], [given.style], size=given.size)
    loss = gatys_loss("vgg16", resolve_weights("vgg16", "auto"), pictures.styles)
    paints: dict[str, Paint] = {"untouched": lambda frame: frame, "alone": partial(alone, pictures, loss, given.steps)}
    for weight in given.weights:
        paints[f"weight {weight:g}"] = in_motion(pictures, loss, given.steps, given.frame_steps, weight)
    rows: dict[str, list[Tensor]] = {name: [] for name in paints}
    evaluator, _ = find_evaluator({"gatys": "vgg16"}, "squeezenet1_1", torch.device("cpu"))
    judge = evaluator.judge(load_style(find_style(given.style), given.size))
    figures = rate_film(frames, {name: partial(kept, paint, rows[name]) for name, paint in paints.items()}, judge)
    for name, row in figures.items():
        last = judge(rows[name][-1], frames[-1])
        found = [row[column] for column in STEADINESS] + [float(last[column]) for column in CLOSENESS]
        print(f"| {name} | " + " | ".join(f"{value:.3f}" for value in found) + " |")
    names = ("untouched", "alone", f"weight {given.shown:g}")
    save_image(grid([rows[name][-4:] for name in names if name in rows]), given.output, quality=80)


if __name__ == "__main__":
    main()
