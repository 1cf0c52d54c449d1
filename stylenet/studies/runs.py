"""The runs of a study: a folder each, skipped when it is finished; one after the other, or by several processes."""

import json
import multiprocessing
import shutil
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from stylenet.devices import pick_rank_device, rank_and_world
from stylenet.errors import InputError, MissingWeights
from stylenet.features.weights import resolve_weights
from stylenet.images import written_beside
from stylenet.resources import file_digest
from stylenet.studies import optimization, training
from stylenet.studies.measure import Evaluator, choose_judge
from stylenet.studies.optimization import NotAtHand, find_checkpoint
from stylenet.studies.pictures import find_photographs, find_styles
from stylenet.studies.study import Study

KNOWN = {"gatys": optimization.KNOWN, "johnson": training.KNOWN}
"""Settings that each kind of study takes."""
CHECKS = {"gatys": optimization.check_settings, "johnson": training.check_settings}
DEFAULTS = {"gatys": optimization.DEFAULTS, "johnson": training.DEFAULTS}
METHODS = {"gatys": optimization.run_gatys, "johnson": training.run_johnson}
DONE, NOT_AT_HAND, FAILED, NOT_RUN = "done", "not at hand", "failed", "not run"
"""What a run's status can be."""


@dataclass(frozen=True)
class Cell:
    """One run of a study.

    Args:
        folder: Its own.
        kind: Of the study.
        labels: Of the point of the grid.
        settings: Everything that its result depends on, but the pictures.
        photographs: One for an optimization; all of them for a training, which is run once.
        style: The painting.
    """

    folder: Path
    kind: str
    labels: dict[str, str]
    settings: dict[str, Any]
    photographs: list[Path]
    style: Path

    @cached_property  # it reads every file
    def given(self) -> dict[str, Any]:
        """What `settings.json` holds: a finished run is skipped only while this is the same."""
        files = [*self.photographs, self.style]
        if self.settings.get("labels"):
            with suppress(NotAtHand):
                files.append(find_checkpoint(self.settings["labels"]))
        digests = [[path.name, file_digest(path)[:16]] for path in files]
        return json.loads(json.dumps({"kind": self.kind, "settings": self.settings, "files": digests}))

    @property
    def name(self) -> str:
        """The labels in a line."""
        return " ".join(self.labels.values())


def plan(study: Study, output: Path) -> list[Cell]:
    """Return every run of a study.

    Args:
        study: The study.
        output: Its folder.

    Raises:
        InputError: Photographs, paintings or a judge that cannot be found.
    """
    photographs, styles = find_photographs(study.photographs), find_styles(study.styles).values()
    variants = [(variant, DEFAULTS[study.kind] | variant.settings) for variant in study.variants()]
    for _, settings in variants:
        settings["weights"] = resolve_weights(settings["backbone"], settings["weights"])
    seen = {variant.name: settings["backbone"] for variant, settings in variants}
    sets = [[photograph] for photograph in photographs] if study.kind == "gatys" else [photographs]
    cells: dict[Path, Cell] = {}
    for variant, settings in variants:
        judge, weights = choose_judge(seen, settings["judge"])
        for style in styles:
            for some in sets:
                parts = [*(f"{axis}={label}" for axis, label in variant.labels.items()), style.stem]
                parts += [some[0].stem] if study.kind == "gatys" else []
                folder = output / "runs" / ",".join(_safe(part) for part in parts)
                judged = settings | {"judge": judge, "judge_weights": weights}
                cell = Cell(folder, study.kind, variant.labels, judged, some, style)
                if cells.setdefault(folder, cell) != cell:
                    raise InputError(f"two runs are called {folder.name}: rename a picture, or a label of the grid")
    return list(cells.values())


def check(study: Study) -> None:
    """Raise an InputError for settings of any run that cannot be used, or not on this machine."""
    for variant in study.variants():
        CHECKS[study.kind](variant.settings)
        pick_rank_device(variant.settings.get("device", "auto"))


def check_spared(cells: Sequence[Cell]) -> None:
    """Raise an InputError where finished runs of other settings would be deleted."""
    lost, changed = 0, dict[str, None]()
    for cell in cells:
        before, now = _read(cell.folder / "settings.json"), cell.given
        if before != now and _read(cell.folder / "result.json").get("status") == DONE:
            lost += 1
            old, new = before.get("settings", {}), now["settings"]
            keys = [key for key in {**old, **new} if old.get(key) != new.get(key)]
            changed |= dict.fromkeys([*keys, *(["files"] if before.get("files") != now["files"] else [])])
    if lost:
        folder = cells[0].folder.parent
        raise InputError(
            f"{folder} holds {lost} finished runs of other settings ({', '.join(changed)}), which would be lost: give "
            f"another folder to --output, or delete this one"
        )


def mine(cells: Sequence[Cell]) -> Sequence[Cell]:
    """Return this rank's share of the runs: under torchrun (RANK and WORLD_SIZE) every WORLD_SIZE-th."""
    rank, world = rank_and_world()
    return cells[rank::world]


def run_all(cells: Sequence[Cell], workers: int = 1) -> Iterator[Cell]:
    """Run what is not finished, and give each run as it ends.

    Args:
        cells: The runs.
        workers: Processes.
    """
    if workers == 1:
        for cell in cells:
            run(cell)
            yield cell
        return
    threads = max(1, torch.get_num_threads() // workers)
    context = multiprocessing.get_context("spawn")  # threads of PyTorch do not survive a fork
    with ProcessPoolExecutor(workers, context, torch.set_num_threads, (threads,)) as pool:
        try:
            futures = {pool.submit(run, cell): cell for cell in cells}
            for future in as_completed(futures):
                future.result()
                yield futures[future]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def run(cell: Cell) -> None:
    """Run one cell unless it is finished; what goes wrong is its result.

    `settings.json` is written first, `result.json` last. What a run of other settings left is deleted.
    """
    if outcome(cell)["status"] == DONE:
        return
    given, result = cell.given, cell.folder / "result.json"
    if _read(cell.folder / "settings.json") != given:
        shutil.rmtree(cell.folder, ignore_errors=True)
    _write(given, cell.folder / "settings.json")
    try:
        settings = cell.settings
        evaluator = Evaluator(settings["judge"], settings["judge_weights"], pick_rank_device(settings["device"]))
        figures = METHODS[cell.kind](settings, cell.photographs, cell.style, evaluator, cell.folder)
        found = {"status": DONE, "figures": figures}
    except (NotAtHand, MissingWeights) as error:
        found = {"status": NOT_AT_HAND, "error": str(error)}
    except Exception as error:  # a study goes on without the runs that fail, whatever the reason
        kind = "" if isinstance(error, InputError) else f"{type(error).__name__}: "
        found = {"status": FAILED, "error": " ".join(f"{kind}{error}".split())}
    _write(found, result)


def outcome(cell: Cell) -> dict[str, Any]:
    """Return the result of a cell; its status is `NOT_RUN` where there is none, or one of other settings.

    A finished run whose pictures were deleted is run again.
    """
    result = _read(cell.folder / "result.json")
    if not _is_sound(result) or _read(cell.folder / "settings.json") != cell.given:
        return {"status": NOT_RUN}
    names = [f"{path.stem}{end}" for path in cell.photographs for end in (".png", ".photograph.png")]
    whole = result["status"] != DONE or all((cell.folder / name).is_file() for name in names)
    return result if whole else {"status": NOT_RUN}


def results(cells: Sequence[Cell]) -> pd.DataFrame:
    """Return the table of results: labels, pictures, status, figures (less those an axis is called by), error."""
    found = []
    for cell in cells:
        result = outcome(cell)
        figures = {name: value for name, value in result.pop("figures", {}).items() if name not in cell.labels}
        names = {"photographs": "+".join(path.stem for path in cell.photographs), "style": cell.style.stem}
        found.append({**cell.labels, **names, "status": result["status"], **figures, **result})
    return pd.DataFrame(found)


def _is_sound(result: Mapping[str, Any]) -> bool:
    """Tell whether a result is as `run` writes it: a damaged one is run again."""
    status, figures = result.get("status"), result.get("figures", {})
    if status == DONE:
        return isinstance(result.get("figures"), dict)
    return status in (FAILED, NOT_AT_HAND) and isinstance(result.get("error"), str) and figures == {}


def _read(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file, an empty one if there is none or it is broken."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _write(content: dict[str, Any], path: Path) -> None:
    with written_beside(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1))


def _safe(text: str) -> str:
    """Return text that can be a part of a file's name."""
    return "".join(letter if letter.isalnum() or letter in "=.+-_" else "_" for letter in text)
