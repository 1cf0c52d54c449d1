"""The least training there is: a layer, eight numbers and the callbacks of ours that a test is about."""

import lightning.pytorch as pl
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader


class TinyModule(pl.LightningModule):
    """A linear layer; its loss is multiplied by what `factors` says of a step, 1 by default."""

    def __init__(self, factors: dict[int, float] | None = None) -> None:
        super().__init__()
        self.layer, self.factors = nn.Linear(1, 1), factors or {}

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        return self.layer(batch).square().mean() * self.factors.get(self.global_step, 1.0)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


def train(folder, callbacks, steps: int = 6, module: TinyModule | None = None, plugins=()) -> pl.Trainer:
    """Train in `folder` and return the trainer."""
    trainer = pl.Trainer(
        max_steps=steps, accelerator="cpu", logger=False, default_root_dir=folder, enable_progress_bar=False,
        enable_model_summary=False, callbacks=[*callbacks], plugins=[*plugins], enable_checkpointing=True,
    )  # fmt: skip
    trainer.fit(module or TinyModule(), DataLoader(torch.rand(8, 1)))
    return trainer
