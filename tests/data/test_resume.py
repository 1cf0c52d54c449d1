"""Training stopped anywhere and resumed sees exactly the samples that it would have seen."""

import os
import signal
import subprocess
import sys

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint

from stylenet.data.datamodule import StylizationData

pytestmark = pytest.mark.filterwarnings("error:You're resuming from a checkpoint", "ignore:Checkpoint directory")


class Recorder(pl.LightningModule):
    """Writes down a checksum of every batch it trains on."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.seen = []

    def training_step(self, batch, index):
        self.seen.append(batch.double().sum().item())
        return self.weight * batch.mean()

    def validation_step(self, batch, index):
        pass

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


def train(data, root, saver, resume=None, model=None, **options):
    trainer = pl.Trainer(
        accelerator="cpu",
        logger=False,
        callbacks=[saver],
        default_root_dir=root,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        **{"max_epochs": 3, "limit_val_batches": 1, **options},
    )
    model = model or Recorder()
    trainer.fit(model, datamodule=data, ckpt_path=resume)
    return model.seen


def folder_data(folder, workers=0):
    return StylizationData("folder", str(folder), size=16, batch_size=2, num_workers=workers)


# 13 photographs, 2 held out: an epoch has 5 batches and leaves a photograph over.
# name: the step after which training stopped, the batch that this was, how the trainer was set
CASES = {
    "mid-epoch": (2, 2, {}),
    "second-epoch": (7, 7, {}),
    "epoch-end": (5, 5, {}),
    "last-step-but-one": (14, 14, {}),
    "accumulation": (1, 2, {"accumulate_grad_batches": 2}),
    "accumulation-second-epoch": (4, 7, {"accumulate_grad_batches": 2}),
    "accumulation-epoch-end": (3, 5, {"accumulate_grad_batches": 2}),
    "limited-epochs": (4, 4, {"limit_train_batches": 3}),
    "limited-epoch-end": (3, 3, {"limit_train_batches": 3}),
    "validation-in-mid-epoch": (3, 3, {"val_check_interval": 2}),
    "validation-at-that-step": (4, 4, {"val_check_interval": 2}),
    "max-steps": (4, 4, {"max_steps": 12, "max_epochs": None}),
}


@pytest.mark.parametrize("case", CASES)
def test_resumed_training_sees_the_same_samples(case, photographs, tmp_path):
    step, batches, options = CASES[case]
    folder = photographs(13)
    saver = ModelCheckpoint(tmp_path, "{step}", every_n_train_steps=1, save_top_k=-1)
    whole = train(folder_data(folder), tmp_path, saver, **options)
    rest = train(folder_data(folder), tmp_path, saver, tmp_path / f"step={step}.ckpt", **options)
    assert len(set(whole)) == len(whole) >= 9
    assert rest == whole[batches:]


@pytest.mark.parametrize("step", [3, 5, 7])
def test_what_workers_fetched_ahead_does_not_matter(step, photographs, tmp_path):
    folder = photographs(13)
    saver = ModelCheckpoint(tmp_path, "{step}", every_n_train_steps=1, save_top_k=-1)
    whole = train(folder_data(folder), tmp_path, saver, max_epochs=2)
    rest = train(folder_data(folder, 2), tmp_path, saver, tmp_path / f"step={step}.ckpt", max_epochs=2)
    assert rest == whole[step:]


@pytest.mark.parametrize("options", [{"every_n_epochs": 1}, {"every_n_epochs": 1, "save_on_train_epoch_end": True}])
def test_checkpoints_of_epochs(options, photographs, tmp_path):
    folder = photographs(13)
    saver = ModelCheckpoint(tmp_path, "{epoch}", save_top_k=-1, **options)
    whole = train(folder_data(folder), tmp_path, saver)
    assert train(folder_data(folder), tmp_path, saver, tmp_path / "epoch=1.ckpt") == whole[10:]


def test_resumed_twice(photographs, tmp_path):
    folder = photographs(13)
    saver = ModelCheckpoint(tmp_path, "{step}", every_n_train_steps=1, save_top_k=-1)
    whole = train(folder_data(folder), tmp_path, saver)
    first = train(folder_data(folder), tmp_path, saver, tmp_path / "step=3.ckpt", max_steps=9)
    assert first == whole[3:9]
    assert train(folder_data(folder), tmp_path, saver, tmp_path / "step=9.ckpt") == whole[9:]


class Killed(Recorder):
    """Prints its checksums and kills itself on the eighth batch."""

    def training_step(self, batch, index):
        loss = super().training_step(batch, index)
        print(self.seen[-1], flush=True)
        if len(self.seen) == 8:
            os.kill(os.getpid(), signal.SIGKILL)
        return loss


@pytest.mark.slow
def test_killed_in_mid_epoch(photographs, tmp_path):
    folder = photographs(13)
    run = subprocess.run([sys.executable, __file__, str(folder), str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert run.returncode == -signal.SIGKILL
    seen = [float(line) for line in run.stdout.splitlines()]
    saver = ModelCheckpoint(tmp_path, every_n_train_steps=3, save_last=True)
    rest = train(folder_data(folder), tmp_path, saver, tmp_path / "last.ckpt")
    assert rest[:2] == seen[6:]
    assert seen[:6] + rest == train(folder_data(folder), tmp_path / "whole", ModelCheckpoint(tmp_path / "whole"))


def test_other_data_are_warned_about(photographs, tmp_path):
    data = folder_data(photographs(13))
    train(data, tmp_path, ModelCheckpoint(tmp_path, save_last=True), max_epochs=1)
    other = StylizationData("folder", str(photographs(6, "other")), size=16, batch_size=2, num_workers=0)
    with pytest.warns(UserWarning, match="other data than in the checkpoint: images was 11, is 5$"):
        train(other, tmp_path, ModelCheckpoint(tmp_path), tmp_path / "last.ckpt", max_epochs=2)


if __name__ == "__main__":
    folder, root = sys.argv[1:]
    train(folder_data(folder, 2), root, ModelCheckpoint(root, every_n_train_steps=3, save_last=True), model=Killed())
