"""Inference speed: ours in several ways against the plain code of others, in turn, in one call.

The plain side is written anew and run as its users run it: eager, under no_grad, with the allocator as the system has
it. For `johnson` it is the TransformerNet of pytorch/examples; for `adain` the Sequentials of naoto0804/pytorch-AdaIN,
which encode the painting for each photograph. Ours has the same weights, under the allocator that `infer.py` sets:
eager; with its tensors in channels-last order; compiled, as by `infer.py --compile`; for `johnson`, in ONNX Runtime.
Each side is a process of its own; one works while the others wait, and who begins changes from round to round. Times
are compared round by round; on a machine that does other things too, CPU seconds say more. On the CPU.

    python benchmarks/inference.py [--network adain] [--sizes 256 512 1024] [--sides ours compiled] [--pairs 5]
        [--steps 1] [--threads N]
"""

import argparse
import ctypes
import os
import statistics
import sys
import tempfile
import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

import torch
from pytorch_examples import plain_network
from torch import Tensor, nn
from turns import Turn, Turns, status, take_turns

from stylenet.acceleration.accelerate import accelerate
from stylenet.acceleration.allocator import keep_memory
from stylenet.cli.exits import guarded
from stylenet.data.synthetic import DeadLeaves
from stylenet.features.backbones import VGGNormalised, vgg_normalised_layers
from stylenet.inference.stylizer import compile_network
from stylenet.networks.adain import AdaIN
from stylenet.networks.decoder import ENCODED
from stylenet.networks.johnson import JohnsonNet
from stylenet.networks.layers import UpsampledConv

Run = Callable[[Tensor], Tensor]


def network(given: argparse.Namespace) -> nn.Module:
    """Return the network, with the weights that every side has."""
    torch.manual_seed(0)
    if given.network == "johnson":
        return JohnsonNet(output="linear").eval()
    adain = AdaIN("vgg_normalised", "random").eval()
    last = adain.decoder[-1]
    assert isinstance(last, nn.Conv2d)
    nn.init.orthogonal_(last.weight, 8.0)  # else the pictures are nearly gray, and alike whoever computes them
    nn.init.constant_(last.bias, 0.5)
    return adain


def condition(network: nn.Module, given: argparse.Namespace) -> dict[str, Tensor]:
    """Return what our network takes besides photographs: for a folder, a painting is looked at once."""
    return {"palette": network.palette(pictures(given)[1])} if isinstance(network, AdaIN) else {}


def pictures(given: argparse.Namespace) -> tuple[Tensor, Tensor]:
    """Return a photograph and a painting, (1, 3, size, size)."""
    leaves = DeadLeaves(given.size)
    return leaves[0].unsqueeze(0), leaves[1].unsqueeze(0)


def plain(given: argparse.Namespace) -> Run:
    """Return what the others do; they clamp when they save."""
    if given.network == "adain":
        return plain_adain(given)
    examples = plain_network().eval()
    return lambda image: (examples(2 * image - 1) + 0.5).clamp(0, 1)


def plain_adain(given: argparse.Namespace) -> Run:
    """Return naoto0804's test.py, with the weights of an AdaIN."""
    ours, painting = network(given), pictures(given)[1]
    assert isinstance(ours, AdaIN)
    encoder = nn.Sequential(*list(VGGNormalised())[: int(vgg_normalised_layers()["relu4_1"]) + 1])
    encoder.load_state_dict(ours._encoder[0].body.state_dict())
    layers: list[nn.Module] = []
    for layer in ours.decoder:
        if isinstance(layer, nn.Conv2d):
            convolution = nn.Conv2d(layer.in_channels, layer.out_channels, 3)
            convolution.load_state_dict(layer.state_dict())
            above = [nn.Upsample(scale_factor=2)] if isinstance(layer, UpsampledConv) else []
            layers += [*above, nn.ReflectionPad2d(1), convolution]
        else:
            layers.append(nn.ReLU())
    decoder = nn.Sequential(*layers)

    def moments(features: Tensor) -> tuple[Tensor, Tensor]:
        flat = features.view(1, ENCODED, -1)
        return flat.mean(2).view(1, ENCODED, 1, 1), (flat.var(2) + 1e-5).sqrt().view(1, ENCODED, 1, 1)

    def run(image: Tensor) -> Tensor:
        content, style = encoder(image), encoder(painting)
        (mean, deviation), (new_mean, new_deviation) = moments(content), moments(style)
        return decoder((content - mean) / deviation * new_deviation + new_mean).clamp(0, 1)

    return run


def ours(given: argparse.Namespace) -> Run:
    """Return our network, as it is."""
    keep_memory()
    eager = accelerate(network(given))
    return partial(eager, **condition(eager, given))


def channels_last(given: argparse.Namespace) -> Run:
    """Return our network, whose tensors have their channels last."""
    keep_memory()
    last = accelerate(network(given)).to(memory_format=torch.channels_last)
    style = condition(last, given)
    return lambda image: last(image.contiguous(memory_format=torch.channels_last), **style)


def compiled(given: argparse.Namespace) -> Run:
    """Return our network compiled."""
    keep_memory()
    eager = accelerate(network(given))
    compile_network(eager, torch.device("cpu"))
    return partial(eager, **condition(eager, given))


def onnx(given: argparse.Namespace) -> Run:
    """Return our network in ONNX Runtime."""
    import onnxruntime

    keep_memory()
    path = str(Path(given.folder, "network.onnx"))
    torch.onnx.export(network(given), pictures(given)[:1], path, dynamo=True, verbose=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = given.threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda image: torch.from_numpy(session.run(None, {name: image.numpy()})[0])


SIDES = {side.__name__: side for side in (plain, ours, channels_last, compiled, onnx)}


def work(name: str, given: argparse.Namespace, pipe: Connection) -> None:
    """Be a side: stylize the same photograph in every step; leave picture and preparation's cost in the folder.

    Memory is what the process takes beyond what it holds once prepared, when what it freed is given back.
    """
    torch.set_num_threads(given.threads)
    warnings.simplefilter("ignore")
    image = pictures(given)[0]
    with torch.no_grad() if name == "plain" else torch.inference_mode():
        before, start = status("VmRSS"), cpu_seconds()
        run = SIDES[name](given)
        picture = run(image)
        notes = {"picture": picture, "seconds": cpu_seconds() - start, "memory": status("VmHWM") - before}
        torch.save(notes, Path(given.folder, f"{name}.pt"))
        del notes
        with suppress(AttributeError):
            ctypes.CDLL(None).malloc_trim(0)  # glibc
        turns = Turns(given, pipe)
        while turns.stepped(picture.mean()):
            picture = run(image)


def cpu_seconds() -> float:
    """Return what this process, and the compilers that it started, have worked."""
    return sum(os.times()[:4])


def report(given: argparse.Namespace, turns: dict[str, list[Turn]]) -> None:
    """Print the table of one size."""
    notes = {name: torch.load(Path(given.folder, f"{name}.pt")) for name in turns}
    print(f"\n| {given.size} px | seconds | times as fast | CPU seconds | times as fast | memory, MB | of plain "
          "| off by, 1/255 | first: CPU seconds | memory, MB |\n|" + "---|" * 10)  # fmt: skip
    first = turns["plain"]
    for name, own in turns.items():
        seconds, faster = compared([turn.seconds for turn in first], [turn.seconds for turn in own])
        cpu, lighter = compared([turn.cpu_seconds for turn in first], [turn.cpu_seconds for turn in own])
        memory = own[-1].memory, own[-1].memory / first[-1].memory
        off = 255 * (notes[name]["picture"] - notes["plain"]["picture"]).abs().max()
        print(f"| {name} | {seconds / given.steps:.3f} | {faster:.2f} | {cpu / given.steps:.3f} | {lighter:.2f} "
              f"| {memory[0]:.0f} | {memory[1]:.2f} | {off:.4f} "
              f"| {notes[name]['seconds']:.1f} | {notes[name]['memory']:.0f} |", flush=True)  # fmt: skip


def compared(plain: list[float], ours: list[float]) -> tuple[float, float]:
    """Return the median of our turns, and by how many times it is faster; the first turn does not count."""
    ratios = [theirs / own for theirs, own in zip(plain[1:], ours[1:], strict=True)]
    return statistics.median(ours[1:]), statistics.median(ratios)


def _benchmark() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", choices=["johnson", "adain"], default="johnson")
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 512, 1024], help="pixels of a side")
    parser.add_argument("--sides", nargs="+", choices=list(SIDES), help="besides plain; by default, all")
    parser.add_argument("--steps", type=int, default=1, help="pictures in a turn")
    parser.add_argument("--pairs", type=int, default=5, help="rounds of turns; one more, the first, warms up")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = parser.parse_args()
    sides = given.sides or [name for name in SIDES if (given.network, name) != ("adain", "onnx")]
    print(f"{given.network}, {given.pairs} rounds of {given.steps} pictures, {given.threads} threads")
    for size in given.sizes:
        given.size = size
        with tempfile.TemporaryDirectory() as given.folder:
            names = dict.fromkeys(["plain", *sides])
            report(given, take_turns({name: partial(work, name) for name in names}, given))
    return 0


if __name__ == "__main__":
    sys.exit(guarded(_benchmark))
