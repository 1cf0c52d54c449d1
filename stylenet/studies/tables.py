"""Rows of figures as CSV and as Markdown."""

import csv
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from stylenet.errors import InputError
from stylenet.images import written_beside

Row = Mapping[str, Any]


def write_csv(rows: Sequence[Row], path: str | Path) -> None:
    """Write rows beside and move them into place; columns are every key, in the order of their first appearance.

    Args:
        rows: Text, numbers (kept to 7 digits) or None, which is left empty.
        path: The file.

    Raises:
        InputError: The place cannot be written.
    """
    columns = list(dict.fromkeys(column for row in rows for column in row))
    with written_beside(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows({key: f"{v:.7g}" if isinstance(v, float) else v for key, v in row.items()} for row in rows)


def read_csv(path: str | Path, numbers: Collection[str] = ()) -> list[dict[str, Any]]:
    """Return the rows of a file, none if there is no such file; what is empty is None.

    Args:
        path: The file.
        numbers: Columns that hold numbers; the others hold text.

    Raises:
        InputError: The file is no such table.
    """
    try:
        with Path(path).open(newline="", encoding="utf-8") as file:
            rows = [{key: value or None for key, value in row.items()} for row in csv.DictReader(file)]
        return [
            {key: float(value) if value and key in numbers else value for key, value in row.items()} for row in rows
        ]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"cannot read {path} ({error}): delete it to begin anew") from None


def markdown(header: Sequence[str], rows: Iterable[Sequence[str | float | None]]) -> str:
    """Return a table.

    Args:
        header: Names of the columns.
        rows: Text, numbers (shown with about three digits) or None.
    """
    lines = [header, ["---"] * len(header), *([_shown(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _shown(cell: str | float | None) -> str:
    """Return a cell of a table."""
    if cell is None:
        return ""
    if isinstance(cell, str):
        return cell.replace("|", r"\|").replace("\n", " ")
    if 0 < abs(cell) < 0.1:
        return f"{cell:.2g}"
    return f"{cell:.3f}" if abs(cell) < 10 else f"{cell:.1f}" if abs(cell) < 100 else f"{cell:.0f}"


def means(rows: Iterable[Row], by: Sequence[str], figures: Iterable[str]) -> list[dict[str, Any]]:
    """Return a row for each group of rows, in the order of appearance: its columns `by`, means, and a `count`.

    Args:
        rows: What a figure is missing in counts for nothing in its mean; where none has it, the mean is None.
        by: Columns that have one value in a group.
        figures: Columns of numbers.
    """
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[column] for column in by), []).append(row)
    found = []
    for values, members in groups.items():
        known = {name: [row[name] for row in members if row.get(name) is not None] for name in figures}
        mean = {name: fmean(numbers) if numbers else None for name, numbers in known.items()}
        found.append(dict(zip(by, values, strict=True)) | mean | {"count": len(members)})
    return found
