"""Train AdaIN: one decoder, any style."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import torch
from torch import Tensor, nn

from stylenet.data.synthetic import DeadLeaves
from stylenet.errors import InputError
from stylenet.features.extractor import FeatureExtractor
from stylenet.features.weights import resolve_weights
from stylenet.losses.options import LossOptions
from stylenet.losses.perceptual import PerceptualLoss
from stylenet.losses.terms import Term
from stylenet.metrics import Judge
from stylenet.modules.base import StylizerModule
from stylenet.modules.train import columns, describe_network, named_network
from stylenet.networks.adain import DEEPEST, AdaIN
from stylenet.networks.checkpoint import describe


class AdaINModule(StylizerModule):
    """Arbitrary style transfer in real-time with adaptive instance normalization (Huang and Belongie 2017).

    The decoder learns on photographs and paintings that are paired at random (`data.paintings`). The loss network is
    the encoder: content is how far the features of the image are from those it was decoded from (eq. 12), style how far
    their statistics are from the painting's.

    Departures: the weights are of dimensionless `relative` losses by default, see `stylenet.losses`; moments are
    exchanged at several layers, and features scaled, see `stylenet.networks.adain`; and the decoder first learns to
    give back photographs and paintings, in pixels, which takes no loss network. `statistic=moments` has the style loss
    of eq. 13, `exchange=[relu4_1] reconstruction_steps=0` with it the paper.

    Args:
        backbone: Encoder and loss network.
        weights: Of the encoder: `bundled` (vgg16), `imagenet`, `random` or a file; `auto` is `bundled` where it can be,
            else `imagenet`.
        width: Channels of the decoder at full size; by default the encoder's.
        padding: Of the encoder, see `stylenet.features.extractor`.
        exchange: Layers whose moments are exchanged: relu4_1, always, to relu1_1.
        colors: Outside training, give the result the mean and the covariance of the painting's colors.
        reconstruction_steps: Steps at the start in which the loss is how far photographs and paintings are from
            themselves, encoded and decoded (mean absolute difference of pixels, times 10).
        identity_weight: Weight of the same after those steps (Park and Lee 2019, eq. 6).
        optimizer: `adam`, or `muon`, see `stylenet.modules.muon`.
        lr: Learning rate.
        lr_decay: The rate at step t is `lr / (1 + lr_decay * t)`.
        lr_cooldown: Steps at the end over which the rate falls to 0.
        style_warmup: Steps over which the style's weight grows to its full value.
        init_from: Checkpoint whose weights are the start; it may exchange fewer layers.
        recipe: Name of the recipe in use, kept in the checkpoint.
        compile: Compile the loss by `torch.compile`, and on CUDA the network too: half a minute or more at the start.
        accelerate: Exchange layers for ones that are faster on a CPU and compute the same.
        loss: What is minimized: the fields of `stylenet.losses.options.LossOptions`, at one scale.
    """

    run = "adain"
    network: AdaIN

    def __init__(
        self,
        backbone: str = "vgg16",
        weights: str = "auto",
        width: int | None = None,
        padding: str = "reflect",
        exchange: Sequence[str] = (DEEPEST,),
        colors: bool = False,
        reconstruction_steps: int = 0,
        identity_weight: float = 0.0,
        optimizer: str = "adam",
        lr: float = 1e-4,
        lr_decay: float = 5e-5,
        lr_cooldown: int = 0,
        style_warmup: int = 0,
        init_from: str | None = None,
        recipe: str | None = None,
        compile: bool = False,
        accelerate: bool = True,
        **loss: Any,
    ) -> None:
        super().__init__(lr, lr_decay, style_warmup, init_from, compile, optimizer, lr_cooldown, accelerated=accelerate)
        self.save_hyperparameters()
        weights = resolve_weights(backbone, weights)
        given = LossOptions(**loss)
        options = _resolved(given, backbone)
        styles = tuple(options.style_layers or ())
        layers = list(dict.fromkeys([DEEPEST, *exchange, *styles]))
        extractor = FeatureExtractor(backbone, layers, weights, options.pooling, padding)
        self.network = AdaIN(
            backbone,
            weights,
            width,
            pooling=given.pooling,
            padding=padding,
            exchange=exchange,
            scales=feature_scales(extractor.up_to(list(dict.fromkeys([DEEPEST, *exchange])))),
            colors=colors,
        )
        self.watch(PerceptualLoss(extractor, [], options), Judge(extractor, None, styles, (DEEPEST,)))
        self.keep_outside(*self._outside, extractor)
        self.reconstruction_steps, self.identity_weight = reconstruction_steps, identity_weight
        self.metadata = describe(
            self.network,
            style=None,
            loss_network=describe_network(backbone, weights),
            loss={"normalization": options.normalization, "weights": self.loss.weights},
            recipe=recipe,
        )
        if init_from:
            self.start_from(init_from)

    def fitting(self, network: nn.Module, metadata: Mapping[str, Any]) -> dict[str, Tensor]:
        """Return the state dict that is started from: layers that the checkpoint does not exchange add 0 at first."""
        laterals = self.network.laterals.state_dict(prefix="laterals.")
        return {name: torch.zeros_like(tensor) for name, tensor in laterals.items()} | network.state_dict()

    def ingredients(self) -> dict[str, str]:
        """Return the encoder; see `TrainModule.ingredients`."""
        return {"encoder and loss network": named_network(self.metadata["loss_network"])}

    def trial(self, photographs: Tensor) -> Tensor:
        """Return the loss of a batch that is its own paintings and pseudo-labels; see `TrainModule.trial`."""
        return self.loss.total(self.terms(dict.fromkeys(("photographs", "paintings", "labels"), photographs)))

    def terms(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the unweighted terms of the loss of a batch, by its columns."""
        photographs, paintings = batch["photographs"], _paintings(batch)
        with torch.no_grad():
            features = self.network.encode(photographs)
            palette, statistics = self._read(paintings)
            wanted = self.network.transfer(features, palette)
            raw = {DEEPEST: wanted[DEEPEST] * self.network.scales[DEEPEST]}
            loss = cast(PerceptualLoss, self.loss)
            targets = loss.targets(photographs, labels=batch.get("labels"), styles=statistics, features=raw)
        painted = self.network.decode(wanted)
        terms = {name: term.mean() for name, term in loss.per_item(painted, targets).items()}
        return terms | self.temporal(batch, painted, lambda moved: self.network(moved, palette))

    def _read(self, paintings: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the palette of each painting, (B, 1, 2, C), and what the loss compares with, in one pass."""
        extractor = cast(FeatureExtractor, self._outside[2])  # type: ignore[misc]
        maps = extractor(paintings)
        scaled = {layer: maps[layer] / scale for layer, scale in self.network.scales.items()}
        statistics: dict[str, Tensor] = {}
        for term in cast(Iterable[Term], self.loss.terms):
            statistics |= term.statistics(paintings, maps)
        return self.network.palette(paintings, scaled).transpose(0, 1), statistics

    def reconstruction(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Return 10 times the mean absolute difference of images from themselves, encoded and decoded.

        Every second image is a painting.
        """
        images = torch.cat([batch["photographs"][::2], _paintings(batch)[1::2]])
        with torch.no_grad():
            features = self.network.encode(images)
        return 10 * (self.network.decode(features).float() - images).abs().mean()

    def training_step(self, batch: Tensor | dict[str, Tensor], batch_idx: int) -> Tensor:
        """Return the loss of a batch of photographs and paintings; see the class."""
        given = columns(batch)
        if self.global_step < self.reconstruction_steps:
            return self._log_reconstruction(self.reconstruction(given))
        total = super().training_step(batch, batch_idx)
        if self.identity_weight:
            total = total + self.identity_weight * self._log_reconstruction(self.reconstruction(given))
        return total

    def _log_reconstruction(self, value: Tensor) -> Tensor:
        """Log and return the loss of reconstruction."""
        if not (self.global_step + 1) % self.trainer.log_every_n_steps:
            self.log("train/reconstruction", value.detach(), prog_bar=True)
        return value

    def stylize(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Return the photographs of a batch in the style of its paintings, (B, 3, H, W)."""
        palette = self.network.palette(_paintings(batch)).transpose(0, 1)  # (B, 1, 2, C)
        return self.network(batch["photographs"], palette)


@torch.no_grad()
def feature_scales(extractor: FeatureExtractor, images: int = 8, size: int = 128) -> dict[str, float]:
    """Return the root mean square of each layer's features over some synthetic photographs, to three digits.

    Made images give the same numbers on every machine: a resumed training has the network that it had.
    """
    drawn = DeadLeaves(size, seed=0)
    maps = extractor(torch.stack([drawn[i] for i in range(images)]))
    return {layer: float(f"{values.square().mean().sqrt().item():.3g}") for layer, values in maps.items()}


def _paintings(batch: Mapping[str, Tensor]) -> Tensor:
    """Return the paintings of a batch, (B, 3, H, W)."""
    if "paintings" not in batch:
        raise InputError("AdaIN learns from paintings: give data.paintings=auto, a folder or a dataset")
    return batch["paintings"]


def _resolved(options: LossOptions, backbone: str) -> LossOptions:
    """Return the options with the encoder's layers where none are named.

    Raises:
        InputError: Options that this training has no use for.
    """
    if options.scales != 1:
        raise InputError("model.scales is for networks of one or many fixed styles: leave it out for AdaIN")
    if list(options.content_layers or [DEEPEST]) != [DEEPEST] or not options.content_weight:
        raise InputError(f"AdaIN's content is its encoder's {DEEPEST}: leave out content_layers, give it a weight")
    first = [f"relu{block}_1" for block in range(1, 5)]
    return replace(options.resolved(backbone), style_layers=options.style_layers or first, content_layers=[DEEPEST])
