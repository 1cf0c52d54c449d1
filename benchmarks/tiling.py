"""A large image in tiles: what differs from the same image done at once, how long it takes, and the memory.

    python benchmarks/tiling.py                               # the difference, and seconds of both, at 2048 px
    python benchmarks/tiling.py --size=8192 --whole=false     # seconds and memory of what would not fit at once

The image is noise under a ramp, without which seams would not show. Memory is the peak of the whole process, PyTorch
and the image included, in 10^9 bytes; that of the tiles is without what follows them.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from turns import status

from stylenet.acceleration.allocator import keep_memory
from stylenet.cli.exits import guarded
from stylenet.inference.tiling import tiled
from stylenet.networks.checkpoint import load_network
from stylenet.networks.johnson import JohnsonNet


def picture(size: int) -> Tensor:
    """Return an image that is dark on one side and bright on the other, (1, 3, size, size)."""
    noise = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(0))
    return noise.mul_(torch.linspace(0.2, 1, size))


def timed(name: str, stylize: Callable[[], Tensor]) -> Tensor:
    """Return an image, and print what it took."""
    start, cpu_start = time.perf_counter(), time.process_time()
    image = stylize()
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    memory = status("VmHWM") * 2**20 / 1e9
    print(f"{name}: {seconds:.1f} s, {cpu_seconds:.1f} s of the processor, peak of the process {memory:.2f} GB")
    return image


def show(done: int, total: int) -> None:
    """Say how far it is, on the same line of a terminal."""
    if sys.stderr.isatty():
        print(f"\r{done}/{total} tiles", end="\n" if done == total else "", file=sys.stderr)


def _tiling() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    starry_night = Path(__file__).parents[1] / "checkpoints" / "starry_night.safetensors"
    parser.add_argument("--ckpt", default=str(starry_night), help="of a JohnsonNet")
    parser.add_argument("--width", type=int, help="take a random network of this width instead")
    parser.add_argument("--size", type=int, default=2048, help="pixels of a side")
    parser.add_argument("--tile", type=int, default=512, help="pixels of a tile's side")
    parser.add_argument("--whole", choices=("true", "false"), default="true", help="do it at once too, and compare")
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = parser.parse_args()
    keep_memory()  # as the command does
    torch.set_num_threads(given.threads)
    network = JohnsonNet(given.width) if given.width else load_network(given.ckpt)[0]
    image = picture(given.size)
    print(f"{given.size} px, tiles of {given.tile} px, {given.threads} threads, {given.device}")
    image_there = timed("tiles", lambda: tiled(network, image, given.tile, given.device, show))
    if given.whole == "true":
        with torch.inference_mode():
            whole = timed("at once", lambda: network(image.to(given.device)).cpu())
        print(f"largest difference {(whole - image_there).abs().max() * 255:.5f} / 255")
    return 0


if __name__ == "__main__":
    sys.exit(guarded(_tiling))
