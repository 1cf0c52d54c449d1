"""A run of a study by Gatys' method: one photograph, one painting, one point of the grid."""

import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import fields
from inspect import signature
from pathlib import Path
from typing import Any

from torch import Tensor

from stylenet.color import check_preserve_color
from stylenet.data.styles import load_style
from stylenet.errors import InputError, unknown
from stylenet.features.backbones import get_backbone
from stylenet.features.extractor import FeatureExtractor
from stylenet.features.weights import resolve_weights
from stylenet.gatys.defaults import gatys_options, gatys_shares
from stylenet.gatys.optimize import INITS, check, optimize
from stylenet.gatys.run import Progress, Record
from stylenet.images import load_image, resize, save_image
from stylenet.inference.labelers import AdaINLabeler
from stylenet.inference.video import Film
from stylenet.losses.multiscale import perceptual_loss
from stylenet.losses.options import LossOptions
from stylenet.losses.perceptual import Loss
from stylenet.losses.weighting import Balanced, strength_shares
from stylenet.metrics import Judge
from stylenet.studies.ingredients import find_checkpoint, find_film
from stylenet.studies.judges import Jury
from stylenet.studies.measure import figures
from stylenet.studies.tables import write_csv
from stylenet.studies.values import check_types

LOSS = tuple(entry.name for entry in fields(LossOptions))
OPTIMIZER = ("optimizer", "lr", "schedule", "steps", "patience")
RUN = (*OPTIMIZER, "init", "seed", "pyramid", "preserve_color", "combined_after")
"""Parameters of `optimize`."""
TYPES: dict[str, Any] = {
    "backbone": str,
    "weights": str,
    "size": int,
    "style_size": int | None,
    "style_strength": float | None,
    "labels": str | None,
    "every": int | None,
    "film": bool,
    "judge": str | None,
    "device": str,
    "init": str,
}
"""Of `OWN`, and of what a study takes less of than `optimize`."""
OWN: dict[str, Any] = {
    "backbone": "vgg16",
    "weights": "auto",
    "size": 256,
    "style_size": None,
    "style_strength": None,
    "labels": None,
    "every": None,
    "film": False,
    "judge": None,
    "device": "auto",
}
"""What else can be set, and its default: the loss network, pixels of the photograph's longer
and of the painting's shorter side (by default as the photograph's), the balance of `stylenet gatys --style-strength`, a
checkpoint of AdaIN that paints pseudo-labels, steps from one measurement to the next, whether to film, the network that
measures, and the device."""
KNOWN: dict[str, Any] = {
    **{name: signature(optimize).parameters[name].annotation for name in RUN},
    **{name: signature(LossOptions).parameters[name].annotation for name in LOSS},
    **TYPES,
}
"""Every setting and its type."""


DEFAULTS: dict[str, Any] = {
    name: signature(optimize).parameters[name].default
    for name in ("optimizer", "lr", "schedule", "patience", "combined_after")
}


def resolved(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with every default of `OWN`, and the weights that `auto` stands for."""
    full = OWN | dict(settings)
    return full | {"weights": resolve_weights(full["backbone"], full["weights"])}


def check_settings(settings: Mapping[str, Any]) -> None:
    """Raise an InputError for settings that no run can use, as far as can be told without reading any file."""
    check_types(settings, KNOWN)
    full = OWN | dict(settings)
    for name in ("size", "style_size", "steps", "pyramid", "every"):
        if full.get(name) is not None and full[name] < 1:
            raise InputError(f"{name} is {full[name]}: give at least 1")
    options = LossOptions(**_given(full))
    if (options.pixel_weight or options.perceptual_weight) and not full["labels"]:
        raise InputError("pixel_weight and perceptual_weight need pseudo-labels: give labels=FILE, of an AdaIN")
    if full["style_strength"] is not None:
        strength_shares(full["style_strength"])
        if not (options.content_weight and options.style_weight):
            raise InputError("style_strength balances content and style: give neither a weight of 0, or leave it out")
    check(**{name: full.get(name, default) for name, default in DEFAULTS.items()})
    check_preserve_color(full.get("preserve_color"))
    if full.get("init", "content") not in INITS:
        raise unknown("init", full["init"], INITS)
    get_backbone(full["backbone"])


def run_gatys(
    settings: Mapping[str, Any], photographs: list[Path], style: Path, jury: Jury, folder: Path
) -> dict[str, float]:
    """Optimize an image, write it into the folder with its history, and return its figures.

    Args:
        settings: From `resolved`.
        photographs: One.
        style: The painting.
        jury: Measures.
        folder: Gets `NAME.png` and `NAME.photograph.png`, `history.csv` and, if asked for, `film.mp4`.

    Raises:
        MissingWeights: The loss network's weights, or those of the pseudo-labels' encoder, are missing.
        NotAtHand: The checkpoint of the pseudo-labels, or PyAV, is missing.
        InputError: A setting that cannot be used, or the optimization diverged.
    """
    device, name = jury.device, photographs[0].stem
    content = resize(load_image(photographs[0]), settings["size"], side="long").to(device)
    painting = load_style(style, settings["style_size"] or min(content.shape[-2:])).to(device)
    loss = _loss(settings, painting)
    label = _pseudo_label(settings["labels"], content, painting) if settings["labels"] else None
    save_image(content, folder / f"{name}.photograph.png")
    with find_film(folder / "film.mp4") if settings["film"] else nullcontext() as film:
        watch = Watch(jury.judge(painting), content, label, settings["every"], film)
        result = optimize(content, painting, loss, labels=label, callback=watch, **_arguments(settings))
        if film:
            film.hold(result.image)
    if result.diverged:
        raise InputError(f"diverged: {result.diverged}")
    save_image(result.image, folder / f"{name}.png")
    write_csv(watch.rows, folder / "history.csv")
    last = watch.rows[-1]
    timing = {"loss": float(last["loss"]), "steps": float(last["step"]), "seconds": float(last["seconds"])}
    return figures(result.image.to(device), content, watch.judge, label) | timing


def _loss(settings: Mapping[str, Any], painting: Tensor) -> Loss:
    """Return what is minimized, on the device of the painting, (1, 3, h, w) in [0, 1]."""
    options = gatys_options(settings["backbone"], _given(settings))
    extractor = FeatureExtractor(settings["backbone"], options.layers, settings["weights"], options.pooling)
    return perceptual_loss(extractor.to(painting.device), painting, options).to(painting.device)


def _given(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of the loss that are settings."""
    given = {name: settings[name] for name in LOSS if name in settings}
    if settings["style_strength"] is not None:
        given = {"style_weight": 1.0} | given  # the balance is of terms with a weight of 1
    return given


def _arguments(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of `optimize` that are settings."""
    given = {name: settings[name] for name in RUN if name in settings}
    if settings["style_strength"] is not None:
        given["weighting"] = Balanced(gatys_shares(settings["backbone"], settings["style_strength"]))
    return given


def _pseudo_label(checkpoint: str, photograph: Tensor, painting: Tensor) -> Tensor:
    """Return what the AdaIN of a checkpoint makes of photograph and painting, all (1, 3, H, W) in [0, 1]."""
    return AdaINLabeler(find_checkpoint(checkpoint), photograph.device).stylist(painting)(photograph)


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
        row = _row(record, record.seconds - self.own_seconds)
        if self.every and (record.step in (1, progress.steps) or record.step % self.every == 0):
            row |= figures(progress.image(), self.photograph, self.judge, self.label)
        if self.film:
            self.film.follow(record.step, progress.steps, progress.image)
        self.rows.append(row)
        self.own_seconds += time.perf_counter() - began


def _row(record: Record, seconds: float) -> dict[str, Any]:
    weighted = {group: float(value[0]) for group, value in record.weighted.items()}
    size = "x".join(str(side) for side in reversed(record.size))
    return {"step": record.step, "size": size, "seconds": seconds, "loss": float(record.total[0]), **weighted}
