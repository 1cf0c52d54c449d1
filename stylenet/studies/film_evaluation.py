"""Films x styles: rows of figures for each method, frame by frame and stabilized."""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from stylenet.data.styles import load_style
from stylenet.errors import InputError
from stylenet.film.flow import opencv
from stylenet.film.metadata import ANIMATIONS, FILMS, is_film
from stylenet.film.stabilize import Stabilizer
from stylenet.film.stylize import open_film
from stylenet.resources import file_digest
from stylenet.studies.evaluation import RESULTS, KeyedRows, Row
from stylenet.studies.measure import find_evaluator
from stylenet.studies.methods import Method, Painter, Stopped, Tick
from stylenet.studies.report import markdown
from stylenet.studies.runtime import Task, measure
from stylenet.studies.study import recipe_digest
from stylenet.studies.warping_error import FILM_FIGURES, KNOWN, Paint, blurred, rate_film, read_frames

MEMORY = "memory_mb"
UNTOUCHED, BLURRED = "untouched", "blurred"
"""The rows that the others are read beside."""
HEADINGS = {
    "warping_error": "warping error",
    "long_range_error": "long-range",
    "gram_difference": "Gram difference",
    "content_distance": "content distance",
    "frames_per_second": "frames/s",
    MEMORY: "MB",
}
READING = (
    "the untouched film is steadiest but for a blurred one: read errors beside its own, and beside the sharpness",
    "the flow is Farnebäck's, on the untouched films, where DIS, that of stabilized rows, says the same to a pixel",
    "MB: peak of a process that paints a square of as many pixels as a frame has",
)


def find_films(paths: Sequence[str]) -> dict[str, Path]:
    """Return films by name.

    Raises:
        InputError: One cannot be read, two have one name, or OpenCV or PyAV is not installed.
    """
    opencv()
    films = {Path(path).stem: Path(path) for path in paths}
    if len(films) < len(paths):
        raise InputError("two films have one name: rename one")
    for path in films.values():
        if not is_film(path):
            raise InputError(f"{path} is no film: it would end with one of {', '.join(sorted(FILMS | ANIMATIONS))}")
        with open_film(path):
            pass
    return films


class FilmEvaluation:
    """Fills `results.csv` of a folder; films that another run finished there are not painted again.

    Args:
        methods: From `find_methods`: the first one does nothing.
        films: Files, by name.
        styles: Files, by name.
        output: The folder.
        size: Pixels of the films' longer and the paintings' shorter side.
        device: Of the judge.
        judge: Backbone of the judge; by default one that is the loss network of no method.
        frames: So many of each film, the first ones; None: all.
        strength: Of the stabilized rows, see `Stabilizer`; 0: there are none.
        memory: Whether to measure memory.

    Raises:
        InputError: A file that cannot be read, no such backbone, or earlier results that are damaged.
    """

    def __init__(
        self,
        methods: Sequence[Method],
        films: Mapping[str, Path],
        styles: Mapping[str, Path],
        output: Path,
        size: int,
        device: torch.device,
        judge: str | None = None,
        frames: int | None = None,
        strength: float = 0.8,
        memory: bool = True,
    ) -> None:
        self.methods, self.films, self.styles, self.output = methods, films, styles, output
        self.size, self.device, self.frames, self.strength, self.memory = size, device, frames, strength, memory
        seen = {method.name: method.loss_network for method in methods}
        self._evaluator, self.judge_line = find_evaluator(seen, judge, device)
        self._digests = {path: file_digest(path) for path in (*films.values(), *styles.values())}
        self.cells = [(film, style) for style in styles for film in films]
        self._keys = {cell: self._key(*cell) for cell in self.cells}
        keys = [f"{key} {name}" for cell, key in self._keys.items() for name in self.names(cell[1])]
        self._table = KeyedRows(output / RESULTS, (*FILM_FIGURES, MEMORY), keys)
        self.rows = self._table.rows

    def names(self, style: str) -> list[str]:
        """Return the names of a style's rows."""
        names = [method.name for method in self.methods[1:] if method.paints(style)]
        pairs = [(name, f"{name}, stabilized") if self.strength else (name,) for name in names]
        return [UNTOUCHED, BLURRED, *(name for pair in pairs for name in pair)]

    def count(self, film: str) -> int:
        """Return how many frames of a film are painted; about."""
        with open_film(self.films[film]) as reader:
            return min(reader.metadata.frames or 1, self.frames or 2**63)

    def finished(self, film: str, style: str) -> bool:
        """Tell whether an earlier run left all rows of a film in a style."""
        return all(f"{self._keys[film, style]} {name}" in self._table.earlier for name in self.names(style))

    def fill(self, film: str, style: str, tick: Tick) -> None:
        """Add the rows of a film in a style, computed unless they are finished, and write `results.csv`.

        Args:
            film: Its name.
            style: Its name.
            tick: Called before each frame.

        Raises:
            InputError: The film cannot be read, or a method failed.
            Stopped: `tick` said so; there are no rows.
        """
        key, names = self._keys[film, style], self.names(style)
        if self.finished(film, style):
            rows = [self._table.earlier[f"{key} {name}"] for name in names]
        else:
            painting = load_style(self.styles[style], self.size)
            paints = self._paints(style, painting)
            figures = rate_film(self._read(film, tick), paints, self._evaluator.judge(painting))
            memory = self._memory(film, style)
            rows = [
                {"film": film, "style": style, "image": name, **figures[name], MEMORY: memory.get(name)}
                | {"key": f"{key} {name}"}
                for name in names
            ]
        for row in rows:
            self._table.add(row)

    def _paints(self, style: str, painting: Tensor) -> dict[str, Paint]:
        """Return what makes each row of a style."""
        paints: dict[str, Paint] = {UNTOUCHED: lambda frame: frame, BLURRED: blurred}
        for method in self.methods[1:]:
            if method.paints(style):
                paints[method.name] = paint = _alone(method.painter(style, painting))
                if self.strength:
                    paints[f"{method.name}, stabilized"] = Stabilizer(paint, self.strength)
        return paints

    def _read(self, film: str, tick: Tick) -> Iterator[Tensor]:
        for frame in read_frames(self.films[film], self.size, self.frames):
            if tick():
                raise Stopped
            yield frame

    def _memory(self, film: str, style: str) -> dict[str, float]:
        """Return the peak memory of each method that paints a square of as many pixels, in MB."""
        with open_film(self.films[film]) as reader:
            height, width = reader.metadata.height, reader.metadata.width
        side = round(self.size * math.sqrt(min(height, width) / max(height, width)))
        found = [method for method in self.methods[1:] if self.memory and method.paints(style)]
        own = str(self.styles[style]), self.size
        tasks = {method.name: Task(method.given, *own, method.steps, side, str(self.device)) for method in found}
        return {name: measure(task).memory_mb for name, task in tasks.items()}

    def _key(self, film: str, style: str) -> str:
        """Return the digest of all that the rows of a film in a style depend on, but for the machine."""
        recipe: dict[str, Any] = {"methods": [method.recipe() for method in self.methods if method.paints(style)]}
        recipe |= {"film": [film, self._digests[self.films[film]]], "style": [style, self._digests[self.styles[style]]]}
        recipe |= {"size": self.size, "frames": self.frames, "strength": self.strength}
        return recipe_digest(recipe | {"judge": self._evaluator.network, "memory": self.memory, "known": KNOWN})


def _alone(painter: Painter) -> Paint:
    """Return a painter that nobody stops."""
    return lambda frame: painter(frame, lambda: False)


def film_table(rows: Sequence[Row]) -> pd.DataFrame:
    """Return the rows of an evaluation as they are shown."""
    table = pd.DataFrame(rows, columns=["film", "style", "image", *FILM_FIGURES, MEMORY])
    table.loc[table["image"].isin([UNTOUCHED, BLURRED]), "frames_per_second"] = None
    return table.rename(columns=HEADINGS).dropna(axis="columns", how="all")


def film_report(evaluation: FilmEvaluation, failed: list[str]) -> str:
    """Return the report in Markdown.

    Args:
        evaluation: Whose rows are shown.
        failed: A line for each film that could not be measured.
    """
    frames = f"the first {evaluation.frames} frames" if evaluation.frames else "all frames"
    lines = [
        f"{frames} of each film, longer side {evaluation.size} pixels; on {evaluation.device}",
        f"judge: {evaluation.judge_line}",
        *([f"stabilized: strength {evaluation.strength:g}"] if evaluation.strength else []),
        *(f"{HEADINGS.get(name, name)}: {meaning}" for name, meaning in FILM_FIGURES.items()),
        *READING,
    ]
    parts = ["# Films", "\n".join(f"- {line}" for line in lines), markdown(film_table(evaluation.rows))]
    parts += ["## What failed", "\n".join(f"- {line}" for line in failed)] if failed else []
    return "\n\n".join(parts) + "\n"
