"""Flicker of networks on films, frame by frame, the untouched film as a row.

    python benchmarks/film.py CLIP [CLIP ...] --checkpoints starry_night FILE.safetensors [--size 320] [--frames 12]
        [--style starry_night] [--sheet PNG]

*warping error* is the root mean square difference between a frame and the one before, carried along by optical flow,
where that is not occluded (Lai et al. 2018; the thresholds of Ruder et al. 2016); *long-range* the same over several
frames. The flow is TV-L1 of scikit-image, on the untouched frames. *sharpness* is the mean difference of neighbors: a
blurred film has a low warping error too, and so a row of its own. *shift* is how much a film's first frame changes if
it moves by a pixel. The judge of Gram difference and content distance, SqueezeNet, trained nothing.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from skimage.registration import optical_flow_tvl1
from torch import Tensor
from torchvision.transforms.functional import gaussian_blur

from stylenet.cli.exits import guarded
from stylenet.data.styles import find_style, load_style
from stylenet.film.stylize import open_film
from stylenet.images import grid, resize, save_image
from stylenet.inference.stylizer import Stylizer
from stylenet.losses.temporal import warp
from stylenet.metrics import shift_error
from stylenet.studies.measure import Jury, figures
from stylenet.studies.report import markdown

LONG = 8
"""Frames between those that the long-range figure compares."""


def read(clip: Path, size: int, count: int) -> list[Tensor]:
    """Return the first frames of a film, (1, 3, H, W) in [0, 1]."""
    with open_film(clip) as reader:
        pictures = (picture for _, picture in reader.chunks() if picture is not None)
        frames = [torch.from_numpy(picture.pixels) for picture in islice(pictures, count)]
    return [resize(frame.permute(2, 0, 1)[None] / 255, size, side="long") for frame in frames]


def flow(here: Tensor, there: Tensor) -> Tensor:
    """Return where each place of an image is in another one: x and y in pixels, (1, H, W, 2)."""
    gray = [image.mean((0, 1)).numpy() for image in (here, there)]
    down, right = optical_flow_tvl1(*gray)
    y, x = np.mgrid[: down.shape[0], : down.shape[1]]
    return torch.from_numpy(np.stack([x + right, y + down], -1)).float()[None]


def visible(there: Tensor, back: Tensor) -> Tensor:
    """Return where a flow can be trusted, (1, 1, H, W): where the one back leads to where it came from."""
    height, width = there.shape[1:3]
    y, x = torch.meshgrid(torch.arange(height).float(), torch.arange(width).float(), indexing="ij")
    still = torch.stack([x, y], -1)[None]
    moved, returned = (grid - still for grid in (there, back))
    carried, inside = warp(returned.permute(0, 3, 1, 2), there)
    carried = carried.permute(0, 2, 3, 1)
    gap = (moved + carried).square().sum(-1)
    allowed = 0.01 * (moved.square().sum(-1) + carried.square().sum(-1)) + 0.5
    return inside * (gap < allowed).unsqueeze(1)


def pairs(frames: Sequence[Tensor], apart: int) -> list[tuple[int, Tensor, Tensor]]:
    """Return `(frame, flow to the one so many before, where it can be trusted)`."""
    found = []
    for now in range(apart, len(frames), apart if apart > 1 else 1):
        there, back = flow(frames[now], frames[now - apart]), flow(frames[now - apart], frames[now])
        found.append((now, there, visible(there, back)))
    return found


def warping_error(frames: Sequence[Tensor], known: Sequence[tuple[int, Tensor, Tensor]], apart: int) -> float:
    """Return the root mean square difference of frames from earlier ones that are carried along."""
    squares = [
        ((frames[now] - warp(frames[now - apart], there)[0]).square() * seen).sum() / (3 * seen.sum())
        for now, there, seen in known
    ]
    return float(torch.stack(squares).mean().sqrt())


def sharpness(frames: Sequence[Tensor]) -> float:
    """Return the mean absolute difference of neighbors."""
    return float(np.mean([float(frame.diff(dim=2).abs().mean() + frame.diff(dim=3).abs().mean()) for frame in frames]))


@torch.inference_mode()
def _benchmark() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--checkpoints", nargs="+", default=["starry_night"])
    parser.add_argument("--style", default="starry_night", help="the painting that the judge compares with")
    parser.add_argument("--size", type=int, default=320)
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--sheet", type=Path, help="five successive frames of each, as a picture")
    given = parser.parse_args()
    paints: dict[str, Callable[[Tensor], Tensor]] = {
        "untouched": lambda frame: frame,
        "blurred": lambda frame: gaussian_blur(frame, [7, 7], [1.5, 1.5]),
    }
    paints |= {Path(path).name: Stylizer.from_checkpoint(path, "cpu") for path in given.checkpoints}
    judge = Jury("squeezenet1_1", "imagenet").judge(load_style(find_style(given.style), given.size))
    rows, shown = [], []
    for clip in given.clips:
        frames = read(clip, given.size, given.frames)
        near, far = pairs(frames, 1), pairs(frames, LONG)
        for name, paint in paints.items():
            painted = [paint(frame) for frame in frames]
            judged = [figures(painted[i], frames[i], judge) for i in range(0, len(frames), 4)]
            rows.append(
                {
                    "film": clip.stem,
                    "image": name,
                    "warping error": warping_error(painted, near, 1),
                    "long-range": warping_error(painted, far, LONG),
                    "sharpness": sharpness(painted),
                    "shift": float(shift_error(paint, frames[0])),
                    "Gram difference": float(np.mean([row["gram_difference"] for row in judged])),
                    "content distance": float(np.mean([row["content_distance"] for row in judged])),
                }
            )
            shown.append(painted[:5])
    print(f"{given.frames} frames of {given.size} pixels, judge squeezenet1_1\n")
    print(markdown(pd.DataFrame(rows)))
    if given.sheet:
        save_image(grid(shown), given.sheet)
    return 0


if __name__ == "__main__":
    sys.exit(guarded(_benchmark))
