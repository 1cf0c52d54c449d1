"""How good is a stylized image: figures that are printed beside the untouched photograph's."""

import torch
from torch import Tensor, nn
from torchmetrics.functional.image import structural_similarity_index_measure

from stylenet.features.extractor import FeatureExtractor
from stylenet.functional import gram, relative_error


def ssim(images: Tensor, photographs: Tensor) -> Tensor:
    """Return the structural similarity of each image to its photograph, (B,), 1 for the photograph itself.

    Source: Wang et al. 2004, by torchmetrics.

    Args:
        images: (B, 3, H, W) in [0, 1].
        photographs: (B, 3, H, W) in [0, 1].
    """
    with torch.autocast(images.device.type, enabled=False):  # its variances are small differences of large numbers
        value = structural_similarity_index_measure(
            images.float(), photographs.float(), data_range=1.0, reduction="none"
        )
    assert isinstance(value, Tensor)
    return value.reshape(-1)


def mse(images: Tensor, references: Tensor) -> Tensor:
    """Return the mean squared error of each image, (B,), 0 at best.

    Args:
        images: (B, 3, H, W) in [0, 1].
        references: Photographs or pseudo-labels, (B, 3, H, W) in [0, 1].
    """
    return (images.float() - references.float()).square().mean((1, 2, 3))


class Judge(nn.Module):
    """Distances to a painting and to a photograph as a network sees them.

    Args:
        extractor: Gives every layer named here.
        style: The painting, (1, 3, H, W) in [0, 1]; None where each image comes with its own.
        style_layers: Whose Gram matrices are compared.
        content_layers: Whose maps are compared.
    """

    def __init__(
        self,
        extractor: FeatureExtractor,
        style: Tensor | None,
        style_layers: tuple[str, ...],
        content_layers: tuple[str, ...],
    ) -> None:
        super().__init__()
        self.extractor, self.style_layers, self.content_layers = extractor, style_layers, content_layers
        self.content_extractor = extractor.up_to(content_layers)
        for layer, matrix in ({} if style is None else self._grams(style)).items():
            self.register_buffer(_buffer(layer), matrix, persistent=False)

    @torch.no_grad()
    def _grams(self, paintings: Tensor) -> dict[str, Tensor]:
        """Return the Gram matrices of paintings, `{layer: (B, C, C)}`."""
        features = self.extractor(paintings)
        return {layer: gram(features[layer]) for layer in self.style_layers}

    @torch.no_grad()
    def forward(self, images: Tensor, photographs: Tensor, paintings: Tensor | None = None) -> dict[str, Tensor]:
        """Return figures of each image, (B,) each, all 0 at best.

        `gram_difference` is `|G - A| / |A|` (Frobenius) averaged over the style layers; `content_distance` is
        `|F - P| / |P|` averaged over the content layers.

        Args:
            images: (B, 3, H, W) in [0, 1].
            photographs: (B, 3, H, W) in [0, 1].
            paintings: Of each image its own, (B, 3, h, w) in [0, 1], in place of the one painting.
        """
        features, originals = self.extractor(images), self.content_extractor(photographs)
        own = None if paintings is None else self._grams(paintings)
        wanted = {n: self.get_buffer(_buffer(n)) if own is None else own[n] for n in self.style_layers}
        style = [relative_error(gram(features[n]), wanted[n]).sqrt() for n in self.style_layers]
        content = [relative_error(features[n], originals[n]).sqrt() for n in self.content_layers]
        return {"gram_difference": torch.stack(style).mean(0), "content_distance": torch.stack(content).mean(0)}


def _buffer(layer: str) -> str:
    """Return the name of the buffer of a layer's Gram matrix; PyTorch takes no dots in it."""
    return f"gram_{layer.replace('.', '_')}"
