"""ViT-B/16 (Dosovitskiy et al., ICLR 2021) for images of any size, read as feature maps."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WIDTH, DEPTH, HEADS, PATCH, GRID = 768, 12, 12, 16, 14  # GRID: patches a side of the 224 px it was trained on


class ToMap(nn.Module):
    """Tokens to a feature map, without the class token."""

    def forward(self, tokens: Tensor, patches: Tensor) -> Tensor:
        """Return `tokens`, (B, 1 + h*w, C), as a map of the height and width of `patches`: (B, C, h, w)."""
        return tokens[:, 1:].transpose(1, 2).unflatten(2, (patches.shape[-2], patches.shape[-1]))


class Block(nn.Module):
    """Attention, then a perceptron, each on normalized tokens and added to them."""

    def __init__(self) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(WIDTH, eps=1e-6)
        self.self_attention = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
        self.ln_2 = nn.LayerNorm(WIDTH, eps=1e-6)
        # Identity stands for torchvision's dropout, so that the second layer is mlp.3
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Identity(), nn.Linear(4 * WIDTH, WIDTH))

    def forward(self, tokens: Tensor) -> Tensor:
        """Map (B, T, C) to (B, T, C)."""
        normed = self.ln_1(tokens)
        tokens = tokens + self.self_attention(normed, normed, normed, need_weights=False)[0]
        return tokens + self.mlp(self.ln_2(tokens))


class Encoder(nn.Module):
    """The blocks and the position embeddings, as torchvision keeps them; `VisionTransformer` runs them."""

    def __init__(self) -> None:
        super().__init__()
        self.pos_embedding = nn.Parameter(torch.zeros(1, 1 + GRID**2, WIDTH))
        self.layers = nn.ModuleDict({f"encoder_layer_{n}": Block() for n in range(DEPTH)})


class VisionTransformer(nn.Module):
    """ViT-B/16 without its head; parameters are named as torchvision's, so that its weights file loads.

    Where we depart from torchvision, which takes 224 px only (at 224 px the numbers are the same):

    - the position embeddings, a grid of 14x14, are resampled to the image's grid of patches: bicubic with
      antialiasing, as timm does, so that the borders of both grids meet;
    - an image whose sides are no multiples of 16 is mirrored at the right and the bottom up to the next ones, rather
      than cropped, so that every pixel has a gradient: (H, W) gives ceil(H / 16) x ceil(W / 16) patches;
    - map N is what `encoder_layer_N` gives, before the last norm, without the class token, turned back to (B, C, h, w).
    """

    # Torchvision's feature extraction strips a trailing _N from node names, and its assertions keep the deeper layers
    # alive: hence the module `maps.N` for what `encoder.layers.encoder_layer_N` gives, and blocks of our own.
    def __init__(self) -> None:
        super().__init__()
        self.class_token = nn.Parameter(torch.zeros(1, 1, WIDTH))
        self.conv_proj = nn.Conv2d(3, WIDTH, PATCH, PATCH)
        self.encoder = Encoder()
        self.maps = nn.ModuleList(ToMap() for _ in range(DEPTH))

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Return the map of every block, (B, 768, h, w), of normalized `images`, (B, 3, H, W) with sides from 16."""
        right, bottom = -images.shape[-1] % PATCH, -images.shape[-2] % PATCH
        patches = self.conv_proj(F.pad(images, (0, right, 0, bottom), mode="reflect"))  # (B, C, h, w)
        tokens = torch.cat([self.class_token.expand(images.shape[0], -1, -1), _as_tokens(patches)], dim=1)
        tokens = tokens + _resample(self.encoder.pos_embedding, patches)  # (B, 1 + h*w, C)
        maps = {}
        for (name, block), to_map in zip(self.encoder.layers.items(), self.maps, strict=True):
            tokens = block(tokens)
            maps[name] = to_map(tokens, patches)  # (B, C, h, w)
        return maps


def _as_tokens(maps: Tensor) -> Tensor:
    """Return (B, C, h, w) as (B, h*w, C)."""
    return maps.flatten(2).transpose(1, 2)


def _resample(positions: Tensor, patches: Tensor) -> Tensor:
    """Return position embeddings, (1, 1 + GRID^2, C), for the grid of `patches`, (B, C, h, w): (1, 1 + h*w, C)."""
    grid = positions[:, 1:].transpose(1, 2).unflatten(2, (GRID, GRID))  # (1, C, GRID, GRID)
    size = patches.shape[-2], patches.shape[-1]
    resampled = F.interpolate(grid, size=size, mode="bicubic", align_corners=False, antialias=True)
    return torch.cat([positions[:, :1], _as_tokens(resampled)], dim=1)
