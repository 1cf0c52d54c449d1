"""Training speed: ours through Lightning's Trainer against the plain loop of pytorch/examples, in turn, in one call.

The plain loop is fast_neural_style, written anew: its network, its VGG (torchvision's, to the deepest style layer, once
over the stylized images and once over the photographs), its losses, Adam, and the allocator as the system has it. Ours
is JohnsonModule with the same weights to start from, the same loss and batches, under the allocator that `train.py`
sets. Both take images in [0, 1] where the original takes 0 to 255, so that their losses are comparable step by step.
VGG has seeded random weights, which cost the same time. Each side is a process of its own; one works while the other
waits, and who begins changes from pair to pair. On the CPU. Only the first two losses are compared: the loss leaps at
first and rounding with it, to 2e-3 at the fourth step (in float64 the first four agree to 1e-14).

    python benchmarks/training.py [--size 256] [--batch 4] [--steps 2] [--pairs 5] [--backbone vgg16] [--threads N]

With --precision bf16-mixed ours alone computes in 16 bits, which many CPUs have units for; losses are then near,
not equal. With 64-true both compute in 64 bits, slowly, and rounding plays no part.
"""

import argparse
import logging
import statistics
import sys
import tempfile
import warnings
from multiprocessing.connection import Connection
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from pytorch_examples import plain_gram, plain_maps, plain_network, start
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from turns import Turn, Turns, take_turns

from stylenet.acceleration.allocator import keep_memory
from stylenet.callbacks import Throughput
from stylenet.cli.exits import guarded
from stylenet.data.styles import find_style, load_style
from stylenet.data.synthetic import DeadLeaves
from stylenet.features.backbones import get_backbone
from stylenet.modules.johnson import JohnsonModule

STYLE = "starry_night"
CONTENT_WEIGHT, STYLE_WEIGHT = 1e5, 1e10  # of pytorch/examples
PRINTED, COMPARED = 4, 2  # losses: the second tells whether gradients and Adam agree; then rounding has grown too large
TOLERANCE = 1e-3  # relative
PHOTOGRAPHS = 8


class TakeTurns(pl.Callback):
    """Let the trainer wait between turns."""

    def __init__(self, given: argparse.Namespace, pipe: Connection) -> None:
        self.given, self.pipe = given, pipe

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Wait for the first turn."""
        self.turns = Turns(self.given, self.pipe)

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, *_: Any) -> None:
        """Count the step."""
        self.turns.stepped(outputs["loss"])


def plain(given: argparse.Namespace, pipe: Connection) -> None:
    """Train as pytorch/examples does."""
    quiet(given)
    dtype = torch.float64 if given.precision == "64-true" else torch.float32
    spec, maps, network = get_backbone(given.backbone), plain_maps(given.backbone, dtype), plain_network().to(dtype)
    mean, std = (torch.tensor(values, dtype=dtype).view(-1, 1, 1) for values in (spec.mean, spec.std))
    painting = load_style(find_style(STYLE), given.size).to(dtype).repeat(given.batch, 1, 1, 1)
    targets = {name: plain_gram(x) for name, x in maps((painting - mean) / std).items()}
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    turns = Turns(given, pipe)
    for batch in loader(given):
        photographs = batch.to(dtype)
        optimizer.zero_grad()
        stylized = network(2 * photographs - 1) + 0.5
        found, wanted = maps((stylized - mean) / std), maps((photographs - mean) / std)
        loss = torch.zeros(())
        for name in spec.content_layers:
            loss = loss + CONTENT_WEIGHT * F.mse_loss(found[name], wanted[name])
        for name, target in targets.items():
            loss = loss + STYLE_WEIGHT * F.mse_loss(plain_gram(found[name]), target)
        loss.backward()
        optimizer.step()
        if not turns.stepped(loss):
            return


def ours(given: argparse.Namespace, pipe: Connection) -> None:
    """Train through Lightning."""
    keep_memory()
    quiet(given)
    module = same_as_plain(given)
    module.network.load_state_dict(start().state_dict())
    with tempfile.TemporaryDirectory() as folder:
        trainer = pl.Trainer(
            accelerator="cpu",
            devices=1,
            precision=given.precision,
            max_steps=given.steps * (given.pairs + 1),
            logger=TensorBoardLogger(folder),
            log_every_n_steps=10,
            callbacks=[Throughput(), TakeTurns(given, pipe)],
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(module, loader(given))


def same_as_plain(given: argparse.Namespace) -> JohnsonModule:
    """Return what trains with the plain loop's loss; our Gram terms have a sum where its mse_loss has a mean."""
    spec = get_backbone(given.backbone)
    widths = dict(zip(spec.style_layers, (64, 128, 256, 512, 512), strict=False))
    shares = {name: width**-2 for name, width in widths.items()}
    return JohnsonModule(
        STYLE,
        given.size,
        given.backbone,
        "random",
        style_warmup=0,
        norm_lr=1e-3,
        compile=given.compile,
        normalization="johnson",
        content_layers=list(spec.content_layers),
        style_layers=shares,
        content_weight=CONTENT_WEIGHT * len(spec.content_layers),
        style_weight=STYLE_WEIGHT * sum(shares.values()),
        tv_weight=0.0,
    )


class Photographs(Dataset):
    """A few photographs, made before, again and again."""

    def __init__(self, size: int) -> None:
        leaves = DeadLeaves(size)
        self.images = [leaves[index] for index in range(PHOTOGRAPHS)]

    def __len__(self) -> int:
        return 10**6

    def __getitem__(self, index: int) -> Tensor:
        return self.images[index % len(self.images)]


def loader(given: argparse.Namespace) -> DataLoader:
    """Return the batches, (B, 3, size, size) in [0, 1], the same on both sides."""
    return DataLoader(Photographs(given.size), given.batch)


def quiet(given: argparse.Namespace) -> None:
    """Prepare the process of a side."""
    torch.set_num_threads(given.threads)
    warnings.simplefilter("ignore")
    for name in ("lightning.pytorch.utilities.rank_zero", "lightning.fabric.utilities.seed"):
        logging.getLogger(name).setLevel(logging.ERROR)


def report(given: argparse.Namespace, plain: list[Turn], ours: list[Turn]) -> None:
    """Print the table, and the losses of the first steps if they are of one loss."""
    pairs = list(zip(plain[1:], ours[1:], strict=True))
    images = given.steps * given.batch
    speeds = [images / statistics.median(turn.seconds for turn in turns[1:]) for turns in (plain, ours)]
    cpu = [statistics.median(turn.cpu_seconds for turn in turns[1:]) / given.steps for turns in (plain, ours)]
    faster = statistics.median(theirs.seconds / own.seconds for theirs, own in pairs)
    lighter = statistics.median(own.cpu_seconds / theirs.cpu_seconds for theirs, own in pairs)
    memory = plain[-1].memory, ours[-1].memory
    print("| training | plain | ours | ours / plain |\n|---|---|---|---|")
    print(f"| images/s | {speeds[0]:.3f} | {speeds[1]:.3f} | {faster:.2f} |")
    print(f"| CPU seconds a step | {cpu[0]:.2f} | {cpu[1]:.2f} | {lighter:.2f} |")
    print(f"| peak memory, MB | {memory[0]:.0f} | {memory[1]:.0f} | {memory[1] / memory[0]:.2f} |")
    compare(plain, ours, given.precision != "bf16-mixed")


def compare(plain: list[Turn], ours: list[Turn], exact: bool) -> None:
    """Print the losses of the first steps, and whether they are equal where they should be."""
    print("\n| step | loss: plain | ours |\n|---|---|---|")
    curves = [[loss for turn in turns for loss in turn.losses][:PRINTED] for turns in (plain, ours)]
    for step, (theirs, own) in enumerate(zip(*curves, strict=True)):
        print(f"| {step} | {theirs:.6g} | {own:.6g} |")
    off = max(abs(own / theirs - 1) for theirs, own in list(zip(*curves, strict=True))[:COMPARED])
    if not exact:
        print(f"\nthe first {COMPARED} losses differ, relatively, by {off:.1e} at most")
        return
    verdict = "equal" if off <= TOLERANCE else "NOT equal"
    print(f"\nthe first {COMPARED} losses are {verdict}: relatively, they differ by {off:.1e} at most")


def _benchmark() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--steps", type=int, default=2, help="in a turn")
    parser.add_argument("--pairs", type=int, default=5, help="of turns; one more, the first, warms up")
    parser.add_argument("--backbone", choices=("vgg16", "vgg19"), default="vgg16")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--precision", choices=("32-true", "bf16-mixed", "64-true"), default="32-true")
    parser.add_argument("--compile", action="store_true", help="ours with model.compile=true")
    given = parser.parse_args()
    print(f"{given.backbone}, {given.size} px, batches of {given.batch}, {given.pairs} pairs of {given.steps} steps, "
          f"{given.threads} threads\n", flush=True)  # fmt: skip
    turns = take_turns({"plain": plain, "ours": ours}, given)
    report(given, turns["plain"], turns["ours"])
    return 0


if __name__ == "__main__":
    sys.exit(guarded(_benchmark))
