"""A trained network, ready to stylize single images."""

from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from stylenet.acceleration.accelerate import accelerate
from stylenet.color import luminance_only
from stylenet.devices import fitted, pick_device
from stylenet.errors import InputError
from stylenet.inference.conditions import condition, find_styles
from stylenet.inference.style_options import StyleOptions
from stylenet.inference.tiles import Callback
from stylenet.inference.tiling import tile_for, tiled
from stylenet.networks.checkpoint import describe, load_network
from stylenet.precision import autocast, check_precision

if TYPE_CHECKING:
    from stylenet.inference.hub import HubNetwork

BAND = 64
"""Rows of an image whose colors are worked on at once."""


class Stylizer:
    """Stylize images, one at a time.

    Args:
        network: Takes and gives (1, 3, H, W) in [0, 1]; put into eval mode and moved to the device.
        device: A name of `pick_device`, or a device.
        options: How; prepared once. By default, the one style of the network.
        tile: Pixels of a tile's side, for images that do not fit into memory; by default see `tile_for`.
        metadata: What the network's file says of it; by default what rebuilds it.
        compile: Compile the network by `torch.compile`: half a minute at the first picture of a size. Tiles are not.
        precision: `32-true`, or `bf16-mixed` to compute in 16-bit floats, see `stylenet.precision`.

    Raises:
        InputError: The device is not there, the styles are not of a kind that the network takes, or there is no C++
            compiler, or no such precision.
    """

    def __init__(
        self,
        network: nn.Module,
        device: str | torch.device = "auto",
        options: StyleOptions | None = None,
        tile: int | None = None,
        metadata: dict[str, Any] | None = None,
        compile: bool = False,
        precision: str = "32-true",
    ) -> None:
        self.device = pick_device(device) if isinstance(device, str) else device
        self._network = accelerate(network.eval().to(self.device), self.device)
        self.precision = precision
        check_precision(precision)
        if precision != "32-true":  # as 16-bit units take them
            self._network.to(memory_format=torch.channels_last)
        self.network = self._network  # what paints; the page puts one before it that remembers
        if compile:
            compile_network(self._network, self.device)
        self.options, self.tile = options or StyleOptions(), tile
        self._metadata = metadata
        self.condition = condition(self._network, self.options, self.device)

    @classmethod
    def from_checkpoint(
        cls,
        path: str | Path,
        device: str | torch.device = "auto",
        *,
        styles: Sequence[str] = (),
        style_size: int | None = None,
        tile: int | None = None,
        compile: bool = False,
        precision: str = "32-true",
        **options: Any,
    ) -> "Stylizer":
        """Return the stylizer in a file: a slim or Lightning checkpoint, or one of `stylenet.networks.peers`.

        Args:
            path: The file.
            device: As for the class.
            styles: Names or paths of paintings for a network of any style, names for one of many styles.
            style_size: Pixels of the paintings' shorter side; 512 by default.
            tile: As for the class.
            compile: As for the class.
            precision: As for the class.
            **options: Further arguments of `StyleOptions`.

        Raises:
            InputError: The file or a style cannot be used, the device is not there, or a bad option.
        """
        device = pick_device(device) if isinstance(device, str) else device
        network, metadata = load_network(path)
        found = find_styles(network, metadata, styles, style_size, options.get("stroke_scale", 1.0))
        return cls(network, device, StyleOptions(styles=found, **options), tile, metadata, compile, precision)

    @classmethod
    def from_pretrained(cls, place: str, *arguments: Any, revision: str | None = None, **options: Any) -> "Stylizer":
        """Return the stylizer in a folder of `save_pretrained` or in a repository of the Hugging Face hub.

        Args:
            place: The folder, or USER/REPOSITORY.
            *arguments: As for `from_checkpoint`.
            revision: A branch, tag or commit of the repository.
            **options: As for `from_checkpoint`.

        Raises:
            InputError: There is no such network, or as for `from_checkpoint`.
        """
        from stylenet.inference.hub import find_pretrained  # takes half a second to import

        return cls.from_checkpoint(find_pretrained(place, revision), *arguments, **options)

    def save_pretrained(self, folder: str | Path) -> None:
        """Write the network as the Hugging Face hub keeps it: `stylizer.safetensors`, `config.json` and a card."""
        self._for_hub().save_pretrained(folder)

    def push_to_hub(self, repository: str, **options: Any) -> str:
        """Upload the network to the Hugging Face hub, and return the address of the commit.

        Args:
            repository: USER/REPOSITORY; made if there is none.
            **options: Of huggingface_hub's mixin, such as `private` and `commit_message`.
        """
        return self._for_hub().push_to_hub(repository, **options)

    def _for_hub(self) -> "HubNetwork":
        from stylenet.inference.hub import HubNetwork

        return HubNetwork(self._network, self._metadata or describe(self._network))

    def with_options(self, **changes: Any) -> "Stylizer":
        """Return the same network with other style options; what need not be computed anew is shared.

        Args:
            **changes: Arguments of `StyleOptions`. Other shares, strength or masks cost nothing.

        Raises:
            InputError: A bad option, or styles of a kind that the network does not take.
        """
        other = copy(self)
        other.options = replace(self.options, **changes)
        if changes.keys() <= {"shares", "alpha", "masks"}:
            other.condition = copy(self.condition)
            other.condition.options = other.options
        else:
            other.condition = condition(self._network, other.options, self.device)
        return other

    def notes(self) -> list[str]:
        """Return how the style options are met, a line for each thing that could be had in several ways."""
        notes = self.condition.notes()
        if self.options.preserve_color == "luminance":
            notes = ["luminance: the output gets the photograph's chroma", *notes]
        return notes

    def tile_for(self, height: int, width: int) -> int | None:
        """Return the side of the tiles that photographs of a size are cut into; None: they stay whole.

        That is `tile`; by default, on a CPU, it is 512 for those that would not fit into memory.
        """
        return self._tile(self.condition.enter(torch.empty(1, 3, height, width, device="meta")))

    def _tile(self, image: Tensor) -> int | None:
        """Return the side of the tiles of an image, (1, 3, h, w), that the network is given."""
        height, width = image.shape[-2:]
        return self.tile or tile_for(self._network, self.device, height, width, mixed=len(self.options.styles) > 1)

    @torch.inference_mode()
    def __call__(self, image: Tensor, callback: Callback | None = None) -> Tensor:
        """Return the stylized image, of exactly the size given, on the CPU.

        Args:
            image: (1, 3, H, W) in [0, 1], from 1x1 pixel up.
            callback: Told how many tiles are done, and of how many; may raise to stop.

        Returns:
            (1, 3, H, W) in [0, 1].

        Raises:
            InputError: The image does not fit into memory.
        """
        height, width = image.shape[-2:]
        mend = "give a smaller --tile or --size" if self.tile else "cut it with --tile=512, or scale down with --size"
        return fitted(lambda: self._stylize(image, callback), self.device, f"{width}x{height} pixels do", mend)

    def _stylize(self, photograph: Tensor, callback: Callback | None) -> Tensor:
        """Return the stylized photograph; what lies beside the network runs on the CPU."""
        photograph = photograph.cpu()
        image = self.condition.enter(photograph)
        given = self.condition.arguments(image)
        with autocast(self.precision, self.device):
            stylized = self._forward(image, given, callback).float()
        stylized = self.condition.leave(stylized, photograph)
        if bool((photograph == photograph[..., :1, :1]).all()):  # plain: instance norm sees no light and no dark
            stylized = stylized.add_(photograph.mean() - stylized.mean()).clamp_(0, 1)
        if self.options.preserve_color == "luminance":  # in place, a band of rows at a time: memory may be short
            for band, own in zip(stylized.split(BAND, 2), photograph.split(BAND, 2), strict=True):
                band.copy_(luminance_only(band, own))
        coverage = self.options.coverage(photograph.shape[-2:])
        return stylized if coverage is None else torch.lerp(photograph, stylized, coverage, out=stylized)

    def _forward(self, image: Tensor, given: dict[str, Any], callback: Callback | None) -> Tensor:
        """Return what the network makes of an image, (1, 3, h, w), on the CPU."""
        if tile := self._tile(image):
            return tiled(self._network, image, tile, self.device, callback, **given)
        there = {name: value.to(self.device) if isinstance(value, Tensor) else value for name, value in given.items()}
        return self.network(image.to(self.device), **there).cpu()


def compile_network(network: nn.Module, device: torch.device) -> None:
    """Compile a network, in place, by `torch.compile`: at its first image, and again for some other sizes.

    Raises:
        InputError: There is no C++ compiler, which a CPU needs.
    """
    if device.type != "cpu":
        network.compile()
        return
    from torch._inductor.cpp_builder import get_cpp_compiler
    from torch._inductor.exc import InvalidCxxCompiler

    try:
        get_cpp_compiler()
    except InvalidCxxCompiler:
        raise InputError("--compile needs a C++ compiler: install g++, or leave it out") from None
    network.compile(options={"freezing": True})  # weights as constants
