"""Write networks for other programs: ONNX, or the graph that torch.export makes, for images of any size."""

import io
import logging
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram
from torch.nn import functional as F

from stylenet.errors import InputError
from stylenet.images import written_beside
from stylenet.networks import adain, johnson
from stylenet.networks.adain import AdaIN
from stylenet.networks.johnson import JohnsonNet, with_one_style

SIZES = ((64, 64), (8, 5), (33, 90), (122, 71), (160, 128))
"""Heights and widths that are tried: one that fills whole cells, smaller ones, and odd ones."""
TOLERANCE = 1e-3
"""The largest difference of a pixel's value, in [0, 1], that is let through."""
Run = Callable[..., Tensor]
"""Takes what the exported network takes, and returns its images, (B, 3, H, W)."""


class Mismatch(Exception):
    """What was exported does not compute what the network does."""


class JohnsonGraph(nn.Module):
    """A JohnsonNet without a branch for sizes that need no padding: every size is padded, some by nothing.

    Args:
        network: Of one style, or of several, whose mixture is then an input.
    """

    def __init__(self, network: JohnsonNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor, mixture: Tensor | None = None) -> Tensor:
        """Return stylized images, (B, 3, H, W), of `images`, (B, 3, H, W), and `mixture`, (1, S)."""
        network = self.network
        x = network.encoder(2 * _padded(images, johnson.STRIDE, johnson.SMALLEST) - 1, mixture)
        x = network.decoder(network.residuals(x, mixture), mixture)
        return network.finish(_cropped(x, images), images)


class AdaINGraph(nn.Module):
    """An AdaIN whose paintings are fixed; see `JohnsonGraph`.

    Args:
        network: Encoder and decoder.
        palette: Of N paintings, (1, N, 2, C).
        mixture: How much of each, (1, N); equal shares by default.
        alpha: Strength.
    """

    palette: Tensor
    mixture: Tensor | None

    def __init__(self, network: AdaIN, palette: Tensor, mixture: Tensor | None = None, alpha: float = 1.0) -> None:
        super().__init__()
        self.network, self.encoder = network, network.encoder  # registered, so that its weights are exported
        self.alpha = alpha
        self.register_buffer("palette", palette)
        self.register_buffer("mixture", mixture)

    def forward(self, images: Tensor) -> Tensor:
        """Return stylized images, (B, 3, H, W), of `images`, (B, 3, H, W)."""
        padded = _padded(images, adain.STRIDE, self.encoder.smallest)
        features = self.network.encode(padded)
        painted = _cropped(self.network.paint(padded, features, self.palette, self.mixture, self.alpha), images)
        return self.network.color(painted, self.palette, self.mixture, self.alpha)


def _padded(images: Tensor, stride: int, least: int) -> Tensor:
    """Return images padded to whole strides, as the networks do it; sizes may be symbols."""
    bottom, right = (  # torch.SymInt, of which F.pad's annotation does not know
        torch.sym_max(-(-least // stride) * stride, (side + stride - 1) // stride * stride) - side
        for side in images.shape[-2:]
    )
    return F.pad(images, cast(list[int], [0, right, 0, bottom]), mode="replicate")


def _cropped(x: Tensor, images: Tensor) -> Tensor:
    """Return `x` at the size of `images`. A slice would ask whether it is all of `x`, and hold for one answer only."""
    height, width = images.shape[-2:]
    return x.index_select(-2, torch.arange(height)).index_select(-1, torch.arange(width))


def trace(network: nn.Module, **baked: Any) -> ExportedProgram:
    """Return the graph of a network on the CPU, for any batch, height and width.

    Args:
        network: A JohnsonNet or an AdaIN, in eval mode on the CPU. One of several styles for which no mixture is baked
            in takes it as a second input, (1, S).
        **baked: What else the network's forward takes, for ever: `mixture`, (1, S); of an AdaIN `palette`, `mixture`
            and `alpha`.

    Raises:
        InputError: Another network.
    """
    inputs: tuple[Tensor, ...] = (torch.rand(2, 3, 70, 93),)
    shapes: tuple[Any, ...] = ({0: Dim.DYNAMIC, 2: Dim.DYNAMIC, 3: Dim.DYNAMIC},)
    if isinstance(network, AdaIN):
        graph: nn.Module = AdaINGraph(network, **baked)
    elif isinstance(network, JohnsonNet):
        fixed = with_one_style(network, **baked) if baked else network
        graph = JohnsonGraph(fixed)
        if fixed.num_styles > 1:
            inputs, shapes = (*inputs, example_mixture(fixed)), (*shapes, None)
    else:
        raise InputError(f"a {type(network).__name__} cannot be exported: give a JohnsonNet or an AdaIN")
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.export.export(graph.eval(), inputs, dynamic_shapes=shapes, strict=False)


def example_mixture(network: JohnsonNet) -> Tensor:
    """Return a mixture that has more of one style than of the next, (1, S)."""
    return torch.arange(1.0, network.num_styles + 1).softmax(0).unsqueeze(0)


def export(network: nn.Module, path: str | Path, form: str, **baked: Any) -> dict[tuple[int, int], float]:
    """Write a network, if the file computes what the network does; beside, and moved into place.

    Args:
        network: See `trace`.
        path: The file.
        form: `onnx`, in one file, checked in ONNX Runtime; or `torch`, for `torch.export.load`.
        **baked: See `trace`.

    Returns:
        The largest difference of a pixel's value at each height and width of `SIZES`.

    Raises:
        InputError: Packages are missing, the place cannot be written, or another network.
        Mismatch: A difference is over `TOLERANCE`; nothing was written.
    """
    if form == "onnx":
        require_onnx()
    program = trace(network, **baked)
    with written_beside(path) as temporary:
        run = _write_onnx(program, temporary) if form == "onnx" else _write_torch(program, temporary)
        found = differences(network, run, **baked)
        worst = max(found, key=lambda size: found[size])
        if not found[worst] <= TOLERANCE:
            height, width = worst
            raise Mismatch(f"what was exported differs by {found[worst]:.1e} at {width}x{height} pixels: not written")
    return found


def require_onnx() -> None:
    """Raise unless there is what ONNX needs.

    Raises:
        InputError: A package is missing.
    """
    missing = [name for name in ("onnx", "onnxscript", "onnxruntime") if find_spec(name) is None]
    if missing:
        raise InputError(f"ONNX needs {', '.join(missing)}: pip install 'stylenet[onnx]'")


def _write_onnx(program: ExportedProgram, path: Path) -> Run:
    """Write a graph, and return what runs the file."""
    import onnxruntime

    logging.getLogger("onnxscript").setLevel(logging.ERROR)  # it tells of constants that it did not fold
    names = ["images", "mixture"][: len(program.graph_signature.user_inputs)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        written = torch.onnx.export(
            program, dynamo=True, verbose=False, input_names=names, output_names=["stylized"], external_data=False
        )
        assert written is not None
        written.save(path, external_data=False)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    def run(*inputs: Tensor) -> Tensor:
        given = {name: value.numpy() for name, value in zip(names, inputs, strict=True)}
        return torch.from_numpy(session.run(None, given)[0])

    return run


def _write_torch(program: ExportedProgram, path: Path) -> Run:
    """Write a graph, and return what runs the file."""
    content = io.BytesIO()  # torch aborts the process where a disk is full
    torch.export.save(program, content)
    path.write_bytes(content.getbuffer())
    with open(path, "rb") as file:
        return torch.export.load(file).module()


@torch.no_grad()
def differences(network: nn.Module, run: Run, **baked: Any) -> dict[tuple[int, int], float]:
    """Return the largest difference of a pixel's value between a network and what was made of it, at each size.

    Args:
        network: A JohnsonNet or an AdaIN.
        run: Takes images, (1, 3, H, W), and a mixture, if none is baked in for a network of several styles.
        **baked: What else the network is given.
    """
    asked: dict[str, Tensor] = {}
    if isinstance(network, JohnsonNet) and network.num_styles > 1 and not baked:
        asked["mixture"] = example_mixture(network)
    generator, found = torch.Generator().manual_seed(0), {}
    for height, width in SIZES:
        image = torch.rand(1, 3, height, width, generator=generator)
        away = run(image, *asked.values()) - network(image, **asked, **baked)
        found[height, width] = float(away.abs().max())
    return found
