"""A training step in 16-bit floats on a CPU is that in 32 bits, but for rounding."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from torch import Tensor

from stylenet.data.synthetic import DeadLeaves
from stylenet.modules import adain
from stylenet.modules.adain import AdaINModule
from stylenet.modules.base import StylizerModule
from stylenet.modules.johnson import JohnsonModule
from stylenet.modules.multistyle import MultiStyleModule

LAYERS = ["relu4_1", "relu3_1", "relu2_1", "relu1_1"]
MODULES: dict[str, Callable[[], StylizerModule]] = {
    "johnson": lambda: JohnsonModule("starry_night", 32, width=8),
    "multistyle": lambda: MultiStyleModule(["starry_night", "great_wave"], style_size=32, width=8),
    "adain": lambda: AdaINModule(width=8, exchange=LAYERS),
    "adain, reconstruction": lambda: AdaINModule(width=8, exchange=LAYERS, reconstruction_steps=1),
}


class Pairs(torch.utils.data.Dataset):
    """Two drawn photographs, each beside a drawn painting."""

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return {"photographs": DeadLeaves(32, seed=1)[index], "paintings": DeadLeaves(32, seed=2)[index]}


@dataclass
class Step(pl.Callback):
    """What a training step gives."""

    loss: float = 0.0
    gradient: Tensor = torch.empty(0)

    def on_train_batch_end(self, trainer: pl.Trainer, module: Any, outputs: Any, *_: Any) -> None:
        self.loss = outputs["loss"].item()

    def on_before_optimizer_step(self, trainer: pl.Trainer, module: Any, optimizer: Any) -> None:
        self.gradient = torch.cat([parameter.grad.flatten() for parameter in module.network.parameters()])


def stepped(make: Callable[[], StylizerModule], precision: str) -> tuple[Step, set[torch.dtype]]:
    """Return a step, and the kinds of the maps that the convolutions of the loss network gave."""
    torch.manual_seed(0)
    module, step, kinds = make(), Step(), set[torch.dtype]()
    for layer in module.loss.extractor.modules():
        if isinstance(layer, torch.nn.Conv2d):
            layer.register_forward_hook(lambda layer, given, maps: kinds.add(maps.dtype))
    trainer = pl.Trainer(
        accelerator="cpu", precision=precision, max_steps=1, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, callbacks=[step],
    )  # fmt: skip
    trainer.fit(module, torch.utils.data.DataLoader(Pairs(), 2))
    return step, kinds


@pytest.mark.filterwarnings("ignore:You defined a `validation_step`")
@pytest.mark.parametrize("name", MODULES)
def test_the_loss_and_its_gradient_are_those_of_32_bits(
    name: str, bare_environment: None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(adain, "feature_scales", partial(adain.feature_scales, images=1, size=32))
    whole, kinds = stepped(MODULES[name], "32-true")
    half, half_kinds = stepped(MODULES[name], "bf16-mixed")
    if name != "adain, reconstruction":  # which takes no loss network
        assert (kinds, half_kinds) == ({torch.float32}, {torch.bfloat16})
    assert half.loss != whole.loss
    assert half.loss == pytest.approx(whole.loss, rel=0.02)
    assert half.gradient.dtype == torch.float32
    assert torch.cosine_similarity(half.gradient, whole.gradient, 0) > 0.98
    assert half.gradient.norm().item() == pytest.approx(whole.gradient.norm().item(), rel=0.05)
