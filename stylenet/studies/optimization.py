"""A run of a study by Gatys' method: one photograph, one painting, one point of the grid."""

import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from torch import Tensor

from stylenet.data.styles import load_style
from stylenet.errors import InputError
from stylenet.film.timelapse import Film
from stylenet.gatys.defaults import gatys_loss, gatys_options, gatys_shares
from stylenet.gatys.optimize import optimize
from stylenet.gatys.run import Progress
from stylenet.images import load_image, resize, save_image
from stylenet.inference.labelers import OPTIONS, AdaINLabeler, optimize_options
from stylenet.losses.options import LossOptions
from stylenet.losses.perceptual import PerceptualLoss
from stylenet.losses.terms import Style
from stylenet.losses.weighting import Balanced, strength_shares
from stylenet.metrics import Judge
from stylenet.resources import ROOT, network_file
from stylenet.studies.measure import Evaluator, figures
from stylenet.studies.study import RunSettings, check_types, defaults_of, types_of


@dataclass(frozen=True)
class GatysSettings(RunSettings):
    """What can be set besides `OPTIONS` and the options of the loss.

    Args:
        style_size: Pixels of the painting's shorter side; by default as the photograph's.
        style_strength: The balance of `stylenet gatys --style-strength`.
        labels: A checkpoint of AdaIN that paints pseudo-labels.
        every: Steps from one measurement to the next.
        film: Whether to film.
    """

    style_size: int | None = None
    style_strength: float | None = None
    labels: str | None = None
    every: int | None = None
    film: bool = False


LOSS = types_of(LossOptions)
DEFAULTS = defaults_of(GatysSettings)
KNOWN = {name: types_of(optimize)[name] for name in OPTIONS} | LOSS | types_of(GatysSettings) | {"init": str}
"""Every setting and its type."""


class NotAtHand(InputError):
    """Something that this machine lacks; the message says how to get it."""


def find_checkpoint(name: str) -> Path:
    """Return a checkpoint's file, also as seen from the project's folder.

    Raises:
        NotAtHand: There is no such file.
    """
    path = next((path for path in (network_file(name), ROOT / name) if path.is_file()), None)
    if path is None:
        raise NotAtHand(f"no {name}: make it with `stylenet train model=adain`, then give labels=FILE")
    return path


def check_settings(settings: Mapping[str, Any]) -> None:
    """Raise an InputError for settings that no run can use, as far as can be told without reading any file."""
    check_types(settings, KNOWN)
    full = DEFAULTS | dict(settings)
    for name in ("size", "style_size", "every"):
        if full.get(name) is not None and full[name] < 1:
            raise InputError(f"{name} is {full[name]}: give at least 1")
    options = gatys_options(full["backbone"], _loss_options(full))
    if (options.pixel_weight or options.perceptual_weight) and not full["labels"]:
        raise InputError("pixel_weight and perceptual_weight need pseudo-labels: give labels=FILE, of an AdaIN")
    if full["style_strength"] is not None:
        strength_shares(full["style_strength"])
        if not (options.content_weight and options.style_weight):
            raise InputError("style_strength balances content and style: give neither a weight of 0, or leave it out")
    optimize_options({name: full[name] for name in OPTIONS if name in full})


def run_gatys(
    settings: Mapping[str, Any], photographs: list[Path], style: Path, evaluator: Evaluator, folder: Path
) -> dict[str, float]:
    """Optimize an image, write it into the folder with its history, and return its figures.

    Args:
        settings: With every default and with the weights' file.
        photographs: One.
        style: The painting.
        evaluator: Measures.
        folder: Gets `NAME.png` and `NAME.photograph.png`, `history.csv` and, if asked for, `film.mp4`.

    Raises:
        MissingWeights: The loss network's weights, or those of the pseudo-labels' encoder, are missing.
        NotAtHand: The checkpoint of the pseudo-labels, or PyAV, is missing.
        InputError: A setting that cannot be used, or the optimization diverged.
    """
    device, name = evaluator.device, photographs[0].stem
    content = resize(load_image(photographs[0]), settings["size"], side="long").to(device)
    painting = load_style(style, settings["style_size"] or min(content.shape[-2:])).to(device)
    loss, label = _loss(settings, painting), None
    if settings["labels"]:
        label = AdaINLabeler(find_checkpoint(settings["labels"]), content.device).stylist(painting)(content)
    save_image(content, folder / f"{name}.photograph.png")
    with _film(folder / "film.mp4") if settings["film"] else nullcontext() as film:
        watch = Watch(evaluator.judge(painting), content, label, settings["every"], film)
        result = optimize(content, painting, loss, labels=label, callback=watch, **_arguments(settings))
        if film:
            film.hold(result.image)
    if result.diverged:
        raise InputError(f"diverged: {result.diverged}")
    save_image(result.image, folder / f"{name}.png")
    history = pd.DataFrame(watch.rows)
    history.to_csv(folder / "history.csv", index=False, float_format="%.7g")
    last = history.iloc[-1]
    timing = {"loss": float(last["loss"]), "steps": float(last["step"]), "seconds": float(last["seconds"])}
    return figures(result.image.to(device), content, watch.judge, label) | timing


def _film(path: Path) -> Film:
    try:
        return Film(path)
    except InputError as error:  # PyAV is not installed
        raise NotAtHand(str(error)) from None


def _loss(settings: Mapping[str, Any], painting: Tensor) -> PerceptualLoss:
    """Return what is minimized, on the device of the painting, (1, 3, h, w) in [0, 1]."""
    given = _loss_options(settings)
    return gatys_loss(settings["backbone"], settings["weights"], [Style(painting)], given, painting.device)


def _loss_options(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of the loss that are settings."""
    balanced = {} if settings["style_strength"] is None else {"style_weight": 1.0}  # the balance is of such terms
    return balanced | {name: settings[name] for name in LOSS if name in settings}


def _arguments(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of `optimize` that are settings."""
    given = {name: settings[name] for name in OPTIONS if name in settings}
    if settings["style_strength"] is not None:
        given["weighting"] = Balanced(gatys_shares(settings["backbone"], settings["style_strength"]))
    return given


class Watch:
    """A callback of `optimize` that keeps the history; what it takes itself is not in the seconds.

    Args:
        judge: Of the painting.
        photograph: (1, 3, H, W) in [0, 1].
        label: Pseudo-label, (1, 3, H, W) in [0, 1], or None.
        every: Steps from one measurement to the next; none by default.
        film: Takes the image as it goes on.

    Attributes:
        rows: A row for each step: step, size, seconds, loss, weighted groups, and figures where it was measured.
    """

    def __init__(
        self, judge: Judge, photograph: Tensor, label: Tensor | None, every: int | None, film: Film | None
    ) -> None:
        self.judge, self.photograph, self.label, self.every, self.film = judge, photograph, label, every, film
        self.rows: list[dict[str, Any]] = []
        self.own_seconds = 0.0

    def __call__(self, progress: Progress) -> None:
        """Note the step, and measure and film where it is time."""
        began, record = time.perf_counter(), progress.record
        row: dict[str, Any] = {"step": record.step, "size": "x".join(map(str, reversed(record.size)))}
        row |= {"seconds": record.seconds - self.own_seconds, "loss": float(record.total[0])}
        row |= {group: float(value[0]) for group, value in record.weighted.items()}
        if self.every and (record.step in (1, progress.steps) or record.step % self.every == 0):
            row |= figures(progress.image(), self.photograph, self.judge, self.label)
        if self.film:
            self.film.follow(record.step, progress.steps, progress.image)
        self.rows.append(row)
        self.own_seconds += time.perf_counter() - began
