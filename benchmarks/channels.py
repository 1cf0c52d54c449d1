"""How many channels of a network never open: those that a ReLU sets to 0 everywhere, in every photograph and style.

    python benchmarks/channels.py checkpoints/multistyle.safetensors [OTHER ...] [--photographs 40] [--size 256]
    python benchmarks/channels.py checkpoints/multistyle.safetensors --reopen multistyle.safetensors

A channel that never opens paints nothing and gets no gradient: a training cannot bring it back. Rates that are too high
close channels by and by. Photographs and paintings are those that a training with the same source and val_count holds
out. --reopen writes a network that paints the same, but whose closed channels can learn again: what feeds them is drawn
anew, and what they feed has weights of 0 (as dormant units are recycled by Sokar et al., ICML 2023).
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
from stylenet.errors import InputError
from stylenet.networks.adain import AdaIN
from stylenet.networks.checkpoint import load_network, save_network
from stylenet.networks.johnson import JohnsonNet
from stylenet.studies.report import markdown

TRUNK = "encoder.2.2"
"""The ReLU behind which a JohnsonNet's residual blocks begin."""


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


@torch.no_grad()
def reopen(network: nn.Module, closed: dict[str, Tensor]) -> None:
    """Give closed channels of a JohnsonNet a new start; the network paints as before.

    Those of the trunk stay as they are: residual blocks add to them, so that they are not closed for good.
    """
    if not isinstance(network, JohnsonNet):
        raise InputError(f"--reopen is for a JohnsonNet, not for a {type(network).__name__}: leave it out")
    layers = [
        layer for layer in network.named_modules() if list(layer[1].parameters(recurse=False)) or layer[0] in closed
    ]
    for place, (name, _) in enumerate(layers):
        if name in closed and name != TRUNK:
            channels, (_, conv), (_, norm), (_, after) = closed[name], *layers[place - 2 : place], layers[place + 1]
            conv.weight[channels] = nn.init.kaiming_normal_(torch.empty_like(conv.weight))[channels]
            norm.weight[..., channels], norm.bias[..., channels] = 1, 0
            after.weight[:, channels] = 0


def _main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoints", nargs="+", type=Path)
    parser.add_argument("--photographs", type=int, default=40)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument(
        "--reopen", type=Path, metavar="OUT", help="write the last network with closed channels reopened"
    )
    given = parser.parse_args()
    rows = []
    for path in given.checkpoints:
        network, metadata = load_network(path)
        paintings = "auto" if isinstance(network, AdaIN) else None
        data = StylizationData(size=given.size, val_count=given.photographs, paintings=paintings, batch_size=4)
        batches = [batch if isinstance(batch, dict) else {"photographs": batch} for batch in data.val_dataloader()]
        found = closed_channels(network, batches)
        for name, closed in found.items():
            rows.append({"network": path.name, "ReLU": name, "channels": len(closed), "closed": int(closed.sum())})
    print(markdown(pd.DataFrame(rows)))
    if given.reopen:
        torch.manual_seed(0)
        reopen(network, found)
        save_network(network, given.reopen, metadata)
    return 0


if __name__ == "__main__":
    sys.exit(guarded(_main))
