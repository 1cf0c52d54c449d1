"""3x3 convolutions with a quarter of the multiplications, on a CPU."""

from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

VALUES = 2**15
"""Tiles at work at once, times channels, are at most so many for each thread, or a row of tiles: they should stay in
the cache."""
FEWEST = 64
"""Tiles of an image from which on it pays to transform the weights."""
WEIGHTS = ((6, 0, 0), (-4, -4, -4), (-4, 4, -4), (1, 2, 4), (1, -2, 4), (0, 0, 24))
"""24 times the matrix G of F(4, 3)."""

_exporting = getattr(torch.compiler, "is_exporting", torch.compiler.is_compiling)  # torch 2.6 has but the latter


def pays(x: Tensor) -> bool:
    """Tell whether maps, (B, C, H, W), are of the kind and size for which `convolve` is the faster way.

    The batch does not count, so that an image gives the same alone as among others.
    """
    if _exporting():  # sizes may be symbols, which must not be asked
        return False
    return (
        x.device.type == "cpu"
        and x.dtype == torch.float32
        and x.shape[-2] * x.shape[-1] >= 16 * FEWEST
        and not torch.is_autocast_enabled("cpu")
    )


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None, padding: int, reflect: bool = False) -> Tensor:
    """Return a 3x3 convolution by Winograd's minimal filtering F(4x4, 3x3) (Lavin and Gray 2016, eq. 8 and 13-15).

    Tiles of 4x4 outputs, each from 6x6 inputs, are found as `A' [(G g G') * (B' d B)] A`: 36 multiplications of each
    pair of channels where the window needs 144. These are 36 matrix products; the transforms around them are sums.
    Rounding is about ten times that of the direct form: 1e-4 of the values. The gradient of the input is such a
    convolution too. Convolution of torch's oneDNN has no such form.

    Args:
        x: (B, C, H, W), float32, on the CPU; quickest with the channels last.
        weight: (O, C, 3, 3).
        bias: (O,).
        padding: By zeros, 0 to 2.
        reflect: Pad by 1 by reflection instead of zeros; H and W are at least 2.

    Returns:
        (B, O, H - 2 + 2 padding, W - 2 + 2 padding), the channels last.
    """
    return _Convolution.apply(x, weight, bias, padding, reflect)


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, padding: int, reflect: bool) -> Tensor:
        ctx.save_for_backward(x if ctx.needs_input_grad[1] else None, weight)
        ctx.padding, ctx.reflect = padding, reflect
        return filtered(x, transform_weights(weight), bias, padding, reflect)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None, None, None]:
        x, weight = ctx.saved_tensors
        of_x, of_weight, of_bias, *_ = ctx.needs_input_grad
        found = None
        if of_x:
            padding = 2 if ctx.reflect else 2 - ctx.padding
            found = filtered(gradient, transform_weights(weight, turned=True), None, padding, False)
            found = _folded(found) if ctx.reflect else found
        matrices = transposed_weights(correlated(x, gradient, ctx.padding, ctx.reflect)) if of_weight else None
        return found, matrices, gradient.sum((0, 2, 3)) if of_bias else None, None, None


def _folded(gradient: Tensor) -> Tensor:
    """Return the gradient of maps, (B, C, H, W), by that of the maps padded by reflection, (B, C, H + 2, W + 2)."""
    for side in (gradient, gradient.transpose(2, 3)):
        side[:, :, 2] += side[:, :, 0]
        side[:, :, -3] += side[:, :, -1]
    return gradient[..., 1:-1, 1:-1]


def transform_weights(weight: Tensor, turned: bool = False) -> Tensor:
    """Return G g G' of weights g, (O, C, 3, 3), as 36 matrices, (36, C, O).

    Args:
        weight: g.
        turned: Of the convolution that gives the input's gradient instead: windows upside down, (36, O, C).
    """
    flat = weight.permute(2, 3, 0, 1) if turned else weight.permute(2, 3, 1, 0)
    sides = _both_sides(weight.dtype)
    return ((sides.flip(1) if turned else sides) @ flat.flatten(2).flatten(0, 1)).view(36, *flat.shape[2:])


def transposed_weights(gradient: Tensor) -> Tensor:
    """Return G' u G of the gradient u of transformed weights, (36, C, O): that of the weights, (O, C, 3, 3)."""
    flat = _both_sides(gradient.dtype).t() @ gradient.flatten(1)  # (9, C*O)
    return flat.view(3, 3, *gradient.shape[1:]).permute(3, 2, 0, 1)


def _both_sides(dtype: torch.dtype) -> Tensor:
    """Return what takes weights, as 9 numbers, to G g G', as 36."""
    g = torch.tensor(WEIGHTS, dtype=torch.float64) / 24  # (6, 3)
    return torch.einsum("ai,bj->baij", g, g).reshape(36, 9).to(dtype)


def _one_step(name: str, room: Callable[..., Tensor]) -> Callable[[Callable[..., Tensor]], Callable[..., Tensor]]:
    """Make a function, which has a loop, a single step to torch.compile; without that it is called as it stands.

    An operator of our own has torch import its compiler at the first call, which takes two seconds.

    Args:
        name: Of the operator.
        room: Takes the same, and returns a tensor like the result, whose values do not count.
    """

    def wrap(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        operator = torch.library.custom_op(f"stylenet::{name}", function, mutates_args=())
        operator.register_fake(room)

        @wraps(function)
        def called(*given: Any) -> Tensor:
            return operator(*given) if torch.compiler.is_compiling() else function(*given)

        return called

    return wrap


def _room(x: Tensor, kernel: Tensor, bias: Tensor | None, padding: int, reflect: bool) -> Tensor:
    height, width = (side - 2 + 2 * padding for side in x.shape[-2:])
    shape = (len(x), kernel.shape[2], height, width)
    return torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=torch.channels_last)


@_one_step("winograd", _room)
def filtered(x: Tensor, kernel: Tensor, bias: Tensor | None, padding: int, reflect: bool) -> Tensor:
    """Return what `convolve` does, by transformed weights, (36, C, O)."""
    result = _room(x, kernel, bias, padding, reflect)
    for place, strip in _strips(x, result, padding, reflect):
        _filter_strip(strip, kernel, bias, place)
    return result


@_one_step("winograd_weights", lambda x, gradient, *_: x.new_empty(36, x.shape[1], gradient.shape[1]))
def correlated(x: Tensor, gradient: Tensor, padding: int, reflect: bool) -> Tensor:
    """Return the gradient of the transformed weights, (36, C, O), by the gradient of the result, (B, O, H', W')."""
    total = x.new_zeros(36, x.shape[1], gradient.shape[1])
    for pull, strip in _strips(x, gradient, padding, reflect):
        down, across = (strip.shape[0] - 2) // 4, (strip.shape[1] - 2) // 4
        pull = F.pad(pull, (0, 0, 0, 4 * across - pull.shape[1], 0, 4 * down - pull.shape[0])).contiguous()
        rows = pull.new_empty(6, down, 4 * across, pull.shape[2])
        _spread([pull[i::4] for i in range(4)], rows)
        pulls = pull.new_empty(6, 6, down, across, pull.shape[2])
        _spread([rows[:, :, j::4] for j in range(4)], pulls)
        total.baddbmm_(_tiles(strip).transpose(1, 2), pulls.view(36, down * across, -1))
    return total


def _strips(x: Tensor, result: Tensor, padding: int, reflect: bool) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield rows of tiles of a result, (4*r or less, W', O), and the input that they are made from, (4*r+2, 4*w+2, C).

    Args:
        x: (B, C, H, W).
        result: (B, O, H', W').
        padding: By zeros.
        reflect: See `convolve`.
    """
    height, width = x.shape[-2:]
    down, across = (-(-side // 4) for side in result.shape[-2:])  # tiles
    step = max(1, VALUES * torch.get_num_threads() // max(x.shape[1], result.shape[1]) // across)
    for image, out in zip(x.permute(0, 2, 3, 1), result.permute(0, 2, 3, 1), strict=True):
        for top in range(0, down, step):
            bottom = min(top + step, down)
            first, last = 4 * top - padding, 4 * bottom + 2 - padding
            edges = padding, 4 * across + 2 - padding - width, max(-first, 0), max(last - height, 0)
            strip = F.pad(image[max(first, 0) : last], (0, 0, *edges)).contiguous()
            if reflect:
                strip[:, 0], strip[:, width + 1] = strip[:, 2], strip[:, width - 1]
                if first < 0:
                    strip[0] = strip[2]
                if last > height:
                    strip[height - first] = strip[height - 2 - first]
            yield out[4 * top : 4 * bottom], strip


def _tiles(strip: Tensor) -> Tensor:
    """Return B'dB of the tiles of a strip, (4*r+2, 4*w+2, C), as (36, r*w, C); of the 36 columns come first."""
    r, w, channels = (strip.shape[0] - 2) // 4, (strip.shape[1] - 2) // 4, strip.shape[2]
    rows = strip.new_empty(6, r, 4 * w + 2, channels)
    _transform_input([strip[i : i + 4 * r - 3 : 4] for i in range(6)], rows)
    tiles = strip.new_empty(6, 6, r, w, channels)  # its columns, rows
    _transform_input([rows[:, :, j : j + 4 * w - 3 : 4] for j in range(6)], tiles)
    return tiles.view(36, r * w, channels)


def _filter_strip(strip: Tensor, kernel: Tensor, bias: Tensor | None, out: Tensor) -> None:
    """Write the convolution of whole tiles, (4*r+2, 4*w+2, C), to `out`, (4*r, 4*w, O) or less of it."""
    r, w = (strip.shape[0] - 2) // 4, (strip.shape[1] - 2) // 4
    products = torch.bmm(_tiles(strip), kernel).view(6, 6, r, w, -1)
    columns = strip.new_empty(4, 6, r, w, kernel.shape[2])
    _transform_output(products, columns)
    ragged = out.shape[:2] != (4 * r, 4 * w)
    whole = out.new_empty(4 * r, 4 * w, out.shape[2]) if ragged else out
    _transform_output(columns.transpose(0, 1), whole.view(r, 4, w, 4, -1).permute(1, 3, 0, 2, 4))
    if bias is not None:
        whole.add_(bias)
    if ragged:
        out.copy_(whole[: out.shape[0], : out.shape[1]])


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


def _spread(d: Sequence[Tensor], out: Tensor) -> None:
    """Write A d, six sums of four outputs' gradients, to `out`."""
    out[0], out[5] = d[0], d[3]
    a, b = d[0] + d[2], d[1] + d[3]
    torch.add(a, b, out=out[1])
    torch.sub(a, b, out=out[2])
    torch.add(d[0], d[2], alpha=4, out=a)
    torch.add(d[1], d[3], alpha=4, out=b)
    torch.add(a, b, alpha=2, out=out[3])
    torch.sub(a, b, alpha=2, out=out[4])
