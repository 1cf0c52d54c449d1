import copy

import lightning.pytorch as pl
import pytest
import torch

from stylenet.modules.johnson import JohnsonModule


def made(compile: bool) -> JohnsonModule:
    torch.manual_seed(0)
    module = JohnsonModule("starry_night", 32, "vgg16", "random", width=2, compile=compile)
    module.trainer = pl.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False)
    module.setup("fit")
    return module


def test_compiling_changes_no_name_and_is_left_behind_by_a_copy(bare_environment: None):
    module, plain = made(True), made(False)
    assert module.loss._compiled_call_impl is not None
    assert plain.loss._compiled_call_impl is None
    assert list(module.state_dict()) == list(plain.state_dict())
    module.trainer = None
    assert copy.deepcopy(module).loss._compiled_call_impl is None


@pytest.mark.slow
def test_a_compiled_loss_is_the_same_loss(bare_environment: None):
    photographs = torch.rand(2, 3, 32, 32)
    losses, gradients = [], []
    for module in (made(True), made(False)):
        losses.append(module.trial(photographs))
        losses[-1].backward()
        gradients.append(module.network.encoder[0][0].weight.grad)
    assert torch.allclose(losses[0], losses[1], rtol=1e-4)
    assert torch.allclose(gradients[0], gradients[1], rtol=1e-2, atol=1e-4 * gradients[1].abs().max())
