"""Swap a network's layers for ones that compute the same faster on a CPU."""

import os
from collections.abc import Callable
from itertools import pairwise
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn

from stylenet.acceleration.convolutions import NARROWEST, RowConv, StripConv, TransposedConv, WinogradConv
from stylenet.acceleration.instance_norm import FastConditionalNorm, FastInstanceNorm
from stylenet.acceleration.pooling import ShortPool
from stylenet.acceleration.winograd import pays
from stylenet.features.extractor import FeatureExtractor
from stylenet.networks.adain import AdaIN
from stylenet.networks.layers import ConditionalNorm, Conv, UpsampleBlock, UpsampledConv

VARIABLE = "STYLENET_ACCELERATE"
"""Set to 0, it leaves every layer as it is."""
M = TypeVar("M", bound=nn.Module)


def accelerate(module: M, device: str | torch.device = "cpu") -> M:
    """Put faster layers in place of a module's own, as `SyncBatchNorm.convert_sync_batchnorm` does; return the module.

    Values and gradients stay the same but for rounding (1e-4 of the largest value), and so do the parameters
    themselves, their names and all hooks. Faster are convolutions with reflection padding, the 3x3 ones of a
    `FeatureExtractor`, upsampling, instance norm and max pooling.

    Args:
        module: A network, a loss or an extractor; a layer on its own is not changed but returned anew.
        device: Where it will run; layers are exchanged for a CPU alone.
    """
    if os.environ.get(VARIABLE) == "0" or torch.device(device).type != "cpu":
        return module
    for part in list(module.modules()):
        if isinstance(part, AdaIN):
            accelerate(part.encoder)  # outside the tree of modules
        elif isinstance(part, UpsampleBlock) and isinstance(part[0], nn.Upsample):
            part[0] = nn.Identity()
            part.set_submodule("1.0", converted(part.get_submodule("1.0"), TransposedConv))
        elif isinstance(part, FeatureExtractor):
            _accelerate_convolutions(part)
    for path, layer in list(module.named_modules(remove_duplicate=False)):
        new = _exchanged(layer)
        if path and new is not layer:
            module.set_submodule(path, new)
    for part in module.modules():
        if isinstance(part, nn.Sequential):
            _normalize_in_place(part)
    return cast(M, _exchanged(module))


def _exchanged(layer: nn.Module) -> nn.Module:
    """Return a layer of the kind of the first rule that fits, or the layer itself."""
    return next((converted(layer, kind) for fits, kind in RULES if fits(layer)), layer)


def converted(layer: nn.Module, kind: type[nn.Module]) -> Any:
    """Return a layer of another kind that shares the tensors, hooks and attributes of the one given."""
    new = kind.__new__(kind)
    new.__dict__ = layer.__dict__
    return new


def _is(kind: type[nn.Module], **attributes: Any) -> Callable[[nn.Module], bool]:
    """Return a test for layers of just this kind and these attributes."""
    return lambda layer: (
        type(layer) is kind and all(getattr(layer, name) == value for name, value in attributes.items())
    )


RULES: tuple[tuple[Callable[[nn.Module], bool], type[nn.Module]], ...] = (
    (_is(UpsampledConv), TransposedConv),
    (_is(Conv, out_channels=3, kernel_size=(9, 9)), RowConv),
    (_is(Conv, kernel_size=(3, 3), stride=(1, 1)), WinogradConv),
    (_is(Conv), StripConv),
    (_is(nn.InstanceNorm2d, track_running_stats=False), FastInstanceNorm),
    (_is(ConditionalNorm), FastConditionalNorm),
    (_is(nn.MaxPool2d, return_indices=False), ShortPool),
)
"""Which layers are exchanged, and for what; the first rule that fits holds."""


def _accelerate_convolutions(extractor: FeatureExtractor) -> None:
    """Exchange an extractor's 3x3 convolutions of stride 1, and have its maps' channels last if any is wide enough."""
    convolutions = [(path, layer) for path, layer in extractor.body.named_modules() if isinstance(layer, nn.Conv2d)]
    plain = [(path, layer) for path, layer in convolutions if is_plain_3x3(layer)]
    for path, layer in plain:
        extractor.body.set_submodule(path, converted(layer, WinogradConv))
    if any(min(layer.in_channels, layer.out_channels) >= NARROWEST["laid out"] for _, layer in plain):
        first = convolutions[0][1]
        if _channels_last not in first._forward_pre_hooks.values():  # extractors share layers
            first.register_forward_pre_hook(_channels_last)


def is_plain_3x3(layer: nn.Conv2d) -> bool:
    """Tell whether a convolution is 3x3, of stride 1, ungrouped, and padded by 1 or not at all."""
    return (
        type(layer) is nn.Conv2d
        and (layer.kernel_size, layer.stride, layer.dilation) == ((3, 3), (1, 1), (1, 1))
        and (layer.padding, layer.padding_mode) in (((0, 0), "zeros"), ((1, 1), "zeros"), ((1, 1), "reflect"))
        and layer.groups == 1
    )


def _channels_last(layer: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor]:
    """Have a network's maps, (B, C, H, W), lie with their channels last where Winograd's form or 16 bits pay."""
    (x,) = inputs
    if pays(x) or (x.device.type == "cpu" and torch.is_autocast_enabled("cpu")):
        x = x.contiguous(memory_format=torch.channels_last)
    return (x,)


def _normalize_in_place(chain: nn.Sequential) -> None:
    """Let norms write over what a convolution before them gives, which nothing else reads."""
    for before, after in pairwise(chain):
        norm = after.plain if isinstance(after, ConditionalNorm) else after
        if isinstance(before, nn.Conv2d) and isinstance(norm, FastInstanceNorm):
            norm.inplace = True
