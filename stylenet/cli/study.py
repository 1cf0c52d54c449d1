"""The command `stylenet study`: run an experiment of configs/studies, or of a YAML file of one's own."""

import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from stylenet.acceleration.allocator import keep_memory
from stylenet.cli.arguments import Count, call
from stylenet.cli.exits import FAILED, OK
from stylenet.console import Bar
from stylenet.errors import InputError, unknown
from stylenet.locking import alone_in
from stylenet.resources import CONFIGS
from stylenet.studies.report import write_study_report
from stylenet.studies.runs import DONE, KNOWN, NOT_AT_HAND, Cell, check, check_spared, mine, outcome, plan, run_all
from stylenet.studies.runs import FAILED as RUN_FAILED
from stylenet.studies.study_file import load_study, override

STUDIES = CONFIGS / "studies"
OPTIONS = ("output", "quick", "workers")


def study(
    name: str,
    output: str | None = None,
    quick: bool = False,
    workers: Count = 1,
    settings: Mapping[str, str] | None = None,
) -> int:
    """Run a study: each point of its grid on each photograph and painting.

    Started again, it finishes what is missing. key=value sets any setting of all runs but those where the grid sets it,
    e.g. steps=100 size=512; photographs=a,b and styles=c name the pictures, or say how many; a grid's own setting keeps
    those values alone, e.g. lr=0.1. Exit codes: 0 done (also where weights were not at hand: the report says how to get
    them), 1 runs failed, 2 bad input, 130 interrupted.

    Args:
        name: A file of configs/studies, or the path of one.
        output: Folder of the study; by default studies/NAME, with quick studies/NAME-quick.
        quick: Tiny settings: does it run at all?
        workers: Processes.
        settings: Of the runs.
    """
    settings = settings or {}
    path = find_study(name)
    keep_memory()
    found = load_study(path, KNOWN)
    found = found.quickened() if quick else found
    found = override(found, settings, KNOWN[found.kind], OPTIONS)
    check(found)
    folder = Path(output or Path("studies") / (f"{found.name}-quick" if quick else found.name))
    cells = plan(found, folder)
    check_spared(cells)
    for key in settings:
        if key not in found.axes and (own := found.set_by_grid(key)):
            print(f"{key}={settings[key]} is not for {'; '.join(own)}: the grid sets it there", file=sys.stderr)
    with alone_in(folder, shared="RANK" in os.environ):
        try:
            _run_under_a_bar(cells, workers)
        finally:  # what there is, even after Ctrl-C
            write_study_report(found, cells, folder, _typed(name, output, quick, workers, settings))
    statuses = [outcome(cell)["status"] for cell in cells]
    failed, absent = statuses.count(RUN_FAILED), statuses.count(NOT_AT_HAND)
    notes = [f"{len(cells)} runs"]
    notes += [f"{failed} failed"] if failed else []
    notes += [f"{absent} need what is not at hand: the report says how to get it"] if absent else []
    print(f"{', '.join(notes)}; wrote {folder / 'report.md'}", file=sys.stderr)
    return FAILED if failed else OK


run = partial(call, study, "stylenet study", others="settings")
"""Takes the arguments of a command line, and returns the exit code."""


def _typed(name: str, output: str | None, quick: bool, workers: int, settings: Mapping[str, str]) -> str:
    """Return the command that runs a study so."""
    options = [f"--output={output}"] if output else []
    options += ["--quick"] * quick + [f"--workers={workers}"] * (workers > 1)
    options += [f"{key}={value}" for key, value in settings.items()]
    return shlex.join(["stylenet", "study", name, *options])


def find_study(name: str) -> Path:
    """Return the file of a study.

    Args:
        name: Of a file in configs/studies, or a path.

    Raises:
        InputError: There is no such study; says the nearest name.
    """
    named = {path.stem: path for path in STUDIES.glob("*.yaml")}
    if name not in named and not Path(name).is_file():
        raise InputError(f"{unknown('study', name, named)}, or the path of a YAML file")
    return named.get(name, Path(name))


def _run_under_a_bar(cells: Sequence[Cell], workers: int) -> None:
    """Run this rank's share of the cells under a bar, and print a line for each."""
    share = mine(cells)
    left = [cell for cell in share if outcome(cell)["status"] != DONE]
    with Bar("run") as bar:
        bar.say(f"{len(share)} runs, {len(share) - len(left)} of them finished already")
        bar.move(0, len(left))
        for done, cell in enumerate(run_all(left, workers), start=1):
            result = outcome(cell)
            error = f": {result['error']}" if "error" in result else ""
            bar.say(f"{cell.folder.name}: {result['status']}{error}")
            bar.move(done, len(left))
