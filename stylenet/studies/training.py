"""A run of a study that trains a Johnson net by `stylenet train`, and stylizes photographs that it never saw."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from inspect import signature
from pathlib import Path
from statistics import fmean
from typing import Any

import lightning.pytorch as pl
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from stylenet.callbacks import LAST, LastCheckpoint
from stylenet.data.datamodule import StylizationData
from stylenet.data.styles import load_style
from stylenet.errors import InputError
from stylenet.features.backbones import get_backbone
from stylenet.features.extractor import FeatureExtractor
from stylenet.features.weights import resolve_weights
from stylenet.images import load_image, resize, save_image
from stylenet.inference.stylizer import Stylizer
from stylenet.losses.options import LossOptions
from stylenet.modules.johnson import JohnsonModule
from stylenet.studies.judges import Jury
from stylenet.studies.measure import figures
from stylenet.studies.tables import write_csv
from stylenet.studies.values import check_types

OWN: dict[str, Any] = {
    "backbone": "vgg16",
    "weights": "auto",
    "images": None,
    "size": 256,
    "judge": None,
    "device": "auto",
}
"""What can be set besides options of `stylenet train`, and its default: the loss network,
images to train on in all, in place of `trainer.max_steps`, pixels of the longer side of the photographs that are
stylized at the end, the network that measures, and its device."""
GROUPS = {
    "model": (JohnsonModule, LossOptions),
    "data": (StylizationData,),
    "trainer": (pl.Trainer,),
    "checkpoint": (LastCheckpoint,),
}
KNOWN: dict[str, Any] = {
    **{"backbone": str, "weights": str, "images": int | None, "size": int, "judge": str | None, "device": str},
    "recipe": str,
    **{
        f"{group}.{name}": parameter.annotation
        for group in GROUPS
        for owner in GROUPS[group]
        for name, parameter in signature(owner).parameters.items()
    },
}
"""Every setting and its type."""

BATCH_SIZE: int = signature(StylizationData).parameters["batch_size"].default

OF_A_RANK = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "GROUP_RANK", "MASTER_ADDR", "MASTER_PORT")
"""Variables by which Lightning would take a run of ours for one process of a distributed training."""


def resolved(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with every default of `OWN`, and the weights that `auto` stands for."""
    full = OWN | dict(settings)
    return full | {"weights": resolve_weights(full["backbone"], full["weights"])}


def check_settings(settings: Mapping[str, Any]) -> None:
    """Raise an InputError for settings that no run can use, as far as can be told without reading any file."""
    check_types(settings, KNOWN)
    get_backbone(settings.get("backbone", OWN["backbone"]))


def run_johnson(
    settings: Mapping[str, Any], photographs: list[Path], style: Path, jury: Jury, folder: Path
) -> dict[str, float]:
    """Train, stylize, and return the mean figures of the photographs; a training that was killed goes on.

    Args:
        settings: From `resolved`.
        photographs: Not among those that are trained on.
        style: The painting.
        jury: Measures.
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
    write_csv(history, folder / "history.csv")
    stylizer, found = Stylizer.from_checkpoint(checkpoint, jury.device), []
    for path in photographs:
        photograph = resize(load_image(path), settings["size"], side="long")
        judge = jury.judge(load_style(style, min(photograph.shape[-2:])))
        image = stylizer(photograph)
        save_image(photograph, folder / f"{path.stem}.photograph.png")
        save_image(image, folder / f"{path.stem}.png")
        found.append(figures(image.to(jury.device), photograph.to(jury.device), judge))
    means = {name: fmean(each[name] for each in found) for name in found[0]}
    return means | {"loss": history[-1]["loss"], "steps": history[-1]["step"], "seconds": seconds}


def _train(settings: Mapping[str, Any], style: Path, folder: Path) -> None:
    """Run `stylenet train` in a process of its own, from its last checkpoint if there is one."""
    options = {"model.backbone": settings["backbone"], "model.weights": settings["weights"]}
    options |= {"trainer.logger.init_args.save_dir": str(folder.resolve()), "trainer.enable_progress_bar": False}
    options |= {key: value for key, value in settings.items() if "." in key or key == "recipe"}
    if settings["images"]:
        options["trainer.max_steps"] = settings["images"] // settings.get("data.batch_size", BATCH_SIZE)
    lasts = list(folder.glob(f"*/version_*/{LAST}"))
    if lasts:
        options["ckpt_path"] = str(lasts[0].resolve())
    given = [f"{key}={_plain(value)}" for key, value in options.items()]
    command = [sys.executable, "-m", "stylenet.cli.main", "train", f"style={style.resolve()}", *given]
    environment = {name: value for name, value in os.environ.items() if not _of_a_rank(name)}
    if "LOCAL_RANK" in os.environ and "CUDA_VISIBLE_DEVICES" not in os.environ:
        environment["CUDA_VISIBLE_DEVICES"] = os.environ["LOCAL_RANK"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()] or [f"exit code {done.returncode}"]
        raise InputError(f"the training failed: {said[-1].removeprefix('error: ')}")


def _plain(value: Any) -> str:
    """Return a value as an option of the command line."""
    return yaml.safe_dump(value, default_flow_style=True, width=10**6).removesuffix("...\n").strip()


def _of_a_rank(name: str) -> bool:
    return name in OF_A_RANK or name.startswith(("TORCHELASTIC_", "SLURM_"))


def _history(folder: Path) -> list[dict[str, Any]]:
    """Return what a training logged: step, seconds since the first one, loss and its weighted groups."""
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    events.Reload()
    rows: dict[int, dict[str, Any]] = {}
    for tag in events.Tags()["scalars"]:
        group, _, name = tag.partition("/")
        if group == "train":
            for event in events.Scalars(tag):
                rows.setdefault(event.step, {"step": event.step + 1, "time": event.wall_time})[name] = event.value
    found = [rows[step] for step in sorted(rows)]
    start = min((row["time"] for row in found), default=0.0)
    return [{"step": row["step"], "seconds": row.pop("time") - start, **row} for row in found]
