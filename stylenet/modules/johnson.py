"""Train a Johnson transformer net: one network, one style."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stylenet.data.styles import find_style, load_style
from stylenet.errors import InputError
from stylenet.features.extractor import FeatureExtractor
from stylenet.features.weights import resolve_weights
from stylenet.losses.multiscale import perceptual_loss
from stylenet.losses.options import LossOptions
from stylenet.metrics import Judge
from stylenet.modules.base import StylizerModule
from stylenet.modules.train import describe_network
from stylenet.networks.checkpoint import describe
from stylenet.networks.johnson import JohnsonNet, with_one_style


class JohnsonModule(StylizerModule):
    """Perceptual losses for real-time style transfer (Johnson, Alahi, Fei-Fei 2016).

    Departures: weights of dimensionless `relative` losses by default (see `stylenet.losses`), and those that
    `stylenet.networks.johnson` names.

    Args:
        style: A style's name, or the path of an image.
        style_size: Pixels of the style image's short side: larger gives larger strokes.
        backbone: Loss network.
        weights: Of the loss network: `bundled` (vgg16), `imagenet`, `random` or a file; `auto` is `bundled` where it
            can be, else `imagenet`.
        width: Channels of the network's first layer.
        norm: `instance` or `batch`.
        output: `linear`, `tanh` or `residual`, see `stylenet.networks.johnson`.
        optimizer: `adam`, or `muon`, see `stylenet.modules.muon`.
        lr: Learning rate.
        norm_lr: Learning rate of the norms' scales and shifts, which are of another size than weights of convolutions:
            see docs/training.md, "Rates".
        lr_decay: The rate at step t is `lr / (1 + lr_decay * t)`.
        lr_cooldown: Steps at the end over which the rate falls to 0.
        style_warmup: Steps over which the style's weight grows to its full value.
        init_from: Checkpoint whose weights are the start; of one of many styles, those of ours, or their mean if it
            lacks ours.
        recipe: Name of the recipe in use, kept in the checkpoint.
        compile: Compile the loss by `torch.compile`, and on CUDA the network too: half a minute or more at the start.
        accelerate: Exchange layers for ones that are faster on a CPU and compute the same.
        loss: What is minimized: the fields of `stylenet.losses.options.LossOptions`.
    """

    def __init__(
        self,
        style: str,
        style_size: int = 256,
        backbone: str = "vgg16",
        weights: str = "auto",
        width: int = 32,
        norm: str = "instance",
        output: str = "linear",
        optimizer: str = "adam",
        lr: float = 1e-3,
        norm_lr: float = 1.5e-2,
        lr_decay: float = 0.0,
        lr_cooldown: int = 0,
        style_warmup: int = 1000,
        init_from: str | None = None,
        recipe: str | None = None,
        compile: bool = False,
        accelerate: bool = True,
        **loss: Any,
    ) -> None:
        super().__init__(lr, lr_decay, style_warmup, init_from, compile, optimizer, lr_cooldown, norm_lr, accelerate)
        self.save_hyperparameters()
        self.network = self._make_network(width=width, norm=norm, output=output)
        weights = resolve_weights(backbone, weights)
        options = LossOptions(**loss).resolved(backbone)
        _check_trainable(options)
        layers = dict.fromkeys([*options.layers, *(options.style_layers or ()), *(options.content_layers or ())])
        extractor = FeatureExtractor(backbone, list(layers), weights, options.pooling)
        told = self._look_at_paintings(extractor, options)
        self.metadata = self._describe(backbone, weights, told)
        if init_from:
            self.start_from(init_from)

    def _make_network(self, **arguments: Any) -> JohnsonNet:
        """Return the network that is trained."""
        return JohnsonNet(**arguments)

    def _look_at_paintings(self, extractor: FeatureExtractor, options: LossOptions) -> dict[str, Any]:
        """Make the loss and the judge; return what checkpoints tell of the style."""
        self.style_path = find_style(self.hparams["style"])
        painting = load_style(self.style_path, self.hparams["style_size"])
        self.watch(perceptual_loss(extractor, painting, options), judge_of(extractor, painting, options))
        return {"style": self.style_path.stem}

    def fitting(self, network: nn.Module, metadata: Mapping[str, Any]) -> dict[str, Tensor]:
        """Return our style's part of a network of many styles, the mean of all if it lacks ours, or all of it."""
        if not isinstance(network, JohnsonNet) or network.num_styles == 1:
            return network.state_dict()
        styles: list[str] = metadata["styles"]
        mixture = torch.full((1, len(styles)), 1 / len(styles))
        if self.style_path.stem in styles:
            mixture = F.one_hot(torch.tensor([styles.index(self.style_path.stem)]), len(styles)).float()
        return with_one_style(network, mixture).state_dict()

    def _describe(self, backbone: str, weights: str, told: dict[str, Any]) -> dict[str, Any]:
        """Return the metadata of every checkpoint; `told` is what there is to tell of the style."""
        return describe(
            self.network,
            **told,
            style_size=self.hparams["style_size"],
            loss_network=describe_network(backbone, weights),
            loss={"normalization": self.loss.options.normalization, "weights": self.loss.weights},
            recipe=self.hparams["recipe"],
        )


def judge_of(extractor: FeatureExtractor, painting: Tensor, options: LossOptions) -> Judge:
    """Return the judge of one painting, (1, 3, H, W) in [0, 1], at the layers of a loss with these options."""
    return Judge(extractor, painting, tuple(options.style_layers or ()), tuple(options.content_layers or ()))


def _check_trainable(options: LossOptions) -> None:
    """Raise an InputError for a term that a training has nothing to compare with."""
    if options.combined_weight:
        raise InputError("model.combined_weight is for the Gatys optimizer (stylenet gatys): leave it out in training")
