"""Gatys' method, ours against the usual loop, in one run: cost of an evaluation, and time to an equal loss.

The usual loop is that of the PyTorch tutorial, see `pytorch_tutorial.py`: content relu4_2 and style relu1_1 to relu5_1
of VGG16, from the photograph, pixels clamped before each evaluation (--clamp end: only when it is over, as many do).
Ours minimizes the very same sum. What counts is the loss of images with pixels in [0, 1]; "best" is the lowest that the
loop ever had, for it may rise again. Weights are seeded random ones unless told, which take the same time.

    python benchmarks/gatys.py [--size 512] [--steps 300] [--backbone vgg16] [--content PHOTO] [--style PAINTING]

With --precision bf16-mixed ours computes in 16-bit floats, the loop in 32; the last line is by the loop's loss, still.
"""

import argparse
import ctypes
import multiprocessing
import os
import statistics
import sys
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import torch
from pytorch_tutorial import CONTENT, Evaluate, plain_evaluation, plain_run, style_layers
from torch import Tensor
from turns import measure_from_here, status

from stylenet.cli.exits import guarded
from stylenet.errors import InputError
from stylenet.features.extractor import FeatureExtractor
from stylenet.gatys.objective import CELL
from stylenet.gatys.optimize import optimize
from stylenet.gatys.run import Progress
from stylenet.images import load_image, resize
from stylenet.losses.options import LossOptions
from stylenet.losses.perceptual import PerceptualLoss
from stylenet.precision import PRECISIONS, autocast

HISTORIES = {"plain": 100, "ours": 20}  # of L-BFGS: PyTorch's default and ours


def our_loss(backbone: str, weights: str, style: Tensor, style_weight: float) -> PerceptualLoss:
    """Return the same sum as the tutorial's, which divides the Gram losses by C^2 too."""
    styles = style_layers(backbone)
    extractor = FeatureExtractor(backbone, [CONTENT, *styles], weights)
    with torch.no_grad():
        shares = {layer: maps.shape[1] ** -2 for layer, maps in extractor(style).items() if layer in styles}
    options = LossOptions(
        style_layers=shares,
        content_layers=[CONTENT],
        normalization="johnson",
        style_weight=style_weight * sum(shares.values()),
        tv_weight=0.0,
    )
    return PerceptualLoss(extractor, style, options)


def our_evaluation(loss: PerceptualLoss, content: Tensor, precision: str) -> Evaluate:
    """Return the loss, (1,), and its gradient, as ours computes them."""
    targets = loss.targets(content)

    def evaluate(image: Tensor) -> tuple[Tensor, Tensor]:
        image = image.detach().requires_grad_()
        with autocast(precision, image.device):
            total = loss.total(loss.per_item(image, targets))
            (gradient,) = torch.autograd.grad(total.sum(), image)
        return total.detach(), gradient

    return evaluate


def our_run(
    loss: PerceptualLoss, content: Tensor, style: Tensor, steps: int, target: float, precision: str
) -> tuple[list[float], list[float], Tensor]:
    """Return losses and seconds of our evaluations until `target` is reached, and the image."""

    def reached(progress: Progress) -> bool:
        return progress.record.total.item() <= target

    result = optimize(content, style, loss, steps=steps, callback=reached, precision=precision)
    losses = [record.total.item() for record in result.history]
    return losses, [record.seconds for record in result.history], result.image


def interleaved(evaluations: dict[str, Evaluate], image: Tensor, rounds: int) -> dict[str, float]:
    """Return the median seconds of each, in turn; the first round warms up."""
    seconds: dict[str, list[float]] = {name: [] for name in evaluations}
    for round_ in range(rounds + 1):
        for name, evaluate in evaluations.items():
            start = time.perf_counter()
            evaluate(image)
            if round_:
                seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def peak_memory(name: str, given: argparse.Namespace) -> float:
    """Return the MB by which one evaluation raises the peak of a fresh process; NaN where the system cannot tell.

    There each larger tensor is a mapping of its own (glibc): the gaps that it else leaves, of either side, scatter from
    call to call by a third of the whole.
    """
    os.environ["MALLOC_MMAP_THRESHOLD_"] = "65536"
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_peak_of, (name, given))


def _peak_of(name: str, given: argparse.Namespace) -> float:
    torch.set_num_threads(given.threads)
    content, style = pictures(given)
    evaluate = contestants(given, content, style)[name]
    with suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)  # glibc: else the evaluation finds its memory in what was freed before
    before = measure_from_here()
    evaluate(content)
    return status("VmHWM") - before


def pictures(given: argparse.Namespace) -> tuple[Tensor, Tensor]:
    """Return photograph and painting, (1, 3, H, W); `size` is the long side of the one, the short side of the other."""
    photograph = given.content
    if photograph is None:
        package = find_spec("skimage")
        if package is None or package.origin is None:
            raise InputError("no photograph: give --content, or install scikit-image")
        photograph = Path(package.origin).parent / "data" / "chelsea.png"  # CC0
    content = resize(load_image(photograph), given.size, side="long")
    height, width = (side // CELL * CELL for side in content.shape[-2:])  # ours mirrors on what is missing to cells
    return content[..., :height, :width], resize(load_image(given.style), given.size)


def contestants(given: argparse.Namespace, content: Tensor, style: Tensor) -> dict[str, Evaluate]:
    """Return one evaluation of loss and gradient of each."""
    loss = our_loss(given.backbone, given.weights, style, given.style_weight)
    return {
        "plain": plain_evaluation(given.backbone, given.weights, content, style, given.style_weight),
        "ours": our_evaluation(loss, content, given.precision),
    }


def cost_table(given: argparse.Namespace, evaluations: dict[str, Evaluate], content: Tensor) -> None:
    """Print what one evaluation costs."""
    seconds = interleaved(evaluations, content, given.rounds)
    memory = {name: peak_memory(name, given) for name in evaluations}
    pairs = {name: 2 * pairs * content.numel() * 4 / 2**20 for name, pairs in HISTORIES.items()}
    print("| one evaluation | plain | ours | ratio |\n|---|---|---|---|")
    print(_row("seconds", seconds, "{:.3f}"))
    print(_row("peak memory, MB", memory, "{:.0f}"))
    print(_row("memory of L-BFGS, MB", pairs, "{:.0f}"))
    print(_row("both, MB", {name: memory[name] + pairs[name] for name in evaluations}, "{:.0f}"), flush=True)


def _row(title: str, values: dict[str, float], form: str) -> str:
    cells = [form.format(values[name]) for name in ("plain", "ours")]
    return f"| {title} | {cells[0]} | {cells[1]} | {values['ours'] / values['plain']:.2f} |"


def race_table(given: argparse.Namespace, plain: Evaluate, content: Tensor, style: Tensor) -> None:
    """Print how soon ours has the loss of the plain loop's image; where it clamps each time, of its best one too."""
    losses, seconds, image = plain_run(plain, content, given.steps, given.clamp)
    goals = {"last": (plain(image)[0].item(), len(losses))}
    if given.clamp == "each":
        goals["best"] = (min(losses), losses.index(min(losses)) + 1)
    loss = our_loss(given.backbone, given.weights, style, given.style_weight)
    lowest = min(goal for goal, _ in goals.values())
    found, when, ours = our_run(loss, content, style, given.steps, lowest, given.precision)
    print("\n| loss to reach | evaluations: plain | ours | ratio | seconds: plain | ours | ratio |\n|" + "---|" * 7)
    for name, (goal, count) in goals.items():
        reached = next((i for i, value in enumerate(found, start=1) if value <= goal), None)
        took = seconds[count - 1]
        if reached is None:
            print(f"| {name}: {goal:.4g} | {count} | not in {len(found)} | | {took:.0f} | {when[-1]:.0f} | |")
            continue
        needed = when[reached - 1]
        counts = f"{count} | {reached} | {reached / count:.2f}"
        print(f"| {name}: {goal:.4g} | {counts} | {took:.0f} | {needed:.0f} | {needed / took:.2f} |")
    print(f"\nour last image by the plain loop's loss: {plain(ours)[0].item():.4g}")


def _benchmark() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--steps", type=int, default=300, help="evaluations")
    parser.add_argument("--backbone", default="vgg16", help="vgg16 or vgg19")
    parser.add_argument("--weights", default="random", help="random (default), imagenet or a file of all layers")
    parser.add_argument("--style_weight", type=float, default=1e6, help="the tutorial's")
    parser.add_argument("--content", help="by default scikit-image's cat, CC0")
    parser.add_argument("--style", default=str(Path(__file__).parents[1] / "data" / "styles" / "starry_night.jpg"))
    parser.add_argument("--clamp", choices=["each", "end"], default="each", help="when the plain loop clamps pixels")
    parser.add_argument("--precision", choices=PRECISIONS, default=PRECISIONS[0], help="of ours")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    content, style = pictures(given)
    evaluations = contestants(given, content, style)
    print(f"{given.backbone}, {given.weights} weights, {content.shape[-1]}x{content.shape[-2]} pixels\n", flush=True)
    cost_table(given, evaluations, content)
    race_table(given, evaluations["plain"], content, style)
    return 0


if __name__ == "__main__":
    sys.exit(guarded(_benchmark))
