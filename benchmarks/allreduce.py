"""What averaging gradients costs: gloo on this machine, against the arithmetic of a ring.

A ring of N processes sends each 2 (N - 1) / N of the bytes in 2 (N - 1) messages. Two processes give the bandwidth and
the latency; more of them are predicted by these and measured. Where there are more processes than cores they take
turns, and the prediction is a lower bound.

    python benchmarks/allreduce.py [--processes 2 4 8] [--rounds 30]
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch
from torch import distributed, multiprocessing

from stylenet.cli.exits import guarded
from stylenet.networks.johnson import JohnsonNet

SMALL = 1_000
"""Numbers of a message that is all latency."""


def numbers() -> int:
    """Return how many gradients a JohnsonNet has."""
    return sum(parameter.numel() for parameter in JohnsonNet().parameters())


def ring(processes: int, size: float, latency: float, bandwidth: float) -> float:
    """Return the seconds that a ring takes to average so many bytes.

    Args:
        processes: In the ring.
        size: Bytes of the gradients.
        latency: Seconds of a message.
        bandwidth: Bytes/s between two processes.
    """
    messages = 2 * (processes - 1)
    return messages * latency + messages / processes * size / bandwidth


def measure(rank: int, processes: int, rounds: int, folder: str) -> None:
    """Write the median seconds of an all-reduce of a small and of a whole network's gradients."""
    torch.set_num_threads(1)
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    distributed.init_process_group("gloo", f"file://{folder}/store", rank=rank, world_size=processes)
    medians = []
    for size in (SMALL, numbers()):
        gradients, seconds = torch.rand(size), []
        for _ in range(rounds):
            distributed.barrier()
            start = time.perf_counter()
            distributed.all_reduce(gradients)
            seconds.append(time.perf_counter() - start)
        medians.append(statistics.median(seconds))
    distributed.destroy_process_group()
    if rank == 0:
        Path(folder, "medians").write_text(" ".join(map(str, medians)))


def medians(processes: int, rounds: int) -> tuple[float, float]:
    """Return the seconds of a small and of a whole all-reduce."""
    with tempfile.TemporaryDirectory() as folder:
        multiprocessing.spawn(measure, (processes, rounds, folder), nprocs=processes)
        small, whole = map(float, Path(folder, "medians").read_text().split())
    return small, whole


def main() -> int:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, nargs="+", default=[2, 4, 8])
    parser.add_argument("--rounds", type=int, default=30)
    options = parser.parse_args()
    size = 4 * numbers()
    small, whole = medians(2, options.rounds)
    latency, bandwidth = small / 2, size / (whole - small)
    print(f"{size / 1e6:.1f} MB, {os.cpu_count()} cores; latency {latency * 1e6:.0f} us, {bandwidth / 1e9:.2f} GB/s\n")
    print("| processes | predicted, ms | measured, ms |\n|---|---|---|")
    for processes in options.processes:
        predicted = ring(processes, size, latency, bandwidth)
        print(f"| {processes} | {predicted * 1e3:.1f} | {medians(processes, options.rounds)[1] * 1e3:.1f} |")
    return 0


if __name__ == "__main__":
    sys.exit(guarded(main))
