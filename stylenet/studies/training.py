"""A run of a study that trains a Johnson net by `stylenet train`, and stylizes photographs that it never saw."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pandas as pd
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from stylenet.data.datamodule import StylizationData
from stylenet.data.styles import load_style
from stylenet.errors import InputError
from stylenet.features.backbones import get_backbone
from stylenet.features.extractor import FeatureExtractor
from stylenet.images import load_image, resize, save_image
from stylenet.inference.stylizer import Stylizer
from stylenet.losses.options import LossOptions
from stylenet.modules.johnson import JohnsonModule
from stylenet.saving import LAST, LastCheckpoint
from stylenet.studies.measure import Evaluator, figures
from stylenet.studies.study import RunSettings, check_types, defaults_of, types_of


@dataclass(frozen=True)
class TrainingSettings(RunSettings):
    """What can be set besides options of `stylenet train`.

    Args:
        images: To train on in all, in place of `trainer.max_steps`.
    """

    images: int | None = None


OWNERS = (
    *(("model", JohnsonModule), ("model", LossOptions)),
    *(("data", StylizationData), ("trainer", pl.Trainer), ("checkpoint", LastCheckpoint)),
)
"""Groups of options of `stylenet train`, and whose parameters they are."""
DEFAULTS = defaults_of(TrainingSettings)
KNOWN = types_of(TrainingSettings) | {"recipe": str}
KNOWN |= {f"{group}.{name}": kind for group, owner in OWNERS for name, kind in types_of(owner).items()}
"""Every setting and its type."""

OF_A_RANK = ("RANK", "WORLD_SIZE", "LOCAL_", "GROUP_RANK", "MASTER_ADDR", "MASTER_PORT", "TORCHELASTIC_", "SLURM_")
"""How variables begin by which Lightning would take a run of ours for one process of a distributed training."""


def check_settings(settings: Mapping[str, Any]) -> None:
    """Raise an InputError for settings that no run can use, as far as can be told without reading any file."""
    check_types(settings, KNOWN)
    get_backbone(settings.get("backbone", DEFAULTS["backbone"]))


def run_johnson(
    settings: Mapping[str, Any], photographs: list[Path], style: Path, evaluator: Evaluator, folder: Path
) -> dict[str, float]:
    """Train, stylize, and return the mean figures of the photographs; a training that was killed goes on.

    Args:
        settings: With every default and with the weights' file.
        photographs: Not among those that are trained on.
        style: The painting.
        evaluator: Measures.
        folder: Gets `NAME.png` and `NAME.photograph.png` of each photograph, `history.csv`, and `training/`.

    Raises:
        MissingWeights: The weights of the loss network are missing.
        InputError: The training failed.
    """
    FeatureExtractor(settings["backbone"], get_backbone(settings["backbone"]).content_layers, settings["weights"])
    began = time.perf_counter()
    _train(settings, style, folder / "training")
    seconds = time.perf_counter() - began
    (checkpoint,) = (folder / "training").glob("*/version_*/stylizer.safetensors")
    history = _history(checkpoint.parent)
    history.to_csv(folder / "history.csv", index=False, float_format="%.7g")
    stylizer, found = Stylizer.from_checkpoint(checkpoint, evaluator.device), []
    for path in photographs:
        photograph = resize(load_image(path), settings["size"], side="long")
        judge = evaluator.judge(load_style(style, min(photograph.shape[-2:])))
        image = stylizer(photograph)
        save_image(photograph, folder / f"{path.stem}.photograph.png")
        save_image(image, folder / f"{path.stem}.png")
        found.append(figures(image.to(evaluator.device), photograph.to(evaluator.device), judge))
    last = {"loss": float(history["loss"].iloc[-1]), "steps": float(history["step"].iloc[-1]), "seconds": seconds}
    return pd.DataFrame(found).mean().to_dict() | last


def _train(settings: Mapping[str, Any], style: Path, folder: Path) -> None:
    """Run `stylenet train` in a process of its own, from its last checkpoint if there is one."""
    options = {"model.backbone": settings["backbone"], "model.weights": settings["weights"]}
    options |= {"trainer.logger.init_args.save_dir": str(folder.resolve()), "trainer.enable_progress_bar": False}
    options |= {key: value for key, value in settings.items() if "." in key or key == "recipe"}
    if settings["images"]:
        batch_size = settings.get("data.batch_size", defaults_of(StylizationData)["batch_size"])
        options["trainer.max_steps"] = settings["images"] // batch_size
    lasts = list(folder.glob(f"*/version_*/{LAST}"))
    if lasts:
        options["ckpt_path"] = str(lasts[0].resolve())
    given = [f"{key}={_plain(value)}" for key, value in options.items()]
    command = [sys.executable, "-m", "stylenet.cli.main", "train", f"style={style.resolve()}", *given]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(OF_A_RANK)}
    if "LOCAL_RANK" in os.environ and "CUDA_VISIBLE_DEVICES" not in os.environ:
        environment["CUDA_VISIBLE_DEVICES"] = os.environ["LOCAL_RANK"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()] or [f"exit code {done.returncode}"]
        raise InputError(f"the training failed: {said[-1].removeprefix('error: ')}")


def _plain(value: Any) -> str:
    """Return a value as an option of the command line."""
    return yaml.safe_dump(value, default_flow_style=True, width=10**6).removesuffix("...\n").strip()


def _history(folder: Path) -> pd.DataFrame:
    """Return what a training logged: step, seconds since the first one, loss and its weighted groups."""
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    events.Reload()
    tags = [tag for tag in events.Tags()["scalars"] if tag.startswith("train/")]
    logged = {tag.removeprefix("train/"): {e.step: e.value for e in events.Scalars(tag)} for tag in tags}
    times = pd.Series({event.step: event.wall_time for tag in tags for event in events.Scalars(tag)}).sort_index()
    history = pd.DataFrame(logged).reindex(times.index)
    history.insert(0, "step", history.index + 1)
    history.insert(1, "seconds", times - times.min())
    return history
