"""How many channels of a network never open: those that a ReLU sets to 0 everywhere, in every photograph and style.

    python benchmarks/channels.py checkpoints/multistyle.safetensors [OTHER ...] [--photographs 40] [--size 256]

A channel that never opens paints nothing and gets no gradient: a training cannot bring it back. Rates that are too high
close channels by and by. Photographs and paintings are those that a training with the same source and val_count holds
out.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor, nn

from stylenet.cli.exits import guarded
from stylenet.data.datamodule import StylizationData
from stylenet.networks.adain import AdaIN
from stylenet.networks.checkpoint import load_network
from stylenet.networks.johnson import JohnsonNet
from stylenet.studies.report import markdown


def stylized(network: nn.Module, batch: dict[str, Tensor]) -> Iterator[Tensor]:
    """Give a batch of photographs in each style of a network, or in those of the batch's paintings."""
    photographs = batch["photographs"]
    if isinstance(network, AdaIN):
        yield network(photographs, network.palette(batch["paintings"]).transpose(0, 1))
    elif isinstance(network, JohnsonNet) and network.num_styles > 1:
        for mixture in torch.eye(network.num_styles).split(1):
            yield network(photographs, mixture)
    else:
        yield network(photographs)


@torch.inference_mode()
def closed_channels(network: nn.Module, batches: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Return of each ReLU of a network which channels never open, (C,) of booleans.

    Args:
        network: A JohnsonNet or an AdaIN, whose encoder is left out.
        batches: Of `photographs`, (B, 3, H, W) in [0, 1], and `paintings` for an AdaIN.
    """
    largest: dict[str, Tensor] = {}

    def keep(name: str, output: Tensor) -> None:
        opened = output.amax((0, 2, 3))  # (C,)
        largest[name] = torch.maximum(largest.get(name, opened), opened)

    relus = [(name, module) for name, module in network.named_modules() if isinstance(module, nn.ReLU)]
    hooks = [relu.register_forward_hook(lambda *given, name=name: keep(name, given[2])) for name, relu in relus]
    for batch in batches:
        for _ in stylized(network, batch):
            pass
    for hook in hooks:
        hook.remove()
    return {name: opened <= 0 for name, opened in largest.items()}


def _main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoints", nargs="+", type=Path)
    parser.add_argument("--photographs", type=int, default=40)
    parser.add_argument("--size", type=int, default=256)
    given = parser.parse_args()
    rows = []
    for path in given.checkpoints:
        network, _ = load_network(path)
        paintings = "auto" if isinstance(network, AdaIN) else None
        data = StylizationData(size=given.size, val_count=given.photographs, paintings=paintings, batch_size=4)
        batches = [batch if isinstance(batch, dict) else {"photographs": batch} for batch in data.val_dataloader()]
        for name, closed in closed_channels(network, batches).items():
            rows.append({"network": path.name, "ReLU": name, "channels": len(closed), "closed": int(closed.sum())})
    print(markdown(pd.DataFrame(rows)))
    return 0


if __name__ == "__main__":
    sys.exit(guarded(_main))
