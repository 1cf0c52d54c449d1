"""Frames/s of a film painted frame by frame and stabilized, in 32 and in 16 bits, and compiled, in turn, in one call.

    python benchmarks/film.py CLIP [--checkpoint starry_night] [--size 640] [--frames 4] [--rounds 7] [--threads N]

Decoding and encoding are left out: they overlap with the painting. Medians over the rounds, on the CPU.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

import torch
from torch import Tensor

from stylenet.acceleration.allocator import keep_memory
from stylenet.cli.exits import guarded
from stylenet.film.stabilize import Stabilizer
from stylenet.inference.stylizer import Stylizer
from stylenet.studies.warping_error import read_frames

STRENGTH = 0.8
"""Of the stabilized films, as docs/film.md has it."""


def painters(checkpoint: str) -> dict[str, Callable[[Tensor], Tensor]]:
    """Return the ways to paint a film, by their names."""
    eager = Stylizer.from_checkpoint(checkpoint, "cpu")
    half = Stylizer.from_checkpoint(checkpoint, "cpu", precision="bf16-mixed")
    compiled = Stylizer.from_checkpoint(checkpoint, "cpu", compile=True)
    return {
        "frame by frame": eager,
        "stabilized": Stabilizer(eager, STRENGTH),
        "frame by frame, 16 bits": half,
        "stabilized, 16 bits": Stabilizer(half, STRENGTH),
        "frame by frame, compiled": compiled,
    }


def main() -> int:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--checkpoint", default="starry_night")
    parser.add_argument("--size", type=int, default=640)
    parser.add_argument("--frames", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    keep_memory()
    frames = list(read_frames(options.clip, options.size, options.frames))
    ways = painters(options.checkpoint)
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in count():
        for name, paint in ways.items():
            begin = time.perf_counter()
            for frame in frames:
                paint(frame)
            if number:  # the first round compiles
                seconds[name].append(time.perf_counter() - begin)
        if number == options.rounds:
            break
    height, width = frames[0].shape[-2:]
    print(f"{width}x{height}, {options.threads} threads\n\n| | frames/s |\n|---|---|")
    for name, taken in seconds.items():
        print(f"| {name} | {len(frames) / statistics.median(taken):.1f} |")
    return 0


if __name__ == "__main__":
    sys.exit(guarded(main))
