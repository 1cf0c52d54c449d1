"""Methods x photographs x styles: a picture and a row of figures for each."""

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional as F

from stylenet.data.styles import load_style
from stylenet.errors import InputError
from stylenet.images import load_image, resize, save_image, written_beside
from stylenet.metrics import Judge
from stylenet.resources import file_digest
from stylenet.studies.measure import FIGURES, Lpips, figures, find_evaluator, lpips_at_hand
from stylenet.studies.methods import Method, Painter, Stopped, Tick
from stylenet.studies.pictures import Labels
from stylenet.studies.study import recipe_digest

RESULTS, PICTURES = "results.csv", "pictures"
NUMBERS = (*FIGURES, "seconds")
Row = dict[str, Any]


class KeyedRows:
    """Rows of a CSV file, each with a `key`, the digest of all that it depends on; those of an earlier run are kept.

    Args:
        path: The file.
        numbers: Columns that hold numbers; the others hold text.
        keys: Of all rows that there will be, in order.

    Raises:
        InputError: The file is no such table.
    """

    def __init__(self, path: Path, numbers: Iterable[str], keys: Iterable[str]) -> None:
        self.path, self.rows, earlier = path, list[Row](), list[Row]()
        try:
            types = defaultdict[str, type](lambda: str, dict.fromkeys(numbers, float))
            table = pd.read_csv(path, dtype=types, keep_default_na=False, na_values=[""])
            earlier = table.astype(object).where(table.notna(), None).to_dict("records")
        except FileNotFoundError:
            pass
        except (OSError, ValueError) as error:
            raise InputError(f"cannot read {path} ({error}): delete it to begin anew") from None
        known = {row.get("key"): row for row in earlier}
        self.earlier = {key: known[key] for key in keys if key in known}

    def add(self, row: Row) -> None:
        """Add a row and write the file; rows still to be reached stay in it: an interruption must not lose them."""
        self.rows.append(row)
        done = {row["key"] for row in self.rows}
        later = [row for key, row in self.earlier.items() if key not in done]
        with written_beside(self.path) as temporary:
            pd.DataFrame(self.rows + later).to_csv(temporary, index=False, float_format="%.7g")


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
        self._evaluator, self.judge_line = find_evaluator(seen, judge, device)
        found = lpips_at_hand()
        self.lpips = Lpips(*found, device) if found else None
        self._digests = {path: file_digest(path) for path in (*photographs.values(), *styles.values())}
        self._keys = {cell: self._key(cell) for cell in self.cells()}
        self._table = KeyedRows(output / RESULTS, NUMBERS, self._keys.values())
        self.rows = self._table.rows
        self._paintings = {name: load_style(path, size) for name, path in styles.items()}
        self._judges: dict[str, Judge] = {}
        self._painters: dict[tuple[str, str], Painter] = {}

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

    def finished(self, cell: Cell) -> bool:
        """Tell whether an earlier run left the row and the picture of a cell."""
        row = self._table.earlier.get(self._keys[cell])
        return row is not None and row["error"] is None and (self.output / cell.picture).is_file()

    def fill(self, cell: Cell, tick: Tick) -> Row:
        """Add the row of a cell, computed unless it is finished, write `results.csv`, and return it.

        Whatever goes wrong with the cell is the row's `error`.

        Args:
            cell: The cell.
            tick: Called after each step.

        Raises:
            Stopped: `tick` said so; there is no row.
        """
        row = self._table.earlier[self._keys[cell]] if self.finished(cell) else self._computed(cell, tick)
        self._table.add(row)
        return row

    def _computed(self, cell: Cell, tick: Tick) -> Row:
        row: Row = {"method": cell.method.name, "kind": cell.method.kind, "style": cell.style}
        row |= {"photograph": cell.photograph} | dict.fromkeys(NUMBERS) | {"picture": cell.picture}
        row |= {"error": None, "key": self._keys[cell]}
        try:
            photograph = resize(load_image(self.photographs[cell.photograph]), self.size, side="long")
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
            self._judges[cell.style] = self._evaluator.judge(self.painting(cell.style))
        path = self._label(cell)
        label = load_image(path).to(self.device) if path else None
        if label is not None and label.shape != image.shape:
            label = F.interpolate(label, image.shape[-2:], mode="bicubic", antialias=True).clamp(0, 1)
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
                "judge": self._evaluator.network,
                "lpips": None if self.lpips is None else self.lpips.network,
                "label": None if label is None else file_digest(label),
            }
        )
