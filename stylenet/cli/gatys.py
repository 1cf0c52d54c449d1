"""The command `stylenet gatys`: optimize the pixels of one image, or those of a film's frames."""

import os
import sys
from collections.abc import Mapping
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import torch
from jsonargparse.typing import NonNegativeFloat

from stylenet.acceleration.allocator import keep_memory
from stylenet.cli.arguments import Levels, Pixels, Seed, Steps, call
from stylenet.cli.exits import FAILED, INTERRUPTED, OK, stop_when_asked
from stylenet.cli.gatys_film import Watch, film_job
from stylenet.color import check_preserve_color
from stylenet.console import print_card
from stylenet.devices import most_memory, pick_device
from stylenet.errors import InputError
from stylenet.features.backbones import get_backbone
from stylenet.features.weights import resolve_weights
from stylenet.film.timelapse import Film
from stylenet.gatys.defaults import gatys_loss, gatys_options, gatys_shares
from stylenet.gatys.film import FramePainter
from stylenet.gatys.optimize import check, optimize
from stylenet.gatys.pictures import Pictures, load_pictures
from stylenet.images import save_image
from stylenet.inference.outputs import check_writable, keep_inputs, plan
from stylenet.losses.options import LossOptions
from stylenet.losses.perceptual import PerceptualLoss
from stylenet.losses.weighting import Balanced

LOSS = (LossOptions, ("pixel_weight", "perceptual_weight", "temporal_weight"))
"""The options of the loss, but for the weights of what only trainings have."""


def gatys(
    content: str,
    style: list[str],
    output: str,
    video: str | None = None,
    size: Pixels | None = None,
    style_size: Pixels | None = None,
    style_weights: list[float] | None = None,
    mask: list[str] | None = None,
    style_mask: list[str] | None = None,
    steps: Steps = 300,
    pyramid: Levels = 1,
    optimizer: str = "lbfgs",
    lr: float | None = None,
    schedule: str = "constant",
    init: str = "content",
    preserve_color: str | None = None,
    style_strength: float | None = None,
    combined_after: float = 0.1,
    patience: int | None = None,
    start: str | float | None = None,
    end: str | float | None = None,
    frame_steps: Steps | None = None,
    temporal_weight: NonNegativeFloat | None = None,
    seed: Seed = 0,
    precision: str = "32-true",
    device: str = "auto",
    backbone: str = "vgg16",
    weights: str = "auto",
    loss: dict[str, Any] | None = None,
) -> int:
    """Optimize one image until it shows the photograph in the painting's style (Gatys et al. 2016).

    Of a film every frame, each from the one before, carried along (Ruder et al. 2016). Finished frames are kept beside
    the output until all are there: the same command goes on where it was left.

    Exit codes: 0 done, 1 diverged (the last good image is saved), 2 bad input, 130 interrupted (the image so far is
    saved).

    Args:
        content: The photograph or film.
        style: A painting: an image, or a style's name; several are blended.
        output: The image or film to write, whose suffix says the format; overwritten if it exists.
        video: Film the optimization into this .mp4, .mov or .mkv.
        size: Scale the photograph's longer side to this many pixels; by default 512 at most.
        style_size: The same of the paintings' shorter side; by default the photograph's.
        style_weights: Shares of several styles, e.g. 0.3,0.7; by default equal.
        mask: Stylize only where it is white; with several styles one for each.
        style_mask: Look at the painting only where it is white; one for each style.
        steps: Evaluations of the loss.
        pyramid: Number of sizes, from coarse to fine, each half the next, with half the steps.
        optimizer: lbfgs, adam or adamw.
        lr: Learning rate of adam and adamw, 0.02 by default.
        schedule: Of the learning rate: constant, linear or cosine.
        init: What to start from: content, noise, style, or an image's path.
        preserve_color: luminance or coral keeps the photograph's colors.
        style_strength: Balance style and content by their gradients: 5 is usual, 10 twice as strong.
        combined_after: Share of all steps after which the combined-image term acts.
        patience: Stop when the loss did not fall by a thousandth in so many steps.
        start: Of a film: leave out what comes before this time: seconds, or 1:02.
        end: Of a film: stop at this time.
        frame_steps: Of a film: steps of each frame but the first one of a scene, 40 by default.
        temporal_weight: Of a film: weight of differences from the last picture, carried along, 200 by default.
        seed: Of the noise.
        precision: 32-true, or bf16-mixed: 16-bit floats, quicker on GPUs and on CPUs that have units for them.
        device: auto, cpu, cuda, cuda:N or mps.
        backbone: Loss network.
        weights: Of the loss network: auto (bundled or imagenet), random or a file.
        loss: What is minimized.
    """
    given_options = dict(locals())  # before there are other names
    keep_memory()
    place = pick_device(device)
    how: dict[str, Any] = {
        "optimizer": optimizer, "lr": lr, "schedule": schedule, "combined_after": combined_after, "patience": patience,
        "precision": precision,
    }  # fmt: skip
    check(**how)
    check_preserve_color(preserve_color)
    target, film = _targets(content, output, video)
    job = film_job(Path(content), target, given_options)
    first, frames = job.first_frame() if job else (content, 1)
    masks, style_masks = mask or [], style_mask or []
    pictures = load_pictures(
        first, style, size=size, style_size=style_size, style_weights=style_weights, masks=masks,
        style_masks=style_masks, init=init, device=place,
    )  # fmt: skip
    keep_inputs([target], [*pictures.paths, *masks, *style_masks, init])
    network = (backbone, resolve_weights(backbone, weights))
    given, how["weighting"] = _balanced(backbone, style_strength, loss or {})
    _check_size(content, pictures, backbone)
    _warn_of_memory(content, pictures, backbone, place)
    objective = gatys_loss(*network, pictures.styles, given, place)
    how |= {"steps": steps, "pyramid": pyramid, "preserve_color": preserve_color, "seed": seed}
    kept = job and job.keep(given_options | {"style": pictures.paths, "weights": network[1]})
    strength = "" if style_strength is None else f", style strength {style_strength:g}"
    sizes = f", half as many at each of {pyramid - 1} coarser sizes" if pyramid > 1 else ""
    print_card(
        {"content": content}
        | pictures.describe()
        | {
            "loss network": f"{backbone}, {Path(network[1]).name} weights",
            "optimizer": f"{optimizer}, {steps} steps{sizes}, from {init}{strength}",
            "device": str(place),
            "output": str(target),
        }
        | (job.describe(frames, kept) if job and kept else {})
    )
    try:
        if job and kept:
            painter = FramePainter(pictures, objective, how, job.frame_steps, job.temporal_weight)
            return job.run(painter, kept, size)
        return optimize_and_save(pictures, objective, how, target, film)
    except torch.OutOfMemoryError:
        raise InputError(f"{content} does not fit into the memory at this size: give a smaller --size") from None


run = partial(call, gatys, "stylenet gatys", groups={"loss": LOSS})
"""Takes the arguments of a command line, and returns the exit code."""


def optimize_and_save(
    pictures: Pictures, loss: PerceptualLoss, how: Mapping[str, Any], target: Path, film: Film | None
) -> int:
    """Optimize under a progress bar, write what comes out, say so, and return the exit code.

    Args:
        pictures: All that were read.
        loss: What is minimized.
        how: Further arguments of `optimize`.
        target: The image to write.
        film: The film to write, or None.
    """
    how = {"init": pictures.init, "only": pictures.only, "masks": pictures.masks, **how}
    with stop_when_asked() as asked, film or nullcontext(), Watch(asked, film) as watch:
        result = optimize(pictures.content, pictures.styles, loss, callback=watch, **how)
        save_image(result.image, target)
        if film:
            film.hold(result.image)
    wrote = f"wrote {target}" if film is None else f"wrote {target} and {film.path}"
    if result.diverged:
        print(f"diverged: {result.diverged}; {wrote}, the last good image", file=sys.stderr)
        return FAILED
    print(f"interrupted; {wrote}" if asked else wrote, file=sys.stderr)
    return INTERRUPTED if asked else OK


def _targets(content: str, output: str, video: str | None) -> tuple[Path, Film | None]:
    """Return the image to write and the film, or None."""
    if os.path.isdir(content):
        raise InputError(f"--content={content} is a folder: give one image or film")
    (target,) = plan(content, output, films=True).values()
    if not video:
        return target, None
    check_writable([Path(video)])
    return target, Film(video)


def _balanced(
    backbone: str, strength: float | None, given: Mapping[str, Any]
) -> tuple[Mapping[str, Any], Balanced | None]:
    """Return the options of the loss, and the weighting that has a style strength: its terms have a weight of 1."""
    if strength is None:
        return given, None
    given = {"style_weight": 1.0, **given}
    weighting = Balanced(gatys_shares(backbone, strength))
    options = gatys_options(backbone, given)
    if not (options.content_weight and options.style_weight):
        raise InputError(
            "--style-strength balances content and style: give neither a weight of 0, or leave --style-strength out"
        )
    return given, weighting


def _check_size(content: str, pictures: Pictures, backbone: str) -> None:
    """Raise for a photograph that is too small to have features."""
    height, width = pictures.content.shape[-2:]
    least = get_backbone(backbone).smallest
    if min(height, width) < least:
        raise InputError(
            f"{content} has {width}x{height} pixels at this size: {backbone} needs at least {least} on each side, "
            "give a larger --size"
        )


def _warn_of_memory(content: str, pictures: Pictures, backbone: str, device: torch.device) -> None:
    """Say so where a photograph takes more than the memory there is: the system would end the process without a word.

    The bytes are fewer than any measured with the layers that the loss has by default (24 steps, 256 to 1448 pixels).
    """
    most = most_memory() if device.type == "cpu" and backbone.startswith("vgg") else None
    if most is None:
        return
    height, width = pictures.content.shape[-2:]
    needed = 1e9 + 1500 * height * width
    if needed > most:
        print(
            f"{content} at {width}x{height} pixels takes over {needed / 1e9:.1f} GB, and {most / 1e9:.1f} GB are "
            "there: if the system ends this, give a smaller --size",
            file=sys.stderr,
        )
