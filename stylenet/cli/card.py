"""The card that a command prints before its work: what it is made of."""

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table
from rich.text import Text


def print_card(lines: Mapping[str, str]) -> None:
    """Print names and what they stand for, in two columns, on standard error."""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for name, value in lines.items():
        table.add_row(Text(name, style="bold"), Text(value))  # a path in brackets is no markup
    Console(stderr=True).print(table)
