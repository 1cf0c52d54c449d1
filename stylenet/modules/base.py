"""What every stylizer's training has in common."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor, nn

from stylenet.errors import InputError
from stylenet.losses.perceptual import Loss, sum_groups
from stylenet.metrics import Judge, ssim
from stylenet.networks.checkpoint import KEY, load_network


class StylizerModule(pl.LightningModule):
    """Train `self.network` to stylize photographs under `self.loss`.

    Subclasses set `network` and `style_path`, call `watch` with the loss, and fill `metadata`, plain values that every
    checkpoint carries.

    Args:
        lr: Learning rate of Adam.
        lr_decay: The rate at step t is `lr / (1 + lr_decay * t)`, as in the code of AdaIN's authors; 0 is constant.
        style_warmup: Steps over which the weight of the style grows a hundredfold, geometrically, to its full value; a
            network that meets the full weight at once learns a texture and never sees the photograph. 0 is none.
        init_from: Checkpoint whose weights are the start; nothing else is taken from it.
    """

    network: nn.Module
    style_path: Path
    _outside: tuple[Loss, Judge]

    def __init__(self, lr: float, lr_decay: float, style_warmup: int, init_from: str | None) -> None:
        super().__init__()
        self.lr, self.lr_decay, self.style_warmup, self.init_from = lr, lr_decay, style_warmup, init_from
        self.metadata: dict[str, Any] = {}

    def watch(self, loss: Loss, judge: Judge) -> None:
        """Take the loss and the judge of validation.

        A tuple hides them from the module's tree: they are in no state dict, and unknown to DDP, which would
        broadcast their buffers at every step.
        """
        self._outside = (loss, judge)

    @property
    def loss(self) -> Loss:
        """The loss that is trained on."""
        return self._outside[0]

    @property
    def judge(self) -> Judge:
        """The distances that validation logs."""
        return self._outside[1]

    def _apply(self, fn: Any, recurse: bool = True) -> "StylizerModule":
        """Move what is outside the tree along with the module: `to`, `cuda`, `float` all come through here."""
        for module in self._outside:
            module._apply(fn)
        return super()._apply(fn, recurse)

    def start_from(self, path: str) -> None:
        """Copy the weights of another checkpoint of the same network into ours.

        Raises:
            InputError: The checkpoint cannot be read or holds another network.
        """
        other, _ = load_network(path)
        try:
            self.network.load_state_dict(other.state_dict())
        except RuntimeError:
            raise InputError(f"init_from={path} holds a network of another shape: {other.arguments}") from None

    def forward(self, photographs: Tensor) -> Tensor:
        """Return stylized photographs, (B, 3, H, W) in [0, 1]."""
        return self.network(photographs)

    def training_step(self, photographs: Tensor, batch_idx: int) -> Tensor:
        """Return the loss of a batch of photographs, (B, 3, H, W) in [0, 1]."""
        terms = self.loss(self.network(photographs), photographs)
        weighted = self.loss.weighted(terms, warmup(self.global_step, self.style_warmup))
        total = torch.stack(list(weighted.values())).sum()
        self._log_terms(terms, weighted, total)
        return total

    def _log_terms(self, terms: Mapping[str, Tensor], weighted: Mapping[str, Tensor], total: Tensor) -> None:
        """Log raw and weighted terms of each layer, and the weighted groups to the progress bar."""
        self.log_dict({f"raw/{name}": term.detach() for name, term in terms.items()})
        self.log_dict({f"weighted/{name}": term.detach() for name, term in weighted.items()})
        for group, value in sum_groups(weighted).items():
            self.log(f"train/{group}", value.detach(), prog_bar=True)
        self.log("train/loss", total.detach(), prog_bar=True)

    def validation_step(self, photographs: Tensor, batch_idx: int) -> Tensor:
        """Log how the stylized photographs fare beside the untouched ones; return them, (B, 3, H, W) in [0, 1]."""
        stylized = self.network(photographs).float().clamp(0, 1)
        for suffix, images in (("", stylized), ("_photograph", photographs)):
            figures = self.judge(images, photographs) | {"ssim": ssim(images, photographs)}
            self.log_dict(
                {f"val/{name}{suffix}": value.mean() for name, value in figures.items()},
                batch_size=len(photographs),
                sync_dist=True,
            )
        return stylized

    def configure_optimizers(self) -> Any:
        """Return Adam and a schedule by LambdaLR, which knows no length and so resumes past any."""
        optimizer = torch.optim.Adam(self.network.parameters(), lr=self.lr)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _Decay(self.lr_decay))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the metadata that rebuilds the network without this class."""
        checkpoint[KEY] = self.metadata | {"steps": self.global_step}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Warn where a resumed run trains on something else than before: another loss network found by `auto`, say."""
        before = checkpoint.get(KEY, {})
        for name in ("style", "loss_network", "loss"):
            if before.get(name) != self.metadata.get(name):
                warnings.warn(f"{name} was {before.get(name)}, is {self.metadata.get(name)}", stacklevel=2)


def warmup(step: int, steps: int) -> float:
    """Return the scale of the style's weight at `step` of a warm-up of `steps`: from 0.01 to 1, geometrically."""
    return 100.0 ** (step / steps - 1) if step < steps else 1.0


class _Decay:
    """The factor `1 / (1 + rate * step)`."""

    def __init__(self, rate: float) -> None:
        self.rate = rate

    def __call__(self, step: int) -> float:
        return 1 / (1 + self.rate * step)
