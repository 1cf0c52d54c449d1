"""A VGG-19 of few channels that was trained to see what a larger network sees."""

from collections.abc import Sequence

from torch import Tensor, nn

WIDTHS = {1: 16, 2: 32, 3: 64, 4: 128}
DEPTHS = {1: 2, 2: 2, 3: 4, 4: 4}
LIFTED = {1: 64, 2: 128, 3: 256, 4: 512}
PLACES = tuple(f"{block}_{n}" for block, depth in DEPTHS.items() for n in range(1, depth + 1))
"""Where there is a map: `1_1` to `4_4`."""


class VGGSmall(nn.Module):
    """VGG-19 to conv4_4 with a quarter of the channels, and 1x1 embeddings to VGG's own widths.

    Maps `reluK_N` are narrow. Maps `liftK_N` are reluK_N after an embedding and a ReLU: they imitate the teacher's map
    of that place and are meant for Gram matrices. Which embeddings a file of weights holds depends on the teacher it
    was trained by, see `stylenet.modules.distill`. The convolutions reflect at the border, which zeros would darken.

    Args:
        lifts: Places with an embedding, e.g. `3_1`; the network ends at the deepest of them.
    """

    # torchvision's feature extraction strips a trailing _N from node names, hence `relu1_1_map`.
    def __init__(self, lifts: Sequence[str] = PLACES) -> None:
        super().__init__()
        self.arguments = {"lifts": list(lifts)}
        self.lifts = tuple(lifts)
        self.places = PLACES[: max(PLACES.index(place) for place in lifts) + 1]
        channels = 3
        for place in self.places:
            block = int(place[0])
            if place.endswith("_1") and block > 1:
                self.add_module(f"pool{block - 1}", nn.MaxPool2d(2, 2))
            conv = nn.Conv2d(channels, WIDTHS[block], 3, padding=1, padding_mode="reflect")
            self.add_module(f"conv{place}", conv)
            self.add_module(f"relu{place}_map", nn.ReLU())
            channels = WIDTHS[block]
            if place in self.lifts:
                self.add_module(f"embed{place}", nn.Conv2d(channels, LIFTED[block], 1))
                self.add_module(f"lift{place}_map", nn.ReLU())

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Return every map, (B, C, H / 2^(K-1), W / 2^(K-1)), of `images`, (B, 3, H, W) in [0, 1].

        `convK_N` and `embedK_N` are the relu and lift maps before the ReLU.
        """
        maps = {}
        x = (images - 0.5) * 4  # about the mean and the deviation of photographs
        for place in self.places:
            if place.endswith("_1") and place != "1_1":
                x = getattr(self, f"pool{int(place[0]) - 1}")(x)
            maps[f"conv{place}"] = getattr(self, f"conv{place}")(x)
            x = maps[f"relu{place}"] = getattr(self, f"relu{place}_map")(maps[f"conv{place}"])
            if place in self.lifts:
                maps[f"embed{place}"] = getattr(self, f"embed{place}")(x)
                maps[f"lift{place}"] = getattr(self, f"lift{place}_map")(maps[f"embed{place}"])
        return maps
