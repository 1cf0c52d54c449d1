"""Make the sheet of docs/film.md: five successive frames of a film, untouched, by two networks, and stabilized.

python docs/film.py CLIP --checkpoints BEFORE starry_night
"""

import argparse
from itertools import islice
from pathlib import Path

from torch import Tensor

from stylenet.film.stabilize import Stabilizer
from stylenet.images import grid, save_image
from stylenet.inference.stylizer import Stylizer
from stylenet.studies.warping_error import Paint, read_frames

SHEET = Path(__file__).resolve().parent / "images" / "film.jpg"
SHOWN, BEFORE = 5, 10
"""Frames, and those of the same scene that are stylized before them."""


def rows(clip: Path, paints: list[Paint], size: int, first: int, crop: list[int]) -> list[list[Tensor]]:
    """Return a row of successive frames for each way to paint.

    Args:
        clip: The film.
        paints: Take the frames in their order.
        size: Pixels of the longer side.
        first: The first frame that is shown.
        crop: Left, top, width and height of what is shown.
    """
    left, top, width, height = crop
    found: list[list[Tensor]] = [[] for _ in paints]
    for frame in islice(read_frames(clip, size), max(0, first - BEFORE), first + SHOWN):
        for row, paint in zip(found, paints, strict=True):
            row.append(paint(frame)[..., top : top + height, left : left + width])
    return [row[-SHOWN:] for row in found]


def main() -> None:
    """Write the sheet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--checkpoints", nargs="+", default=["starry_night"])
    parser.add_argument("--strength", type=float, default=0.8)
    parser.add_argument("--size", type=int, default=640)
    parser.add_argument("--first", type=int, default=30)
    parser.add_argument("--crop", type=int, nargs=4, default=[90, 20, 320, 240], metavar=("X", "Y", "WIDTH", "HEIGHT"))
    parser.add_argument("--output", type=Path, default=SHEET)
    given = parser.parse_args()
    paints: list[Paint] = [lambda frame: frame]
    for stylizer in (Stylizer.from_checkpoint(path, "cpu") for path in given.checkpoints):
        paints += [stylizer, Stabilizer(stylizer, given.strength)]
    save_image(grid(rows(given.clip, paints, given.size, given.first, given.crop)), given.output, quality=80)


if __name__ == "__main__":
    main()
