"""Gatys' method: the pixels of an image are optimized until its features are those asked for."""

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from stylenet.acceleration.accelerate import accelerate
from stylenet.color import luminance_only, prepare_colors
from stylenet.errors import InputError, unknown
from stylenet.gatys.adam import SCHEDULES
from stylenet.gatys.objective import Problem, Stage, extended
from stylenet.gatys.run import OPTIMIZERS, Progress, Record, Run
from stylenet.images import shrink, to_size
from stylenet.losses.perceptual import PerceptualLoss
from stylenet.losses.terms import Style
from stylenet.losses.weighting import Balanced
from stylenet.precision import check_precision

INITS = ("content", "noise", "style")


@dataclass(frozen=True)
class Result:
    """What a run gives.

    Args:
        image: (B, 3, H, W) in [0, 1].
        history: Every evaluation.
        diverged: What went wrong and what to change, in a line; then `image` is the last good one.
    """

    image: Tensor
    history: list[Record]
    diverged: str | None = None


def optimize(
    content: Tensor,
    style: Tensor | Sequence[Style],
    loss: PerceptualLoss,
    *,
    optimizer: str = "lbfgs",
    init: str | Tensor = "content",
    steps: int = 300,
    lr: float | None = None,
    schedule: str = "constant",
    pyramid: int = 1,
    only: Tensor | None = None,
    masks: Tensor | None = None,
    labels: Tensor | None = None,
    preserve_color: str | None = None,
    weighting: Balanced | None = None,
    combined_after: float = 0.1,
    patience: int | None = None,
    callback: Callable[[Progress], bool | None] | None = None,
    seed: int = 0,
    precision: str = "32-true",
) -> Result:
    """Optimize images (Gatys, Ecker, Bethge 2016); a batch gives what its images give one by one.

    Departures: pixels are kept in [0, 1], so that the loss that is minimized is that of the image that is written; the
    authors clamp once, at the end, which undoes much of the work. Our own L-BFGS, see `stylenet.gatys.lbfgs`. With a
    style weight of 0 and noise to start from this is content reconstruction, with a content weight of 0 style
    reconstruction.

    Args:
        content: Photographs, (B, 3, H, W) in [0, 1].
        style: A painting, (1, 3, h, w) in [0, 1], or several.
        loss: What is minimized; its own paintings are replaced by `style`.
        optimizer: `lbfgs`, `adam` or `adamw`.
        init: `content`, `noise` (uniform, the same for each image), `style`, or images, (B or 1, 3, h, w) in [0, 1].
        steps: Evaluations of loss and gradient at full size, and half as many at each coarser one.
        lr: Learning rate of Adam and AdamW, 0.02 by default; lbfgs has none.
        schedule: Of the learning rate, at each size: `constant`, `linear` or `cosine`, both down to 0.
        pyramid: Number of sizes, from coarse to fine, each half the next; the first ones take their time too.
        only: Stylize only here: (B or 1, 1, H, W) in [0, 1]; elsewhere the photograph stays as it is.
        masks: Where each of N styles belongs, (B or 1, N, H, W) in [0, 1]; by default wherever `only` allows.
        labels: Pseudo-labels, (B, 3, H, W) in [0, 1], where the loss has weights for them.
        preserve_color: `luminance` or `coral` keeps the photograph's colors, see `stylenet.color`.
        weighting: Multipliers of the groups of terms; none by default.
        combined_after: Share of all steps after which the combined-image term takes its snapshot and acts.
        patience: Stop at a size when no image's loss fell by a thousandth in so many steps; never by default.
        callback: Called after every step; returning true ends the run, and what there is is returned.
        seed: Of the noise.
        precision: `32-true`, or `bf16-mixed` for loss and gradient in 16-bit floats, see `stylenet.precision`; the
            pixels stay in 32 bits.

    Returns:
        The images and every evaluation's terms.

    Raises:
        InputError: A name, number or shape that cannot be used.
    """
    check(optimizer, lr, schedule, patience, combined_after, precision)
    accelerate(loss, content.device)
    styles = [Style(style)] if isinstance(style, Tensor) else list(style)
    _check_shapes(content, styles, init, only, masks, labels)
    photographs, images = prepare_colors(content, [style.image for style in styles], preserve_color)
    paintings = [replace(style, image=image) for style, image in zip(styles, images, strict=True)]
    weighting = copy.deepcopy(weighting)  # it holds the state of one run
    problem = Problem(photographs, paintings, loss, weighting, only, masks, labels, precision)
    stages = problem.stages(steps, pyramid)

    def finished(free: Tensor) -> Tensor:
        images = to_size(free.detach(), content.shape[-2:]).clamp(0, 1)
        images = luminance_only(images, content) if preserve_color == "luminance" else images
        return images if only is None else torch.lerp(content, images, only)

    total = sum(stage.steps for stage in stages)
    run = Run(total, finished, optimizer, lr, SCHEDULES[schedule], combined_after, patience, callback)
    free = _coarse_to_fine(run, problem, stages, init, seed)
    if run.failures:  # it ends amid steps without a finite loss, fewer than those that end it
        run.give_up()
    return Result(finished(free), run.history, run.diverged)


def _coarse_to_fine(run: Run, problem: Problem, stages: Sequence[Stage], init: str | Tensor, seed: int) -> Tensor:
    """Return the free pixels, (B, 3, h, w), after the last stage, or at the size at which the run ended.

    What goes from one size to the next is the change: of the photographs where they were the start, so that their
    details are not lost, else of black.
    """
    change: Tensor | None = None
    for stage in stages:
        photographs = shrink(problem.photographs, stage.divisor)
        base = photographs if isinstance(init, str) and init == "content" else torch.zeros_like(photographs)
        if change is None:
            free = _start(init, photographs, problem.paintings[0].image, seed)
        else:
            free = (base + to_size(change, photographs.shape[-2:])).clamp(0, 1)
        free = run.at_one_size(problem.objective(stage.divisor), extended(free), stage.steps)
        change = free - base
        if run.over:
            break
    return free


def _start(init: str | Tensor, photographs: Tensor, painting: Tensor, seed: int) -> Tensor:
    """Return the free pixels at the beginning, of the photographs' shape."""
    if isinstance(init, Tensor):
        begin = init
    elif init == "noise":
        generator = torch.Generator().manual_seed(seed)
        begin = torch.rand(1, 3, *photographs.shape[-2:], generator=generator)
    else:
        begin = photographs if init == "content" else painting
    return to_size(begin.to(photographs), photographs.shape[-2:]).expand_as(photographs).clone()


def check(
    optimizer: str,
    lr: float | None,
    schedule: str = "constant",
    patience: int | None = None,
    combined_after: float = 0.1,
    precision: str = "32-true",
) -> None:
    """Raise an InputError for a way to optimize that there is not; `optimize` does so too."""
    check_precision(precision)
    for kind, name, known in (("optimizer", optimizer, OPTIMIZERS), ("schedule", schedule, SCHEDULES)):
        if name not in known:
            raise unknown(kind, name, known)
    if optimizer == "lbfgs" and (lr is not None or schedule != "constant"):
        raise InputError("lbfgs searches for its own step length: leave out lr and schedule, or take adam")
    if lr is not None and not 0 < lr < math.inf:
        raise InputError(f"lr is {lr}: give more than 0")
    if not 0 <= combined_after < 1:
        raise InputError(f"combined_after is {combined_after}: give a share of the steps, from 0 to 1")
    if patience is not None and patience < 1:
        raise InputError(f"patience is {patience}: give at least 1")


def _check_shapes(
    content: Tensor,
    styles: Sequence[Style],
    init: str | Tensor,
    only: Tensor | None,
    masks: Tensor | None,
    labels: Tensor | None,
) -> None:
    """Raise an InputError for images that do not fit together."""
    _check_shape("content", content, 3)
    if not styles:
        raise InputError("there is no style: give at least one painting")
    for style in styles:
        _check_shape("a style", style.image, 3, [1])
    count, either = len(content), sorted({1, len(content)})
    if isinstance(init, Tensor):
        _check_shape("init", init, 3, either)
    elif init not in INITS:
        raise unknown("init", init, INITS)
    channels = {"only": 1, "masks": None, "labels": 3}
    for name, images in (("only", only), ("masks", masks), ("labels", labels)):
        if images is not None:
            _check_shape(name, images, channels[name], [count] if name == "labels" else either)
            if images.shape[-2:] != content.shape[-2:]:
                raise InputError(
                    f"{name} has {_pixels(images)} pixels, the photograph {_pixels(content)}: give one size"
                )


def _check_shape(name: str, images: Tensor, channels: int | None, counts: Sequence[int] | None = None) -> None:
    """Raise an InputError unless images are so many, with so many channels; None for any number."""
    right = images.ndim == 4 and channels in (None, images.shape[1])
    if not right or len(images) not in (counts or [len(images)]):
        batch = " or ".join(map(str, counts)) if counts else "B"
        raise InputError(
            f"{name} has the shape {tuple(images.shape)}: give ({batch}, {channels or 'N'}, height, width)"
        )


def _pixels(images: Tensor) -> str:
    return f"{images.shape[-1]}x{images.shape[-2]}"
