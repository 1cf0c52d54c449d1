"""The run card: what a training is made of, before it starts."""

import copy
import time

import lightning.pytorch as pl
import torch
from lightning.pytorch.utilities import rank_zero_only

from stylenet.console import print_card
from stylenet.data.datamodule import StylizationData
from stylenet.modules.train import TrainModule
from stylenet.saving import run_folder


@rank_zero_only
def run_card(trainer: pl.Trainer, module: TrainModule, data: StylizationData) -> None:
    """Print what is trained, on what, where and for how long; substitutes are named as such."""
    print_card(describe_run(trainer, module, data))


def describe_run(trainer: pl.Trainer, module: TrainModule, data: StylizationData) -> dict[str, str]:
    """Return the lines of the run card."""
    batch = data.batch_size * trainer.accumulate_grad_batches * trainer.world_size
    steps = planned_steps(trainer, data, batch)
    seconds = step_time(trainer, module, data) * trainer.accumulate_grad_batches
    total = f"{_clock(seconds * steps)} at " if steps else ""
    paintings = data.describe_paintings()
    return {
        **module.ingredients(),
        "photographs": str(data.describe()),
        **({"paintings": str(paintings)} if paintings else {}),
        "network": f"{module.metadata['class']}, {sum(p.numel() for p in module.network.parameters()):,} parameters",
        "start": f"weights of {module.init_from}" if module.init_from else "random weights",
        "device": f"{trainer.world_size} x {trainer.strategy.root_device.type}, precision {trainer.precision}",
        "length": f"{steps:,} steps of {batch} images" if steps else f"steps of {batch} images, without end",
        "expected time": f"{total}{seconds:.2f} s a step",
        "folder": str(run_folder(trainer)),
    }


def planned_steps(trainer: pl.Trainer, data: StylizationData, batch: int) -> int | None:
    """Return how many optimizer steps the whole run has, None if no end is known."""
    images = data.describe().images
    epochs = trainer.max_epochs if trainer.max_epochs and trainer.max_epochs > 0 else None
    ends = [trainer.max_steps] if trainer.max_steps > 0 else []
    if images and epochs:
        ends.append(epochs * max(1, images // batch))
    return min(ends, default=None)


def step_time(trainer: pl.Trainer, module: TrainModule, data: StylizationData) -> float:
    """Return the seconds of one forward and backward pass, the second of two, on a copy of the module."""
    probe = copy.deepcopy(module).to(trainer.strategy.root_device)
    batch = torch.rand(data.batch_size, 3, data.size, data.size, device=probe.device)
    for _ in range(2):
        start = time.perf_counter()
        with trainer.precision_plugin.forward_context():
            total = probe.trial(batch)
        total.backward()
        total.item()
        seconds = time.perf_counter() - start
    return seconds


def _clock(seconds: float) -> str:
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02d} min"
