"""Callbacks for runs in other processes: what they saw goes into files."""

from pathlib import Path

import lightning.pytorch as pl
import torch


class GradientRecorder(pl.Callback):
    """Write the gradients of every optimizer step into `gradients_STEP.pt` of a folder, from rank 0."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)

    def on_before_optimizer_step(self, trainer, module, optimizer):
        if trainer.is_global_zero:
            self.folder.mkdir(parents=True, exist_ok=True)
            gradients = {name: p.grad.clone() for name, p in module.network.named_parameters()}
            torch.save(gradients, self.folder / f"gradients_{trainer.global_step}.pt")
