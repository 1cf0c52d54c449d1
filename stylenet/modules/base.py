"""What every stylizer's training has in common."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from stylenet.acceleration.accelerate import accelerate
from stylenet.data.sampling import generator
from stylenet.errors import InputError, unknown
from stylenet.losses.perceptual import PerceptualLoss, sum_groups
from stylenet.losses.temporal import softened, temporal_loss
from stylenet.metrics import Judge, mse, ssim
from stylenet.modules.muon import Muon
from stylenet.modules.train import TrainModule, columns, named_network
from stylenet.networks.checkpoint import load_network
from stylenet.networks.layers import ConditionalNorm

OPTIMIZERS = ("adam", "muon")
MOTION, SOFTNESS = 6, 7
"""Mark the random numbers of the temporal term, see `stylenet.data.sampling.generator`."""
NORMS = (nn.InstanceNorm2d, nn.BatchNorm2d, ConditionalNorm)
"""Layers whose tensors are scales and shifts."""


class StylizerModule(TrainModule):
    """Train `self.network` to stylize photographs under `self.loss`.

    Subclasses set `network` and `style_path`, call `watch` with the loss, and fill `metadata`, plain values that every
    checkpoint carries.

    Args:
        lr: Learning rate.
        lr_decay: The rate at step t is `lr / (1 + lr_decay * t)`, as in the code of AdaIN's authors; 0 is constant.
        style_warmup: Steps over which the weight of the style grows a hundredfold, geometrically, to its full value; a
            network that meets the full weight at once learns a texture and never sees the photograph. 0 is none.
        init_from: Checkpoint whose weights are the start; nothing else is taken from it.
        compiled: Compile the loss, and on CUDA the network too, before the first step.
        optimizer: `adam`, or `muon`, see `stylenet.modules.muon`.
        lr_cooldown: Steps at the end over which the rate falls to 0, linearly (Zhai et al. 2022); 0 is none.
        norm_lr: Learning rate of the scales and shifts of norms; by default that of all else.
        accelerated: On a CPU, exchange layers for faster ones, see `stylenet.acceleration.accelerate`.

    Raises:
        InputError: Another optimizer, or a negative rate for norms.
    """

    style_path: Path
    _outside: tuple[PerceptualLoss, Judge]

    def __init__(
        self,
        lr: float,
        lr_decay: float,
        style_warmup: int,
        init_from: str | None,
        compiled: bool = False,
        optimizer: str = "adam",
        lr_cooldown: int = 0,
        norm_lr: float | None = None,
        accelerated: bool = True,
    ) -> None:
        super().__init__()
        if norm_lr is not None and not norm_lr >= 0:
            raise InputError(f"model.norm_lr is {norm_lr}: give 0 or more")
        if optimizer not in OPTIMIZERS:
            raise unknown("optimizer", optimizer, OPTIMIZERS)
        self.optimizer, self.lr_cooldown = optimizer, lr_cooldown
        self.lr, self.lr_decay, self.style_warmup, self.init_from = lr, lr_decay, style_warmup, init_from
        self.norm_lr = lr if norm_lr is None else norm_lr
        self.compiled, self.accelerated = compiled, accelerated

    def watch(self, loss: PerceptualLoss, judge: Judge) -> None:
        """Take the loss and the judge of validation; both stay outside the module's tree."""
        self.keep_outside(loss, judge)

    @property
    def loss(self) -> PerceptualLoss:
        """The loss that is trained on."""
        return self._outside[0]

    @property
    def judge(self) -> Judge:
        """The distances that validation logs."""
        return self._outside[1]

    def start_from(self, path: str) -> None:
        """Copy the weights of another checkpoint of the same network into ours.

        Raises:
            InputError: The checkpoint cannot be read or holds another network.
        """
        network, metadata = load_network(path)
        try:
            self.network.load_state_dict(self.fitting(network, metadata))
        except RuntimeError:
            raise InputError(f"init_from={path} holds another network: give its options, {network.arguments}") from None

    def fitting(self, network: nn.Module, metadata: Mapping[str, Any]) -> dict[str, Tensor]:
        """Return the state dict that is started from, of a checkpoint's network: all of it."""
        return network.state_dict()

    def ingredients(self) -> dict[str, str]:
        """Return the style and the loss network; see `TrainModule.ingredients`."""
        return {
            "style": f"{self.metadata['style']} ({self.style_path})",
            "loss network": named_network(self.metadata["loss_network"]),
        }

    def trial(self, photographs: Tensor) -> Tensor:
        """Return the loss of a batch that is its own pseudo-labels; see `TrainModule.trial`."""
        return self.loss.total(self.terms({"photographs": photographs, "labels": photographs}))

    def setup(self, stage: str) -> None:
        """Check that there are labels where the loss wants them; take what is faster on the device at hand.

        Modules are compiled in place, which changes no name in a state dict and is left behind by a deepcopy. On a CPU
        the network is not: it gains next to nothing, and torch 2.15 has the strides of an edge padding wrong.
        """
        options, data = self.loss.options, getattr(self.trainer, "datamodule", None)
        if (options.pixel_weight or options.perceptual_weight) and not getattr(data, "pseudo_labels", None):
            raise InputError("model.pixel_weight and model.perceptual_weight need data.pseudo_labels=FOLDER")
        device = self.trainer.strategy.root_device
        if self.accelerated:
            for part in (self.network, self.loss, self.judge):
                accelerate(part, device)
        if "16" in str(self.trainer.precision):  # as tensor cores, and the 16-bit units of a CPU, take them
            for part in (self.network, self.loss):
                part.to(memory_format=torch.channels_last)
        if self.compiled and stage == "fit":
            for part in (self.network, self.loss) if device.type == "cuda" else (self.loss,):
                part.compile()

    def forward(self, photographs: Tensor) -> Tensor:
        """Return stylized photographs, (B, 3, H, W) in [0, 1]."""
        return self.network(photographs)

    def terms(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the unweighted terms of the loss of a batch, by its columns."""
        photographs, painted = batch["photographs"], self.stylize(batch)
        return self.loss(painted, photographs, batch.get("labels")) | self.temporal(batch, painted)

    def temporal(
        self, batch: Mapping[str, Tensor], painted: Tensor, paint: Callable[[Tensor], Tensor] | None = None
    ) -> dict[str, Tensor]:
        """Return the temporal term of a batch that was painted so, (B, 3, H, W); nothing if it has no weight.

        Args:
            batch: Its columns.
            painted: Its photographs, stylized.
            paint: Stylizes photographs, (B, 3, H, W), alike; `stylize` by default.
        """
        if not self.loss.options.temporal_weight:
            return {}
        paint = paint or (lambda moved: self.stylize({**batch, "photographs": moved}))
        return {"temporal": temporal_loss(batch["photographs"], painted, paint, self._numbers(MOTION)).mean()}

    def _numbers(self, mark: int) -> torch.Generator:
        """Return what gives a step's random numbers, of each process its own; a resumed training's are the same."""
        seed = getattr(getattr(self._trainer, "datamodule", None), "seed", 0)
        numbers = generator(seed, mark, self.global_step, self.global_rank)
        return torch.Generator().manual_seed(int(numbers.integers(2**63)))

    def stylize(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Return the stylized photographs of a batch, (B, 3, H, W)."""
        return self.network(batch["photographs"])

    def judged(self, images: Tensor, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return figures of images, (B, 3, H, W), beside a batch's photographs and the painting."""
        return self.judge(images, batch["photographs"], batch.get("paintings"))

    def training_step(self, batch: Tensor | dict[str, Tensor], batch_idx: int) -> Tensor:
        """Return the loss of a batch: photographs, (B, 3, H, W) in [0, 1], or columns."""
        given = columns(batch)
        if self.loss.options.temporal_weight:
            given = {**given, "photographs": softened(given["photographs"], self._numbers(SOFTNESS))}
        terms = self.terms(given)
        weighted = self.loss.weighted(terms, warmup(self.global_step, self.style_warmup))
        total = torch.stack(list(weighted.values())).sum()
        self._log_terms(terms, weighted, total)
        return total

    def _log_terms(self, terms: Mapping[str, Tensor], weighted: Mapping[str, Tensor], total: Tensor) -> None:
        """Log raw and weighted terms of each layer, and the weighted groups to the progress bar.

        Only where the trainer will write them: a dozen of them cost five times the rest of Lightning's step.
        """
        if (self.global_step + 1) % self.trainer.log_every_n_steps:
            return
        self.log_dict({f"raw/{name}": term.detach() for name, term in terms.items()})
        self.log_dict({f"weighted/{name}": term.detach() for name, term in weighted.items()})
        for group, value in sum_groups(weighted).items():
            self.log(f"train/{group}", value.detach(), prog_bar=True)
        self.log("train/loss", total.detach(), prog_bar=True)

    def validation_step(self, batch: Tensor | dict[str, Tensor], batch_idx: int) -> Tensor:
        """Log how the stylized photographs fare beside the untouched ones; return them, (B, 3, H, W) in [0, 1]."""
        given = columns(batch)
        photographs = given["photographs"]
        stylized = self.stylize(given).float().clamp(0, 1)
        for suffix, images in (("", stylized), ("_photograph", photographs)):
            figures = self.judged(images, given) | {"ssim": ssim(images, photographs)}
            if "labels" in given:
                figures |= {"label_ssim": ssim(images, given["labels"]), "label_mse": mse(images, given["labels"])}
            logged = {f"val/{name}{suffix}": value.mean() for name, value in figures.items()}
            self.log_dict(logged, batch_size=len(photographs), sync_dist=True)
        return stylized

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return what is trained, in groups as optimizers take them: norms, and all else."""
        groups: dict[str, list[nn.Parameter]] = {"convolutions": [], "norms": []}
        for layer in self.network.modules():
            learning = [parameter for parameter in layer.parameters(recurse=False) if parameter.requires_grad]
            groups["norms" if isinstance(layer, NORMS) else "convolutions"] += learning
        rates = {"convolutions": self.lr, "norms": self.norm_lr}
        return [{"name": name, "params": group, "lr": rates[name]} for name, group in groups.items() if group]

    def configure_optimizers(self) -> Any:
        """Return the optimizer and a schedule by LambdaLR, which knows no length and so resumes past any."""
        groups = self.parameter_groups()  # an optimizer writes its own options into them
        adam, fused = self.optimizer == "adam", self.device.type == "cuda" or None
        optimizer = torch.optim.Adam(groups, lr=self.lr, fused=fused) if adam else Muon(groups, self.lr)
        last = self.trainer.estimated_stepping_batches if self.lr_cooldown else math.inf
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _Schedule(self.lr_decay, self.lr_cooldown, last))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def warmup(step: int, steps: int) -> float:
    """Return the scale of the style's weight at `step` of a warm-up of `steps`: from 0.01 to 1, geometrically."""
    return 100.0 ** (step / steps - 1) if step < steps else 1.0


class _Schedule:
    """The factor `1 / (1 + rate * step)`, and over the last steps also a line down to 0.

    Args:
        rate: See above.
        cooldown: How many steps the line takes.
        last: The step at which it ends.
    """

    def __init__(self, rate: float, cooldown: int = 0, last: float = math.inf) -> None:
        self.rate, self.cooldown, self.last = rate, cooldown, last

    def __call__(self, step: int) -> float:
        left = min(1.0, max(0.0, self.last - step) / self.cooldown) if self.cooldown else 1.0
        return left / (1 + self.rate * step)
