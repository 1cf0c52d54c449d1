"""Train a Johnson transformer net: one network, one style."""

from pathlib import Path
from typing import Any

from stylenet.data.styles import find_style, is_homage, load_style
from stylenet.features.backbones import get_backbone
from stylenet.features.extractor import FeatureExtractor
from stylenet.features.weights import best_at_hand
from stylenet.losses.perceptual import PerceptualLoss
from stylenet.metrics import Judge
from stylenet.modules.base import StylizerModule
from stylenet.networks.checkpoint import describe
from stylenet.networks.johnson import JohnsonNet


class JohnsonModule(StylizerModule):
    """Perceptual losses for real-time style transfer (Johnson, Alahi, Fei-Fei 2016).

    Departures: weights of dimensionless `relative` losses by default (see `stylenet.losses`), and those that
    `stylenet.networks.johnson` names.

    Args:
        style: A style's name, or the path of an image.
        style_size: Pixels of the style image's short side: larger gives larger strokes.
        backbone: Loss network; `auto` takes the best whose weights are at hand, which the run card names.
        weights: Of the loss network: `imagenet`, `random` or a file; unused under `auto`.
        style_layers: Layers, or layers with weights; by default those of the backbone.
        content_layers: Layers, or layers with weights; by default those of the backbone.
        normalization: `relative`, `johnson` or `gatys`.
        content_weight: Weight of the content loss.
        style_weight: Weight of the style loss: the dimensionless strength of the style.
        tv_weight: Weight of the total variation loss.
        width: Channels of the network's first layer.
        norm: `instance` or `batch`.
        output: `linear`, `tanh` or `residual`, see `stylenet.networks.johnson`.
        lr: Learning rate of Adam.
        lr_decay: The rate at step t is `lr / (1 + lr_decay * t)`.
        style_warmup: Steps over which the style's weight grows to its full value.
        init_from: Checkpoint whose weights are the start.
        recipe: Name of the recipe in use, kept in the checkpoint.
    """

    def __init__(
        self,
        style: str,
        style_size: int = 256,
        backbone: str = "auto",
        weights: str = "imagenet",
        style_layers: list[str] | dict[str, float] | None = None,
        content_layers: list[str] | dict[str, float] | None = None,
        normalization: str = "relative",
        content_weight: float = 1.0,
        style_weight: float = 5.0,
        tv_weight: float = 0.02,
        width: int = 32,
        norm: str = "instance",
        output: str = "linear",
        lr: float = 1e-3,
        lr_decay: float = 0.0,
        style_warmup: int = 1000,
        init_from: str | None = None,
        recipe: str | None = None,
    ) -> None:
        super().__init__(lr, lr_decay, style_warmup, init_from)
        self.save_hyperparameters()
        self.network = JohnsonNet(width, norm, output=output)
        if backbone == "auto":
            backbone, weights = best_at_hand()
        spec = get_backbone(backbone)
        styles, contents = style_layers or spec.style_layers, content_layers or spec.content_layers
        extractor = FeatureExtractor(backbone, list(dict.fromkeys([*styles, *contents])), weights)
        self.style_path = find_style(style)
        painting = load_style(self.style_path, style_size)
        loss = PerceptualLoss(
            extractor, painting, styles, contents, normalization, content_weight, style_weight, tv_weight
        )
        self.watch(loss, Judge(extractor, painting, tuple(styles), tuple(contents)))
        self.metadata = self._describe(backbone, weights)
        if init_from:
            self.start_from(init_from)

    def _describe(self, backbone: str, weights: str) -> dict[str, Any]:
        """Return the metadata of every checkpoint."""
        given = self.hparams
        return describe(
            self.network,
            style=self.style_path.stem,
            style_size=given["style_size"],
            homage=is_homage(self.style_path),
            loss_network={
                "backbone": backbone,
                "weights": Path(weights).name,
                "substitute": backbone != "vgg16" or weights == "random",
            },
            loss={"normalization": given["normalization"], "weights": self.loss.weights},
            recipe=given["recipe"],
        )
