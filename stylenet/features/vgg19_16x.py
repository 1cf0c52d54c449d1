"""VGG-19 compressed 16 times by collaborative distillation (Wang et al., CVPR 2020)."""

from torch import Tensor, nn

WIDTHS = {1: 16, 2: 32, 3: 64, 4: 128, 5: 128}
DEPTHS = {1: 2, 2: 2, 3: 4, 4: 4, 5: 1}
LIFTED = {1: 64, 2: 128, 3: 256, 4: 512, 5: 512}


class VGG19x16(nn.Module):
    """VGG-19 to conv5_1 with a quarter of the channels, and 1x1 embeddings to VGG-19's own widths.

    Maps `reluK_N` are narrow, good as content features. Maps `liftK_1` are reluK_1 after the embedding and a ReLU:
    they imitate the normalised VGG-19's reluK_1 (mean activation near 1) and are meant for Gram matrices and
    statistics. `conv0` turns RGB in [0, 1] into BGR in 0-255 less the mean, so no other normalisation is needed.

    Source: Wang, Li, Wang, Hu, Yang, "Collaborative Distillation for Ultra-Resolution Universal Style Transfer".
    """

    # torchvision's feature extraction strips a trailing _N from node names, hence `relu1_1_map`.
    def __init__(self) -> None:
        super().__init__()
        self.conv0 = nn.Conv2d(3, 3, 1)
        channels = 3
        for block, depth in DEPTHS.items():
            for n in range(1, depth + 1):
                conv = nn.Conv2d(channels, WIDTHS[block], 3, padding=1, padding_mode="reflect")
                self.add_module(f"conv{block}_{n}", conv)
                self.add_module(f"relu{block}_{n}_map", nn.ReLU())
                channels = WIDTHS[block]
            self.add_module(f"embed{block}_1", nn.Conv2d(channels, LIFTED[block], 1))
            self.add_module(f"lift{block}_1_map", nn.ReLU())
            if block < 5:
                self.add_module(f"pool{block}", nn.MaxPool2d(2, 2))

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Return every relu and lift map of `images`, (B, 3, H, W) in [0, 1]."""
        maps = {}
        x = self.conv0(images)
        for block, depth in DEPTHS.items():
            for n in range(1, depth + 1):
                x = getattr(self, f"relu{block}_{n}_map")(getattr(self, f"conv{block}_{n}")(x))
                maps[f"relu{block}_{n}"] = x  # (B, WIDTHS[block], H / 2^(block-1), W / 2^(block-1))
            first = maps[f"relu{block}_1"]
            maps[f"lift{block}_1"] = getattr(self, f"lift{block}_1_map")(getattr(self, f"embed{block}_1")(first))
            if block < 5:
                x = getattr(self, f"pool{block}")(x)
        return maps
