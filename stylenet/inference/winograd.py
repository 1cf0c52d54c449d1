"""3x3 convolutions with a quarter of the multiplications, for inference on a CPU."""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stylenet.networks.adain import AdaIN
from stylenet.networks.strips import StripConv, in_strips

TILES = 256
"""At most so many of 4x4 pixels, or a row of them, are at work at once: they should stay in the processor's cache."""
WEIGHTS = ((6, 0, 0), (-4, -4, -4), (-4, 4, -4), (1, 2, 4), (1, -2, 4), (0, 0, 24))
"""24 times the matrix G of F(4, 3)."""


class WinogradConv(nn.Module):
    """What a convolution computes by Winograd's minimal filtering F(4x4, 3x3) (Lavin and Gray 2016, eq. 8 and 13-15).

    Tiles of 4x4 outputs, each from 6x6 inputs, are found as `A' [(G g G') * (B' d B)] A`: 36 multiplications of each
    pair of channels where the window needs 144. These are 36 matrix products; the transforms around them are sums.
    Rounding is about ten times that of the direct form: 1e-4 of the values. Convolution of torch's oneDNN has no such
    form. There is no gradient.

    Args:
        convolution: One that `fits`; its weights are copied.
    """

    kernel: Tensor

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.padded = convolution.padding != (0, 0)
        self.mode = "constant" if convolution.padding_mode == "zeros" else convolution.padding_mode
        self.bias = convolution.bias
        g = torch.tensor(WEIGHTS, dtype=torch.float64) / 24  # (6, 3)
        kernel = torch.einsum("ai,bj,ocij->baco", g, g, convolution.weight.detach().double())
        self.register_buffer("kernel", kernel.flatten(0, 1).float().contiguous(), persistent=False)  # (36, C, O)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, O, H, W) of `x`, (B, C, H, W), or H+2 and W+2 without padding; float32, the channels last."""
        return in_strips(self._filtered, x, 1, self.padded)

    def _filtered(self, x: Tensor) -> Tensor:
        padded = F.pad(x, (1, 1, 1, 1), mode=self.mode) if self.padded else x
        y = filtered(padded.contiguous(memory_format=torch.channels_last), self.kernel)
        return y if self.bias is None else y.add_(self.bias[:, None, None])


def fits(module: nn.Module, narrowest: int = 1) -> bool:
    """Tell whether a module is a plain 3x3 convolution, unpadded or padded by 1, of as many channels at least."""
    return (
        isinstance(module, nn.Conv2d)
        and type(module).forward in (nn.Conv2d.forward, StripConv.forward)
        and (module.kernel_size, module.stride, module.dilation) == ((3, 3), (1, 1), (1, 1))
        and module.padding in ((0, 0), (1, 1))
        and module.groups == 1
        and min(module.in_channels, module.out_channels) >= narrowest
    )


def with_winograd(network: nn.Module, narrowest: int) -> nn.Module:
    """Return a copy of a network in which the convolutions that fit are computed so.

    Args:
        network: In float32, on the CPU; one without such convolutions is returned as it is.
        narrowest: Channels from which on a convolution is replaced.
    """
    if not any(fits(module, narrowest) for part in parts(network) for module in part.modules()):
        return network
    network = copy.deepcopy(network)
    for part in parts(network):
        for name, module in list(part.named_modules()):
            if name and fits(module, narrowest):
                assert isinstance(module, nn.Conv2d)
                part.set_submodule(name, WinogradConv(module))
    return network


def parts(network: nn.Module) -> list[nn.Module]:
    """Return a network, and the encoder that an AdaIN keeps out of its module tree."""
    return [network, *network._encoder] if isinstance(network, AdaIN) else [network]


@torch.library.custom_op("stylenet::winograd", mutates_args=())  # for torch.compile a single step: it has a loop
def filtered(x: Tensor, kernel: Tensor) -> Tensor:
    """Return the convolution, (B, O, H, W), without padding, of `x`, (B, C, H+2, W+2), both channels last.

    Args:
        x: Maps.
        kernel: Transformed weights, (36, C, O).
    """
    height, width = (side - 2 for side in x.shape[-2:])
    down, across = -(-height // 4), -(-width // 4)  # tiles
    if height % 4 or width % 4:
        x = F.pad(x, (0, 4 * across - width, 0, 4 * down - height))
    maps = x.permute(0, 2, 3, 1).contiguous()  # (B, 4*down+2, 4*across+2, C)
    result = x.new_empty(len(x), 4 * down, 4 * across, kernel.shape[2])
    step = max(1, TILES // across)
    for image, out in zip(maps, result, strict=True):
        for top in range(0, down, step):
            bottom = min(top + step, down)
            _filter_strip(image[4 * top : 4 * bottom + 2], kernel, out[4 * top : 4 * bottom])
    return _cropped(result, height, width)


@filtered.register_fake
def _(x: Tensor, kernel: Tensor) -> Tensor:
    height, width = (side - 2 for side in x.shape[-2:])
    result = x.new_empty(len(x), -(-height // 4) * 4, -(-width // 4) * 4, kernel.shape[2])
    return _cropped(result, height, width)


def _cropped(result: Tensor, height: int, width: int) -> Tensor:
    """Return (B, O, H, W) of whole tiles, (B, H', W', O)."""
    return result[:, :height, :width].permute(0, 3, 1, 2)


def _filter_strip(strip: Tensor, kernel: Tensor, out: Tensor) -> None:
    """Write the convolution of (4*r+2, 4*w+2, C) to `out`, (4*r, 4*w, O)."""
    r, w, channels = (strip.shape[0] - 2) // 4, (strip.shape[1] - 2) // 4, strip.shape[2]
    rows = strip.new_empty(6, r, 4 * w + 2, channels)
    _transform_input([strip[i : i + 4 * r - 3 : 4] for i in range(6)], rows)
    tiles = strip.new_empty(6, 6, r, w, channels)  # its columns, rows
    _transform_input([rows[:, :, j : j + 4 * w - 3 : 4] for j in range(6)], tiles)
    products = torch.bmm(tiles.view(36, r * w, channels), kernel).view(6, 6, r, w, -1)
    columns = strip.new_empty(4, 6, r, w, kernel.shape[2])
    _transform_output(products, columns)
    _transform_output(columns.transpose(0, 1), out.view(r, 4, w, 4, -1).permute(1, 3, 0, 2, 4))


def _transform_input(d: Sequence[Tensor], out: Tensor) -> None:
    """Write B'd, six sums of six inputs, to `out`."""
    a, b = torch.sub(d[4], d[2], alpha=4), torch.sub(d[3], d[1], alpha=4)
    torch.add(a, b, out=out[1])
    torch.sub(a, b, out=out[2])
    torch.sub(d[4], d[2], out=a)
    torch.sub(d[3], d[1], out=b)
    torch.add(a, b, alpha=2, out=out[3])
    torch.sub(a, b, alpha=2, out=out[4])
    torch.add(torch.sub(d[4], d[2], alpha=5, out=a), d[0], alpha=4, out=out[0])
    torch.add(torch.sub(d[5], d[3], alpha=5, out=b), d[1], alpha=4, out=out[5])


def _transform_output(m: Tensor, out: Tensor) -> None:
    """Write A'm, four sums of six products, to `out`."""
    a, b, c, d = m[1] + m[2], m[1] - m[2], m[3] + m[4], m[3] - m[4]
    torch.add(a, c, alpha=4, out=out[2])
    torch.add(a.add_(c), m[0], out=out[0])
    torch.add(b, d, alpha=2, out=out[1])
    torch.add(b.add_(d, alpha=8), m[5], out=out[3])
