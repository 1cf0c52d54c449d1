"""A run of `stylenet gatys`: everything is read and checked before the first step."""

import os
from argparse import Namespace
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import fields
from pathlib import Path

from stylenet.cli.exits import stop_when_asked
from stylenet.cli.gatys_pictures import load_pictures
from stylenet.cli.gatys_watch import Watch
from stylenet.cli.settings import typed
from stylenet.color import check_preserve_color
from stylenet.devices import pick_device
from stylenet.errors import InputError
from stylenet.features.extractor import FeatureExtractor
from stylenet.features.weights import resolve_weights
from stylenet.gatys.defaults import gatys_options, gatys_shares
from stylenet.gatys.optimize import Result, check, optimize
from stylenet.images import save_image
from stylenet.inference.outputs import check_writable, keep_inputs, plan
from stylenet.inference.video import Film
from stylenet.losses.multiscale import perceptual_loss
from stylenet.losses.options import LossOptions
from stylenet.losses.weighting import Balanced

LOSS_SETTINGS = tuple(
    field.name for field in fields(LossOptions) if field.name not in ("pixel_weight", "perceptual_weight")
)
"""Options of the loss, but for the weights of pseudo-labels, which this command does not take."""
RUN_SETTINGS = ("schedule", "combined_after", "patience")
"""Parameters of `optimize` that are given as key=value; the others have flags."""


class Job:
    """What the command line asks for, ready to run.

    Args:
        flags: Values of the parser's options.
        settings: The `key=value` options.
        names: Of the parser's options, suggested where a key is misspelt.

    Raises:
        InputError: Bad input.
    """

    def __init__(self, flags: Namespace, settings: Mapping[str, str], names: Sequence[str]) -> None:
        self.flags = flags
        loss, self.settings = typed(settings, {LossOptions: LOSS_SETTINGS, optimize: RUN_SETTINGS}, names)
        self.device = pick_device(flags.device)
        check(flags.optimizer, flags.lr, **self.settings)
        check_preserve_color(flags.preserve_color)
        self.target, self.film = _targets(flags)
        self.pictures = load_pictures(flags, self.device)
        keep_inputs([self.target], [*self.pictures.paths, *flags.mask, *flags.style_mask, flags.init])
        self.backbone, self.weights = flags.backbone, resolve_weights(flags.backbone, flags.weights)
        if flags.style_strength is not None:  # the balance is of terms with a weight of 1
            loss = {"style_weight": 1.0} | loss
            self.settings["weighting"] = Balanced(gatys_shares(self.backbone, flags.style_strength))
        options = gatys_options(self.backbone, loss)
        if flags.style_strength is not None and not (options.content_weight and options.style_weight):
            raise InputError(
                "--style-strength balances content and style: give neither a weight of 0, or leave --style-strength out"
            )
        extractor = FeatureExtractor(self.backbone, options.layers, self.weights, options.pooling).to(self.device)
        height, width = self.pictures.content.shape[-2:]
        if min(height, width) < extractor.smallest:
            raise InputError(
                f"{flags.content} has {width}x{height} pixels at this size: {self.backbone} needs at least "
                f"{extractor.smallest} on each side, give a larger --size"
            )
        self.loss = perceptual_loss(extractor, self.pictures.styles, options).to(self.device)

    def describe(self) -> dict[str, str]:
        """Return the lines of the card."""
        flags = self.flags
        strength = "" if flags.style_strength is None else f", style strength {flags.style_strength:g}"
        sizes = f", half as many at each of {flags.pyramid - 1} coarser sizes" if flags.pyramid > 1 else ""
        return {
            "content": flags.content,
            **self.pictures.describe(),
            "loss network": f"{self.backbone}, {Path(self.weights).name} weights",
            "optimizer": f"{flags.optimizer}, {flags.steps} steps{sizes}, from {flags.init}{strength}",
            "device": str(self.device),
            "output": str(self.target),
        }

    def optimize(self) -> tuple[Result, bool]:
        """Run, write the image and the film, and return the result and whether Ctrl-C ended it."""
        flags, pictures = self.flags, self.pictures
        with (
            stop_when_asked() as asked,
            self.film or nullcontext() as film,
            Watch(asked, film) as watch,
        ):
            result = optimize(
                pictures.content,
                pictures.styles,
                self.loss,
                optimizer=flags.optimizer,
                init=pictures.init,
                steps=flags.steps,
                lr=flags.lr,
                pyramid=flags.pyramid,
                only=pictures.only,
                masks=pictures.masks,
                preserve_color=flags.preserve_color,
                callback=watch,
                seed=flags.seed,
                **self.settings,
            )
            save_image(result.image, self.target)
            watch.finish(result)
        return result, bool(asked)


def _targets(flags: Namespace) -> tuple[Path, Film | None]:
    """Return the image to write and the film, or None."""
    if os.path.isdir(flags.content):
        raise InputError(f"--content={flags.content} is a folder: give one image")
    (target,) = plan(flags.content, flags.output).values()
    if not flags.video:
        return target, None
    check_writable([Path(flags.video)])
    return target, Film(flags.video)
