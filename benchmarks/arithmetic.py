"""What is limited by arithmetic and what by memory: the share of a core's peak that a photograph's networks reach.

    python benchmarks/arithmetic.py [--size 512] [--rounds 5] [--compiled]

Operations are multiplications and additions, counted by torch's counter. Those of ours are counted with direct
convolutions; Winograd's do with fewer, so that its rate may exceed the peak. The peak is the better one of a large
convolution and of a product of matrices, measured in turn with the networks. One thread, CPU seconds, medians.
"""

import argparse
import copy
import statistics
import sys
import time
from collections.abc import Callable

import torch
from pytorch_examples import plain_network, start
from torch import Tensor
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from stylenet.acceleration.accelerate import accelerate
from stylenet.acceleration.allocator import keep_memory
from stylenet.acceleration.convolutions import NARROWEST
from stylenet.cli.exits import guarded
from stylenet.inference.stylizer import compile_network

Work = Callable[[], Tensor]


def operations(work: Work) -> int:
    """Return how many multiplications and additions work takes by direct convolutions."""
    narrowest = dict(NARROWEST)
    NARROWEST.update(dict.fromkeys(NARROWEST, sys.maxsize))
    with FlopCounterMode(display=False) as counter:
        work()
    NARROWEST.update(narrowest)
    return counter.get_total_flops()


def peaks() -> dict[str, Work]:
    """Return the work by which the peak is found."""
    maps, weight, matrix = torch.rand(1, 128, 128, 128), torch.rand(128, 128, 3, 3), torch.rand(2048, 2048)
    return {
        "a convolution, 128 to 128 channels, 3x3, 128x128": lambda: F.conv2d(maps, weight, padding=1),
        "a product of matrices, 2048x2048": lambda: matrix @ matrix,
    }


def networks(size: int, compiled: bool) -> dict[str, Work]:
    """Return the work of a photograph of `size` pixels a side by each network."""
    photograph, plain, ours = torch.rand(1, 3, size, size), plain_network().eval(), accelerate(start().eval())
    found: dict[str, Work] = {"plain": lambda: plain(photograph), "ours, eager": lambda: ours(photograph)}
    if compiled:
        quick = copy.deepcopy(ours)
        compile_network(quick, torch.device("cpu"))
        found["ours, compiled"] = lambda: quick(photograph)
    return found


def _benchmark() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--compiled", action="store_true", help="compile ours too, half a minute")
    given = parser.parse_args()
    keep_memory()
    torch.set_num_threads(1)
    with torch.inference_mode():
        bound, ours = peaks(), networks(given.size, given.compiled)
        counts = {name: operations(work) for name, work in (bound | ours).items() if name != "ours, compiled"}
        counts |= {name: counts["ours, eager"] for name in ours if name not in counts}
        seconds: dict[str, list[float]] = {name: [] for name in counts}
        for round_ in range(given.rounds + 1):  # the first warms up
            for name, work in (bound | ours).items():
                began = time.process_time()
                work()
                if round_:
                    seconds[name].append(time.process_time() - began)
    rates = {name: counts[name] / statistics.median(seconds[name]) for name in counts}
    peak = max(rates[name] for name in bound)
    print(f"{given.size}x{given.size} pixels\n\n| | CPU s | billion operations | a second | of the peak |")
    print("|---|---|---|---|---|")
    for name, rate in rates.items():
        print(f"| {name} | {statistics.median(seconds[name]):.3f} | {counts[name] / 1e9:.1f} | {rate / 1e9:.0f} "
              f"| {rate / peak:.0%} |")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(guarded(_benchmark))
