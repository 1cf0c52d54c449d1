"""What each kind of network is told of the style options, and what is done to its images where it cannot be told.

The one place that knows the kinds apart: AdaIN paints in any style, a JohnsonNet in the one or the many it has learnt.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stylenet.color import match_color
from stylenet.data.styles import find_style, load_style
from stylenet.devices import fitted
from stylenet.errors import InputError, unknown
from stylenet.inference.style_options import StyleOptions
from stylenet.networks.adain import AdaIN

STYLE_SIZE = 512
"""Pixels of a painting's shorter side, as in the test of AdaIN's authors."""


def condition(network: nn.Module, options: StyleOptions, device: torch.device) -> "Learnt | AnyStyle":
    """Return what a network is told of the style options; the network lies on the device.

    Raises:
        InputError: The styles are not of a kind that the network takes.
    """
    if isinstance(network, AdaIN):
        return AnyStyle(network, options, device)
    return Learnt(options, _rows(network))


def find_styles(
    network: nn.Module, metadata: Mapping[str, Any], given: Sequence[str], size: int | None, scale: float
) -> tuple[Tensor | int, ...]:
    """Return the styles among the options, as its network takes them.

    Args:
        network: From a checkpoint.
        metadata: Of the checkpoint; a network with many styles has their names there.
        given: Names or paths of paintings; of a network with many styles: names.
        size: Pixels of the paintings' shorter side, where the network takes paintings; `STYLE_SIZE` by default.
        scale: How many times as large strokes are: so much larger are the paintings.

    Raises:
        InputError: None were given to a network that needs them, or some to one that takes none, or an unknown one.
    """
    if isinstance(network, AdaIN):
        if not given:
            raise InputError("this network paints in any style: give --style=PAINTING, a name or a path")
        pixels = max(1, round((size or STYLE_SIZE) * scale))
        return tuple(load_style(find_style(style), pixels) for style in given)
    if size is not None:
        raise InputError("--style-size is for networks of any style (AdaIN): this one has learnt its styles, leave it")
    if _rows(network) == 1:
        if given:
            raise InputError("--style: this network has one style, the one it was trained for: leave --style out")
        return ()
    names = list(metadata["styles"])
    if not given:
        raise InputError(f"this network has {len(names)} styles: give --style=NAME, of {', '.join(names)}")
    for name in given:
        if name not in names:
            raise InputError(f"{unknown('style of this network', name, names)}; --ckpt=adain paints in any style")
    return tuple(names.index(name) for name in given)


def _rows(network: nn.Module) -> int:
    """Return how many styles a feed-forward network has learnt."""
    return getattr(network, "num_styles", 1)


def _notes(options: StyleOptions, alpha: str, coral: str, strokes: str) -> list[str]:
    """Return a line for each style option that is not as by default, which says how it is had."""
    lines = {
        f"alpha {options.alpha:g}: {alpha}": options.alpha < 1,
        f"coral: {coral}": options.preserve_color == "coral",
        f"strokes {options.stroke_scale:g} times as large: {strokes}": options.stroke_scale != 1,
    }
    return [line for line, is_shown in lines.items() if is_shown]


class Learnt:
    """A network of one style, or of many: it takes a mixture of them at most, its images take the rest.

    Args:
        options: Its styles are rows.
        rows: How many the network has.

    Raises:
        InputError: Styles for a network of one, none for a network of many, or paintings.
    """

    def __init__(self, options: StyleOptions, rows: int) -> None:
        if bool(options.styles) != (rows > 1) or not all(isinstance(row, int) and row < rows for row in options.styles):
            given = "their rows" if rows > 1 else "none"
            raise InputError(f"the options for a network of {rows} learnt styles have {given}")
        self.options, self.rows = options, rows

    def notes(self) -> list[str]:
        """Return how the style options are met, a line for each thing that could be had in several ways."""
        scale = self.options.stroke_scale
        return _notes(
            self.options,
            alpha="the output is blended with the photograph, pixel by pixel",
            coral="the output gets mean and covariance of the photograph's colors",
            strokes=f"the network sees the photograph at {1 / scale:g} of its size{', detail is lost' * (scale > 1)}",
        )

    def enter(self, photograph: Tensor) -> Tensor:
        """Return what the network is given of a photograph, (1, 3, h, w)."""
        height, width = photograph.shape[-2:]
        scale = self.options.stroke_scale
        return _scaled(photograph, (max(1, round(height / scale)), max(1, round(width / scale))))

    def arguments(self, image: Tensor) -> dict[str, Any]:
        """Return what else the network is given beside an image, (1, 3, h, w)."""
        if self.rows == 1:
            return {}
        mixture = self.options.mixture(image.shape[-2:])  # (1, N) or (1, N, h, w)
        whole = mixture.new_zeros(1, self.rows, *mixture.shape[2:])
        return {"mixture": whole.index_add_(1, torch.tensor(self.options.styles), mixture)}

    def leave(self, stylized: Tensor, photograph: Tensor) -> Tensor:
        """Return what came out at the photograph's size, with its colors and strength; it may be written to."""
        stylized = _scaled(stylized, photograph.shape[-2:])
        if self.options.preserve_color == "coral":
            stylized = match_color(stylized, photograph)
        alpha = self.options.alpha
        return stylized if alpha == 1 else torch.lerp(photograph, stylized, alpha, out=stylized)


class AnyStyle:
    """AdaIN: it takes the moments of paintings, a mixture of them, and the strength.

    The moments are computed once, but with `coral`, where paintings get each photograph's colors first.

    Args:
        network: On the device.
        options: Its styles are paintings, larger ones for larger strokes.
        device: Where moments are computed.

    Raises:
        InputError: There are no paintings, or they do not fit into memory.
    """

    def __init__(self, network: AdaIN, options: StyleOptions, device: torch.device) -> None:
        self.paintings = [style for style in options.styles if isinstance(style, Tensor)]
        if not self.paintings or len(self.paintings) != len(options.styles):
            raise InputError("the options for a network of any style have paintings: (1, 3, h, w) in [0, 1]")
        self.network, self.options, self.device = network, options, device
        self.palette = None if options.preserve_color == "coral" else self._palette(self.paintings)

    def notes(self) -> list[str]:
        """Return how the style options are met, a line for each thing that could be had in several ways."""
        return _notes(
            self.options,
            alpha="features are blended with the photograph's",
            coral="paintings get mean and covariance of each photograph's colors first",
            strokes=f"paintings are shown at {min(self.paintings[0].shape[-2:])} pixels",
        )

    def enter(self, photograph: Tensor) -> Tensor:
        """Return what the network is given of a photograph: all of it."""
        return photograph

    def arguments(self, image: Tensor) -> dict[str, Any]:
        """Return what else the network is given beside an image, (1, 3, H, W)."""
        palette = self.palette
        if palette is None:
            palette = self._palette([match_color(painting, image) for painting in self.paintings])
        return {"palette": palette, "mixture": self.options.mixture(image.shape[-2:]), "alpha": self.options.alpha}

    def leave(self, stylized: Tensor, photograph: Tensor) -> Tensor:
        """Return what came out, as it is."""
        return stylized

    @torch.no_grad()
    def _palette(self, paintings: Sequence[Tensor]) -> Tensor:
        """Return the moments of paintings of any sizes, (1, N, 2, C), on the device."""
        height, width = max((painting.shape[-2:] for painting in paintings), key=lambda size: size[0] * size[1])
        return fitted(
            lambda: torch.cat([self.network.palette(painting.to(self.device)) for painting in paintings], 1),
            self.device,
            f"a painting of {width}x{height} pixels does",
            "give a smaller --style-size",
        )


def _scaled(image: Tensor, size: Sequence[int]) -> Tensor:
    """Return an image at a height and width, antialiased."""
    if image.shape[-2:] == tuple(size):
        return image
    return F.interpolate(image, tuple(size), mode="bicubic", antialias=True).clamp_(0, 1)
