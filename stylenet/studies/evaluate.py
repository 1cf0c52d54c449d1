"""Methods x photographs x styles: a picture and a row of figures for each."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from stylenet.data.styles import load_style
from stylenet.images import load_image, resize, save_image
from stylenet.metrics import Judge
from stylenet.studies.digests import file_digest, recipe_digest
from stylenet.studies.judges import Jury, choose_judge, describe_judge
from stylenet.studies.lineup import Labels
from stylenet.studies.lpips import Lpips, lpips_at_hand
from stylenet.studies.measure import FIGURES, figures
from stylenet.studies.methods import Method, Painter, Stopped, Tick
from stylenet.studies.tables import read_csv, write_csv

RESULTS, PICTURES = "results.csv", "pictures"
NUMBERS = (*FIGURES, "seconds")


@dataclass(frozen=True)
class Cell:
    """One picture to make.

    Args:
        method: How.
        photograph: Name of what is painted.
        style: Name of the style.
    """

    method: Method
    photograph: str
    style: str

    @property
    def picture(self) -> str:
        """Where its picture is, in the output folder."""
        return f"{PICTURES}/{self.method.name}/{self.style}/{self.photograph}.png"


class Evaluation:
    """Fills a folder with pictures and `results.csv`; what another run finished there is not done again.

    A row is finished if its picture is there and its key is the same: the digest of all that the row depends on.

    Args:
        methods: The columns.
        photographs: Files, by name.
        styles: Files, by name.
        output: The folder.
        size: Pixels of the photographs' longer and the paintings' shorter side.
        device: Of the judge.
        judge: Backbone of the judge; by default one that is the loss network of no method.
        labels: Pseudo-labels, where there are.

    Raises:
        InputError: A file that cannot be read, no such backbone, or earlier results that are damaged.
    """

    def __init__(
        self,
        methods: Sequence[Method],
        photographs: Mapping[str, Path],
        styles: Mapping[str, Path],
        output: Path,
        size: int,
        device: torch.device,
        judge: str | None = None,
        labels: Labels | None = None,
    ) -> None:
        self.methods, self.photographs, self.styles, self.output = methods, photographs, styles, output
        self.size, self.device, self.labels = size, device, labels or {}
        seen = {method.name: method.loss_network for method in methods}
        self.judged_by = choose_judge(seen, judge)
        self.judge_line = describe_judge(*self.judged_by, seen)
        self._jury = Jury(*self.judged_by, device)
        network = lpips_at_hand()
        self.lpips = Lpips(network, device) if network else None
        self._digests = {path: file_digest(path) for path in (*photographs.values(), *styles.values())}
        self._keys = {cell: self._key(cell) for cell in self.cells()}
        self._earlier = {row["key"]: row for row in read_csv(output / RESULTS, NUMBERS) if row.get("key")}
        self._paintings = {name: load_style(path, size) for name, path in styles.items()}
        self._judges: dict[str, Judge] = {}
        self._painters: dict[tuple[str, str], Painter] = {}
        self.rows: list[dict[str, Any]] = []

    def cells(self) -> list[Cell]:
        """Return every picture to make, method by method; a style that a method does not know is left out."""
        return [
            Cell(method, photograph, style)
            for method in self.methods
            for style in self.styles
            if method.paints(style)
            for photograph in self.photographs
        ]

    def painting(self, style: str) -> Tensor:
        """Return a style image, (1, 3, h, w) in [0, 1]."""
        return self._paintings[style]

    def photograph(self, name: str) -> Tensor:
        """Return a photograph at the evaluation's size, (1, 3, H, W) in [0, 1].

        Raises:
            InputError: It cannot be read.
        """
        return resize(load_image(self.photographs[name]), self.size, side="long")

    def finished(self, cell: Cell) -> bool:
        """Tell whether an earlier run left the row and the picture of a cell."""
        row = self._earlier.get(self._keys[cell])
        return row is not None and row["error"] is None and (self.output / cell.picture).is_file()

    def fill(self, cell: Cell, tick: Tick) -> dict[str, Any]:
        """Add the row of a cell, computed unless it is finished, write `results.csv`, and return it.

        Whatever goes wrong with the cell is the row's `error`.

        Args:
            cell: The cell.
            tick: Called after each step.

        Raises:
            Stopped: `tick` said so; there is no row.
        """
        row = self._earlier[self._keys[cell]] if self.finished(cell) else self._computed(cell, tick)
        self.rows.append(row)
        write_csv(self.rows + self._others(), self.output / RESULTS)
        return row

    def _others(self) -> list[dict[str, Any]]:
        """Return the rows of earlier runs that are still to be reached: an interruption must not lose them."""
        done = {row["key"] for row in self.rows}
        return [self._earlier[key] for key in self._keys.values() if key in self._earlier and key not in done]

    def _computed(self, cell: Cell, tick: Tick) -> dict[str, Any]:
        row: dict[str, Any] = {"method": cell.method.name, "kind": cell.method.kind, "style": cell.style}
        row |= {"photograph": cell.photograph} | dict.fromkeys(NUMBERS) | {"picture": cell.picture}
        row |= {"error": None, "key": self._keys[cell]}
        try:
            photograph = self.photograph(cell.photograph)
            painter = self._painter(cell)
            began = time.perf_counter()
            image = painter(photograph, tick)
            row["seconds"] = time.perf_counter() - began
            row |= self._figures(cell, image, photograph)
            save_image(image, self.output / cell.picture)
        except Stopped:
            raise
        except Exception as error:
            message = " ".join(str(error).split())
            row |= dict.fromkeys(NUMBERS) | {"picture": None, "error": f"{type(error).__name__}: {message}"}
        return row

    def _painter(self, cell: Cell) -> Painter:
        place = cell.method.name, cell.style
        if place not in self._painters:
            self._painters = {place: cell.method.painter(cell.style, self.painting(cell.style))}  # one at a time
        return self._painters[place]

    def _figures(self, cell: Cell, image: Tensor, photograph: Tensor) -> dict[str, float]:
        """Return the figures of an image."""
        if cell.style not in self._judges:
            self._judges[cell.style] = self._jury.judge(self.painting(cell.style))
        path = self._label(cell)
        label = None if path is None else _at_size_of(image, load_image(path)).to(self.device)
        return figures(image.to(self.device), photograph.to(self.device), self._judges[cell.style], label, self.lpips)

    def _label(self, cell: Cell) -> Path | None:
        """Return the file of a cell's pseudo-label, None where there is none."""
        return self.labels.get((self._digests[self.photographs[cell.photograph]], cell.style))

    def _key(self, cell: Cell) -> str:
        """Return the digest of all that a row depends on."""
        label = self._label(cell)
        return recipe_digest(
            {
                "method": cell.method.name,
                "recipe": cell.method.recipe(),
                "photograph": [cell.photograph, self._digests[self.photographs[cell.photograph]]],
                "style": [cell.style, self._digests[self.styles[cell.style]]],
                "size": self.size,
                "judge": self.judged_by,
                "lpips": None if self.lpips is None else self.lpips.network,
                "label": None if label is None else file_digest(label),
            }
        )


def _at_size_of(image: Tensor, label: Tensor) -> Tensor:
    """Return a pseudo-label, (1, 3, h, w) in [0, 1], at the height and width of an image."""
    if label.shape == image.shape:
        return label
    return F.interpolate(label, image.shape[-2:], mode="bicubic", antialias=True).clamp(0, 1)
