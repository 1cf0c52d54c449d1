"""What limits a training on many GPUs, by arithmetic: a step's computing, its gradients, and the cores that load.

    python benchmarks/scale.py [--gpus 1 8 16 32 64] [--peak 990] [--share 0.3] [--link 50] [--decode 180] [--batch 4]

Operations are counted by torch's counter, over the forward and backward pass of a JohnsonModule with VGG16; AdaIN's
take as many images. Of a ring of N GPUs each sends 2 (N - 1) / N of the gradients in 2 (N - 1) messages
(`benchmarks/allreduce.py` tries that with gloo). DDP overlaps most of it with the backward pass; here it is added.
Nothing in this table is measured: it says what to look at first.
"""

import argparse
import sys

import torch
from allreduce import numbers, ring
from torch.utils.flop_counter import FlopCounterMode

from stylenet.cli.exits import guarded
from stylenet.modules.johnson import JohnsonModule

CHECKPOINT_EVERY, DISK = 500, 1e9
"""Steps between checkpoints, as by default, and bytes/s of a file system."""


def operations_of_step(size: int, batch: int) -> float:
    """Return the multiplications and additions of a step of so many images of `size` pixels."""
    module = JohnsonModule(style="starry_night", accelerate=False)
    with FlopCounterMode(display=False) as counter:
        module.trial(torch.rand(batch, 3, size, size)).backward()
    return counter.get_total_flops()


def main() -> int:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gpus", type=int, nargs="+", default=[1, 8, 16, 32, 64])
    parser.add_argument("--peak", type=float, default=990, help="of a GPU, TFLOP/s")
    parser.add_argument("--share", type=float, default=0.3, help="of the peak that a step reaches")
    parser.add_argument("--link", type=float, default=50, help="bytes/s between two GPUs, in GB")
    parser.add_argument("--latency", type=float, default=10, help="of a message, us")
    parser.add_argument("--decode", type=float, default=180, help="images/s of a core (benchmarks/loader.py)")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--batch", type=int, default=4, help="images of a GPU")
    options = parser.parse_args()
    operations, gradients = operations_of_step(options.size, options.batch), 4 * numbers()
    computing = operations / (options.peak * 1e12 * options.share)
    saving = 3 * gradients / DISK / CHECKPOINT_EVERY  # weights and Adam's two moments
    print(f"a step: {operations / 1e12:.2f} TFLOP, {gradients / 1e6:.1f} MB of gradients")
    print("\n| GPUs | computing, ms | gradients, ms | efficiency | images/s | cores to load them |")
    print("|---|---|---|---|---|---|")
    for gpus in options.gpus:
        exchange = ring(gpus, gradients, options.latency * 1e-6, options.link * 1e9)
        step = computing + exchange + saving
        images = gpus * options.batch / step
        row = (f"{computing * 1e3:.2f}", f"{exchange * 1e3:.2f}", f"{computing / step:.2f}", f"{images:.0f}")
        print(f"| {gpus} | {' | '.join(row)} | {images / options.decode:.0f} |")
    return 0


if __name__ == "__main__":
    sys.exit(guarded(main))
