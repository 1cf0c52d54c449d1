"""The command `infer`: stylize an image or a film, or all of a folder.

PyTorch is imported only once the arguments are right, so that `--help` and mistyped options are answered at once.
"""

import re
import sys
from argparse import Namespace
from collections.abc import Sequence
from contextlib import suppress
from fractions import Fraction

from jsonargparse.typing import ClosedUnitInterval

from stylenet.acceleration.allocator import keep_memory
from stylenet.cli.arguments import Pixels, TilePixels, call
from stylenet.cli.exits import guarded
from stylenet.errors import InputError


def infer() -> None:
    """Run `infer.py`."""
    sys.exit(guarded(lambda: run(sys.argv[1:])))


def run(argv: Sequence[str], program: str = "infer.py") -> int:
    """Stylize as the arguments say, and return the exit code.

    Args:
        argv: What follows the program's name.
        program: Its name.

    Raises:
        InputError: Bad input; nothing was written.
    """
    return call(stylize, program, argv, unnamed=("ckpt", "input"), bare={"camera": "0"})


def stylize(
    ckpt: str,
    input: str | None = None,
    output: str | None = None,
    camera: str | int | None = None,
    record: str | None = None,
    device: str = "auto",
    size: Pixels | None = None,
    tile: TilePixels | None = None,
    start: str | float | None = None,
    end: str | float | None = None,
    frames: str | None = None,
    stabilize: ClosedUnitInterval = 0.0,
    style: list[str] | None = None,
    style_weights: list[float] | None = None,
    style_size: Pixels | None = None,
    alpha: float = 1.0,
    mask: list[str] | None = None,
    preserve_color: str | None = None,
    stroke_scale: float = 1.0,
    compile: bool = False,
    precision: str = "32-true",
) -> int:
    """Stylize an image, a film, all of a folder, or what a camera sees. Existing outputs are overwritten.

    Exit codes: 0 all stylized, 1 images of a folder failed or a film ended early, 2 bad input, 130 interrupted.

    Args:
        ckpt: The name of a network that ships, a stylizer.safetensors, a last.ckpt, or a .pth of others.
        input: An image or a film; or a folder, with its sub-folders; or - for an image on standard input.
        output: An image or a film, whose suffix says the format; or a folder for NAME.png of each image and films of
            the same names, if it exists, ends with a slash or input is a folder; or - for a PNG on standard output.
        camera: In place of a file, the number of a camera, 0 by default, or a film that plays one; opens a window.
        record: Of a camera: a film to write.
        device: auto, cpu, cuda, cuda:N or mps.
        size: Scale the longer side to this many pixels first.
        tile: Work on tiles of this side: less memory, no seams. By default where memory is short.
        start: Of a film: leave out what comes before this time: seconds, or 1:02.
        end: Of a film: stop at this time.
        frames: Of a film: a folder for each frame as a PNG; output may be left out then.
        stabilize: Of a film: carry along this share of the last picture, from 0 to 1, against flicker; 0.8, say.
        style: Of a network of any style: a painting or a style's name; of one of many styles, a name of its own;
            several are blended.
        style_weights: How much of each style, e.g. 0.3,0.7; by default equal.
        style_size: Scale paintings' shorter side to this many pixels, 512 by default.
        alpha: Strength, from 0 to 1.
        mask: Stylize only where it is white; with two styles, white is for the first and black for the second; or one a
            style.
        preserve_color: luminance or coral keeps the photograph's colors.
        stroke_scale: How many times as large strokes are, from 0.25 to 4.
        compile: Compile the network by torch.compile: half a minute at the start, for long films and large folders.
        precision: 32-true, or bf16-mixed: 16-bit floats, quicker on GPUs and on CPUs that have units for them.
    """
    if input is None and camera is None:
        raise InputError("give --input=FILE, a photograph, a film or a folder of them")
    if output is None and frames is None and camera is None:
        raise InputError("give --output=FILE, or a folder for a folder")
    options = Namespace(
        ckpt=ckpt, input=input, output=output, camera=None if camera is None else str(camera), record=record,
        device=device, size=size, tile=tile,
        start=clock("start", start), end=clock("end", end), frames=frames, stabilize=stabilize or None,
        style=style or [], style_weights=tuple(style_weights or ()), style_size=style_size, alpha=alpha,
        mask=mask or [], preserve_color=preserve_color, stroke_scale=stroke_scale, compile=compile,
        precision=precision,
    )  # fmt: skip
    keep_memory()
    if camera is not None:
        # before PyAV, which torchvision imports: its libxcb would keep windows from opening
        with suppress(ImportError):
            import cv2  # noqa: F401
    from stylenet.cli.infer_job import run_job

    return run_job(options)


def clock(name: str, given: str | float | None) -> Fraction | None:
    """Return the seconds of `62.5`, `1:02.5` or `0:01:02.5`; YAML makes numbers of some."""
    if given is None:
        return None
    text = str(given)
    parts = text.split(":")
    if len(parts) > 3 or not all(re.fullmatch(r"\d+(\.\d*)?" if part is parts[-1] else r"\d+", part) for part in parts):
        raise InputError(f"{name}={text}: give seconds or minutes:seconds, as in 62.5 or 1:02.5")
    return sum((Fraction(part) * 60**power for power, part in enumerate(reversed(parts))), Fraction(0))
