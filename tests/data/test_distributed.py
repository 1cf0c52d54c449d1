"""Two processes with batches of two see together what one process with batches of four sees, under Lightning's DDP."""

import json
import subprocess
import sys
from pathlib import Path

import lightning.pytorch as pl
import pytest
import torch

from stylenet.data.datamodule import StylizationData


class Recorder(pl.LightningModule):
    """Writes down the sums of the images it trains on, and of those it validates on: photographs and paintings."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.seen = {"train": [], "val": []}

    def training_step(self, batch, index):
        self.seen["train"].append(sums(batch))
        return self.weight * batch["photographs"].mean()

    def validation_step(self, batch, index):
        self.seen["val"].append(sums(batch))

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


def sums(batch):
    return [[row.double().sum().item() for row in rows] for rows in zip(*batch.values(), strict=True)]


def train(folder, root, devices, batch_size):
    trainer = pl.Trainer(
        accelerator="cpu",
        devices=devices,
        strategy="ddp" if devices > 1 else "auto",
        max_epochs=2,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    options = {"size": 16, "batch_size": batch_size, "num_workers": 1, "paintings": str(folder)}
    data = StylizationData("folder", str(folder), **options)
    model = Recorder()
    trainer.fit(model, datamodule=data)
    Path(root, f"{devices}-{trainer.global_rank}.json").write_text(json.dumps(model.seen))
    return model.seen


@pytest.mark.slow
def test_two_processes_see_what_one_sees(photographs, tmp_path):
    folder = photographs(26)
    subprocess.run([sys.executable, __file__, str(folder), str(tmp_path)], check=True)
    first, second = (json.loads((tmp_path / f"2-{rank}.json").read_text()) for rank in (0, 1))
    whole = train(folder, tmp_path, 1, 4)
    assert [a + b for a, b in zip(first["train"], second["train"], strict=True)] == whole["train"]
    assert sum(first["val"], []) == sum(second["val"], []) == sum(whole["val"], [])


if __name__ == "__main__":
    train(*sys.argv[1:], devices=2, batch_size=2)
