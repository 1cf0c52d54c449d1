"""How good is a stylized image: figures that are printed beside the untouched photograph's."""

import torch
from torch import Tensor, nn
from torchmetrics.functional.image import structural_similarity_index_measure

from stylenet.features.extractor import FeatureExtractor
from stylenet.losses.functional import gram, relative_error


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


class Judge(nn.Module):
    """Distances to a painting and to a photograph as a network sees them.

    Args:
        extractor: Gives every layer named here.
        style: The painting, (1, 3, H, W) in [0, 1].
        style_layers: Whose Gram matrices are compared.
        content_layers: Whose maps are compared.
    """

    def __init__(
        self, extractor: FeatureExtractor, style: Tensor, style_layers: tuple[str, ...], content_layers: tuple[str, ...]
    ) -> None:
        super().__init__()
        self.extractor, self.style_layers, self.content_layers = extractor, style_layers, content_layers
        self.content_extractor = extractor.up_to(content_layers)
        with torch.no_grad():
            features = extractor(style)
        for layer in style_layers:
            self.register_buffer(f"gram_{layer}", gram(features[layer]), persistent=False)

    @torch.no_grad()
    def forward(self, images: Tensor, photographs: Tensor) -> dict[str, Tensor]:
        """Return figures of each image, (B,) each, all 0 at best.

        `gram_difference` is `|G - A| / |A|` (Frobenius) averaged over the style layers; `content_distance` is
        `|F - P| / |P|` averaged over the content layers.

        Args:
            images: (B, 3, H, W) in [0, 1].
            photographs: (B, 3, H, W) in [0, 1].
        """
        features, originals = self.extractor(images), self.content_extractor(photographs)
        style = [relative_error(gram(features[n]), self.get_buffer(f"gram_{n}")).sqrt() for n in self.style_layers]
        content = [relative_error(features[n], originals[n]).sqrt() for n in self.content_layers]
        return {"gram_difference": torch.stack(style).mean(0), "content_distance": torch.stack(content).mean(0)}
