"""The costs of an evaluation's methods, kept in a file so that each is measured once."""

from typing import Any

from stylenet.errors import InputError
from stylenet.studies.digests import recipe_digest
from stylenet.studies.evaluate import Evaluation
from stylenet.studies.methods import Method
from stylenet.studies.runtime import SIDES, Task, measure
from stylenet.studies.tables import read_csv, write_csv

COSTS = "runtime.csv"
NUMBERS = ("side", "seconds", "memory_mb")


class Costs:
    """Seconds and memory of each method that makes pictures, at each of `SIDES`.

    Args:
        evaluation: Whose methods and styles are taken.

    Raises:
        InputError: Earlier measurements are damaged.
    """

    def __init__(self, evaluation: Evaluation) -> None:
        self.evaluation, self.path = evaluation, evaluation.output / COSTS
        self._keys = {(method.name, side): self._key(method, side) for method, side in self.wanted()}
        self._earlier = {row["key"]: row for row in read_csv(self.path, NUMBERS) if row.get("key")}
        self.rows: list[dict[str, Any]] = []

    def wanted(self) -> list[tuple[Method, int]]:
        """Return what to measure: methods and pixels of the square."""
        return [(method, side) for method in self.evaluation.methods if method.kind != "photograph" for side in SIDES]

    def fill(self, method: Method, side: int) -> dict[str, Any]:
        """Add the row of a method at a size, measured unless it was before, write the file, and return it.

        Whatever goes wrong is the row's `error`.
        """
        key = self._keys[method.name, side]
        row = self._earlier.get(key)
        if row is None or row["error"]:
            row = {"method": method.name, "side": float(side), "seconds": None, "memory_mb": None}
            row |= {"estimated": None, "device": str(self.evaluation.device), "error": None, "key": key}
            try:
                cost = measure(self._task(method, side))
                row |= {"seconds": cost.seconds, "memory_mb": cost.memory_mb}
                row["estimated"] = "estimated" if cost.estimated else None
            except InputError as error:
                row["error"] = str(error)
        self.rows.append(row | {"method": method.name})
        done = {row["key"] for row in self.rows}
        later = [self._earlier[key] for key in self._keys.values() if key in self._earlier and key not in done]
        write_csv(self.rows + later, self.path)
        return row

    def _key(self, method: Method, side: int) -> str:
        """Return the digest of all that a measurement depends on, but for the machine."""
        return recipe_digest([method.recipe(), side, str(self.evaluation.device), self.evaluation.size])

    def _task(self, method: Method, side: int) -> Task:
        style = next(name for name in self.evaluation.styles if method.paints(name))
        return Task(
            method=method.given,
            style=str(self.evaluation.styles[style]),
            style_size=self.evaluation.size,
            steps=method.steps,
            side=side,
            device=str(self.evaluation.device),
        )
