"""Train AdaIN: one decoder, any style."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from stylenet.errors import InputError
from stylenet.features.backbones import get_backbone
from stylenet.features.extractor import FeatureExtractor
from stylenet.features.weights import best_at_hand
from stylenet.losses.options import LossOptions
from stylenet.losses.perceptual import PerceptualLoss
from stylenet.losses.reconstruction import pixel_loss
from stylenet.metrics import Judge
from stylenet.modules.base import StylizerModule
from stylenet.modules.train import describe_network, named_network
from stylenet.networks.adain import AdaIN
from stylenet.networks.checkpoint import describe


class AdaINModule(StylizerModule):
    """Arbitrary style transfer in real-time with adaptive instance normalization (Huang and Belongie 2017).

    The decoder learns on photographs and paintings that are paired at random (`data.paintings`). The loss network is
    the encoder: content is how far the features of the image are from those it was decoded from (eq. 12), style how far
    their means and deviations are from the painting's (eq. 13), from the first layer to the encoder's.

    Departure: the weights are of dimensionless `relative` losses by default, see `stylenet.losses`.

    Args:
        backbone: Encoder and loss network; `auto` takes the best whose weights are at hand, which the run card names.
        weights: Of the encoder: `imagenet`, `random`, `bundled` (vgg_small) or a file; unused under `auto`.
        width: Channels of the decoder at full size; by default the encoder's.
        identity_weight: Weight of how far images are from themselves, encoded and decoded (Park and Lee 2019, eq. 6,
            in pixels): the decoder learns colours sooner. Every second image is a painting.
        optimizer: `adam`, or `muon`, see `stylenet.modules.muon`.
        lr: Learning rate.
        lr_decay: The rate at step t is `lr / (1 + lr_decay * t)`.
        lr_cooldown: Steps at the end over which the rate falls to 0.
        style_warmup: Steps over which the style's weight grows to its full value.
        init_from: Checkpoint whose weights are the start.
        recipe: Name of the recipe in use, kept in the checkpoint.
        compile: Compile the loss by `torch.compile`, and on CUDA the network too: half a minute or more at the start.
        loss: What is minimised: the fields of `stylenet.losses.options.LossOptions`, at one scale.
    """

    run = "adain"
    network: AdaIN

    def __init__(
        self,
        backbone: str = "auto",
        weights: str = "imagenet",
        width: int | None = None,
        identity_weight: float = 0.0,
        optimizer: str = "adam",
        lr: float = 1e-4,
        lr_decay: float = 5e-5,
        lr_cooldown: int = 0,
        style_warmup: int = 0,
        init_from: str | None = None,
        recipe: str | None = None,
        compile: bool = False,
        **loss: Any,
    ) -> None:
        super().__init__(lr, lr_decay, style_warmup, init_from, compile, optimizer, lr_cooldown)
        self.save_hyperparameters()
        if backbone == "auto":
            backbone, weights = best_at_hand()
        given = LossOptions(**loss)
        self.network = AdaIN(backbone, weights, width, pooling=given.pooling)
        options = _resolved(given, backbone, self.network.layer)
        styles, contents = tuple(options.style_layers or ()), (self.network.layer,)
        extractor = FeatureExtractor(backbone, list(dict.fromkeys([*styles, *contents])), weights, options.pooling)
        self.watch(PerceptualLoss(extractor, [], options), Judge(extractor, None, styles, contents))
        if identity_weight:
            self.loss.weights["identity"] = identity_weight
        self.metadata = describe(
            self.network,
            style=None,
            loss_network=describe_network(backbone, weights),
            loss={"normalization": options.normalization, "weights": self.loss.weights},
            recipe=recipe,
        )
        if init_from:
            self.start_from(init_from)

    def ingredients(self) -> dict[str, str]:
        """Return the encoder; see `TrainModule.ingredients`."""
        return {"encoder and loss network": named_network(self.metadata["loss_network"])}

    def trial(self, photographs: Tensor) -> Tensor:
        """Return the loss of a batch that is its own paintings and pseudo-labels; see `TrainModule.trial`."""
        return self.loss.total(self.terms(dict.fromkeys(("photographs", "paintings", "labels"), photographs)))

    def terms(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the unweighted terms of the loss of a batch, by its columns."""
        layer = self.network.layer
        paintings = _paintings(batch)
        statistics = self.loss.statistics(paintings)
        targets = self.loss.targets(batch["photographs"], labels=batch.get("labels"), styles=statistics)
        with torch.no_grad():
            known = statistics.get(f"style/{layer}") if self.loss.options.statistic == "moments" else None
            moments = self.network.palette(paintings).squeeze(0) if known is None else known  # (B, 2, C)
            palette = moments.unsqueeze(1)  # (B, 1, 2, C): to each its own
            wanted = self.network.transfer(targets.features[layer], palette)
        terms = self.loss.per_item(self.network.decode(wanted), replace(targets, features={layer: wanted}))
        if "identity" in self.loss.weights:
            images = torch.cat([batch["photographs"][::2], paintings[1::2]])
            again = self.network.decode(self.network.encode(images))
            terms["identity"] = pixel_loss(again, images, self.loss.options.normalization)
        return {name: term.mean() for name, term in terms.items()}

    def stylize(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Return the photographs of a batch in the style of its paintings, (B, 3, H, W)."""
        palette = self.network.palette(_paintings(batch)).transpose(0, 1)  # (B, 1, 2, C)
        return self.network(batch["photographs"], palette)


def _paintings(batch: Mapping[str, Tensor]) -> Tensor:
    """Return the paintings of a batch, (B, 3, H, W)."""
    if "paintings" not in batch:
        raise InputError("AdaIN learns from paintings: give data.paintings=auto, a folder or a dataset")
    return batch["paintings"]


def _resolved(options: LossOptions, backbone: str, layer: str) -> LossOptions:
    """Return the options with the encoder's layers where none are named.

    Raises:
        InputError: Options that this training has no use for.
    """
    if options.scales != 1:
        raise InputError("model.scales is for networks of one or many fixed styles: leave it out for AdaIN")
    if list(options.content_layers or [layer]) != [layer] or not options.content_weight:
        raise InputError(f"AdaIN's content is its encoder's {layer}: leave out content_layers, give it a weight")
    known = get_backbone(backbone).layers
    family = layer.partition("4")[0]
    first = [name for name in (f"{family}{block}_1" for block in range(1, 5)) if name in known]
    return replace(options, style_layers=options.style_layers or first, content_layers=[layer])
