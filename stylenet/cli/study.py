"""The command `stylenet study`: run an experiment of configs/studies, or of a YAML file of one's own.

PyTorch is imported only once the flags are right, so that `--help` and mistyped flags are answered at once.
"""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stylenet.acceleration.allocator import keep_memory
from stylenet.cli.exits import FAILED, OK, one_line
from stylenet.cli.options import OneLineParser, split, whole
from stylenet.errors import unknown
from stylenet.resources import CONFIGS

if TYPE_CHECKING:
    from stylenet.studies.runs import Cell

STUDIES = CONFIGS / "studies"


def build_parser() -> OneLineParser:
    """Return the parser of the flags; key=value options are left over."""
    parser = OneLineParser(
        prog="stylenet study",
        usage="stylenet study NAME [key=value ...] [--quick] [--output=FOLDER] [--workers=N]",
        description="Run a study: each point of its grid on each photograph and painting. Started again, it finishes "
        "what is missing.",
        epilog="key=value sets any setting of all runs but those where the grid sets it, e.g. steps=100 size=512; "
        "photographs=a,b and styles=c name the pictures, or say how many; a grid's own setting keeps those "
        "values alone, e.g. lr=0.1. Exit codes: 0 done (also where weights were not at hand: the report says how to "
        "get them), 1 runs failed, 2 bad input, 130 interrupted.",
        allow_abbrev=False,
    )
    parser.add_argument("name", metavar="NAME", help="a file of configs/studies, or the path of one")
    parser.add_argument("--quick", action="store_true", help="tiny settings: does it run at all?")
    parser.add_argument("--output", help="folder of the study; default: studies/NAME, with --quick studies/NAME-quick")
    parser.add_argument("--workers", type=whole(1, 1024, "processes"), default=1, help="processes; default: 1")
    return parser


def run(argv: Sequence[str]) -> int:
    """Run a study as the arguments say, and return the exit code.

    Args:
        argv: What follows `stylenet study`.

    Raises:
        InputError: Bad input; nothing was run.
    """
    parser = build_parser()
    flags, rest = parser.parse_known_args(argv)
    options = split(rest, parser.flags)
    path = find_study(flags.name)
    keep_memory()
    from stylenet.studies.report import write_study_report
    from stylenet.studies.runs import FAILED as RUN_FAILED
    from stylenet.studies.runs import KNOWN, NOT_AT_HAND, check, check_spared, outcome, plan
    from stylenet.studies.study import load_study

    study = load_study(path, KNOWN)
    study = study.quickened() if flags.quick else study
    study = study.overridden(options, KNOWN[study.kind], parser.flags)
    check(study)
    folder = Path(flags.output or Path("studies") / (f"{study.name}-quick" if flags.quick else study.name))
    cells = plan(study, folder)
    check_spared(cells)
    for key in options:
        if key not in study.axes and (own := study.set_by_grid(key)):
            print(f"{key}={options[key]} is not for {'; '.join(own)}: the grid sets it there", file=sys.stderr)
    try:
        _run_under_a_bar(cells, flags.workers)
    finally:  # what there is, even after Ctrl-C
        write_study_report(study, cells, folder, shlex.join(["stylenet", "study", *argv]))
    statuses = [outcome(cell)["status"] for cell in cells]
    failed, absent = statuses.count(RUN_FAILED), statuses.count(NOT_AT_HAND)
    notes = [f"{len(cells)} runs"]
    notes += [f"{failed} failed"] if failed else []
    notes += [f"{absent} need what is not at hand: the report says how to get it"] if absent else []
    print(f"{', '.join(notes)}; wrote {folder / 'report.md'}", file=sys.stderr)
    return FAILED if failed else OK


def find_study(name: str) -> Path:
    """Return the file of a study.

    Args:
        name: Of a file in configs/studies, or a path.

    Raises:
        InputError: There is no such study; says the nearest name.
    """
    named = {path.stem: path for path in STUDIES.glob("*.yaml")}
    if name not in named and not Path(name).is_file():
        raise unknown("study", name, named)
    return named.get(name, Path(name))


def _run_under_a_bar(cells: "Sequence[Cell]", workers: int) -> None:
    """Run this rank's share of the cells under a bar, and print a line for each."""
    from stylenet.cli.bar import Bar
    from stylenet.studies.runs import DONE, mine, outcome, run_all

    share = mine(cells)
    left = [cell for cell in share if outcome(cell)["status"] != DONE]
    with Bar("run") as bar:
        bar.console.print(f"{len(share)} runs, {len(share) - len(left)} of them finished already")
        bar.move(0, len(left))
        for done, cell in enumerate(run_all(left, workers), start=1):
            result = outcome(cell)
            error = f": {one_line(result['error'])}" if "error" in result else ""
            bar.console.print(f"{cell.folder.name}: {result['status']}{error}")
            bar.move(done, len(left))
