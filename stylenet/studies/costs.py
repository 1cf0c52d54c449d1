"""What each method of an evaluation costs: seconds and memory."""

from dataclasses import asdict

from stylenet.errors import InputError
from stylenet.studies.evaluation import Evaluation, KeyedRows, Row
from stylenet.studies.methods import Method
from stylenet.studies.runtime import SIDES, Task, measure
from stylenet.studies.study import recipe_digest

COSTS = "runtime.csv"


class Costs:
    """Seconds and memory of each method that makes pictures, at each of `SIDES`, kept in `runtime.csv`.

    Args:
        evaluation: Whose methods and styles are taken.

    Raises:
        InputError: Earlier measurements are damaged.
    """

    def __init__(self, evaluation: Evaluation) -> None:
        self.evaluation = evaluation
        keys = [self._key(method, side) for method, side in self.wanted()]
        self._table = KeyedRows(evaluation.output / COSTS, ("side", "seconds", "memory_mb"), keys)
        self.rows = self._table.rows

    def wanted(self) -> list[tuple[Method, int]]:
        """Return what to measure: methods and pixels of the square."""
        return [(method, side) for method in self.evaluation.methods if method.kind != "photograph" for side in SIDES]

    def fill(self, method: Method, side: int) -> Row:
        """Add the row of a method at a size, measured unless it was before, write the file, and return it.

        Whatever goes wrong is the row's `error`.
        """
        key = self._key(method, side)
        row = self._table.earlier.get(key)
        if row is None or row["error"]:
            row = {"method": method.name, "side": float(side), "seconds": None, "memory_mb": None}
            row |= {"estimated": None, "device": str(self.evaluation.device), "error": None, "key": key}
            try:
                row |= asdict(measure(self._task(method, side)))
                row["estimated"] = "estimated" if row["estimated"] else None
            except InputError as error:
                row["error"] = str(error)
        self._table.add(row | {"method": method.name})
        return row

    def _key(self, method: Method, side: int) -> str:
        """Return the digest of all that a measurement depends on, but for the machine."""
        return recipe_digest([method.recipe(), side, str(self.evaluation.device), self.evaluation.size])

    def _task(self, method: Method, side: int) -> Task:
        style = next(path for name, path in self.evaluation.styles.items() if method.paints(name))
        device, size = str(self.evaluation.device), self.evaluation.size
        return Task(method.given, str(style), size, method.steps, side, device)
