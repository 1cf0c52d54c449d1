"""Networks that others published, as ours."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from stylenet.errors import InputError
from stylenet.features.backbones import get_backbone
from stylenet.networks.adain import AdaIN
from stylenet.networks.johnson import JohnsonNet

_MARK = "deconv3.conv2d.weight"
_DECODER = (1, 5, 8, 11, 14, 18, 21, 25, 28)
"""Places of the convolutions in the decoder of naoto0804/pytorch-AdaIN, a bare Sequential."""
_STATISTICS = re.compile(r"in\d+\.running_(mean|var)$")


def is_pytorch_example(content: Mapping[str, Any]) -> bool:
    """Tell whether a state dict is a TransformerNet of pytorch/examples, fast_neural_style."""
    return _MARK in content


def _renamed(name: str) -> str:
    """Return our name of a tensor of a TransformerNet."""
    stem, _, kind = name.rpartition(".")
    if match := re.fullmatch(r"(conv|in)([123])(\.conv2d)?", stem):
        return f"encoder.{int(match[2]) - 1}.{0 if match[1] == 'conv' else 1}.{kind}"
    if match := re.fullmatch(r"res(\d)\.(conv|in)([12])(\.conv2d)?", stem):
        place = {"conv1": "0.0", "in1": "0.1", "conv2": "1", "in2": "2"}[match[2] + match[3]]
        return f"residuals.{int(match[1]) - 1}.body.{place}.{kind}"
    if stem == "deconv3.conv2d":
        return f"decoder.2.{kind}"
    if match := re.fullmatch(r"(deconv|in)([1245])(\.conv2d)?", stem):
        index = int(match[2]) - 1 if match[1] == "deconv" else int(match[2]) - 4
        return f"decoder.{index}.1.{0 if match[1] == 'deconv' else 1}.{kind}"
    raise KeyError(name)


def read_pytorch_example(content: Mapping[str, Tensor], source: str) -> tuple[nn.Module, dict[str, Any]]:
    """Return a TransformerNet of pytorch/examples as a JohnsonNet, and its metadata.

    Theirs takes and gives RGB in 0-255 and is linear at the end. Both scalings are folded into the first and last
    convolution: ours feeds `2x - 1`, so `255x = 127.5 (2x - 1) + 127.5`.  Old files carry statistics of instance norm
    that nothing uses; they are dropped.

    Raises:
        InputError: Tensors are missing or have other shapes.
    """
    tensors = {}
    try:
        for name, tensor in content.items():
            if not _STATISTICS.search(name):
                tensors[_renamed(name)] = tensor.clone()
        first = tensors["encoder.0.0.weight"]
        tensors["encoder.0.0.bias"] += 127.5 * first.sum((1, 2, 3))
        tensors["encoder.0.0.weight"] = 127.5 * first
        for kind in ("weight", "bias"):
            tensors[f"decoder.2.{kind}"] /= 255
        tensors["decoder.2.bias"] -= 0.5  # which our linear output adds
        network = JohnsonNet(output="linear")
        network.load_state_dict(tensors)
    except (KeyError, AttributeError, IndexError, RuntimeError):
        raise InputError(f"{source} looks like a TransformerNet of pytorch/examples but does not fit it") from None
    return network.eval(), {"class": "JohnsonNet", "arguments": network.arguments, "source": "pytorch/examples"}


def is_pytorch_adain(content: Mapping[str, Any]) -> bool:
    """Tell whether a state dict is a decoder of naoto0804/pytorch-AdaIN."""
    return set(content) == {f"{place}.{kind}" for place in _DECODER for kind in ("weight", "bias")}


def read_pytorch_adain(content: Mapping[str, Tensor], path: Path) -> tuple[nn.Module, dict[str, Any]]:
    """Return a decoder of naoto0804/pytorch-AdaIN as an AdaIN, and its metadata.

    Its encoder is in another file, `vgg_normalised.pth`, which is looked for beside the decoder and then where all
    weights are.

    Raises:
        InputError: Tensors have other shapes, or the encoder is not there.
    """
    beside = path.with_name(get_backbone("vgg_normalised").weights_file)
    network = AdaIN("vgg_normalised", str(beside) if beside.is_file() else "imagenet", faithful=False)
    ours = [name for name, layer in network.decoder.named_children() if isinstance(layer, nn.Conv2d)]
    try:
        for theirs, name in zip(_DECODER, ours, strict=True):
            layer = {kind: content[f"{theirs}.{kind}"] for kind in ("weight", "bias")}
            network.decoder.get_submodule(name).load_state_dict(layer)
    except (RuntimeError, AttributeError):
        raise InputError(f"{path} looks like a decoder of naoto0804/pytorch-AdaIN but does not fit it") from None
    network.arguments["weights"] = "imagenet"
    return network.eval(), {"class": "AdaIN", "arguments": network.arguments, "source": "naoto0804/pytorch-AdaIN"}
