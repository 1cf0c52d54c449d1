"""The command `stylenet evaluate`: compare methods in figures and pictures.

PyTorch is imported only once the flags are right, so that `--help` and mistyped flags are answered at once.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stylenet.acceleration.allocator import keep_memory
from stylenet.cli.exits import FAILED, INTERRUPTED, OK, one_line, stop_when_asked
from stylenet.cli.options import OneLineParser, pixels, whole

if TYPE_CHECKING:
    from stylenet.studies.evaluation import Costs, Evaluation


GRID = "grid.png"


def build_parser() -> OneLineParser:
    """Return the parser."""
    parser = OneLineParser(
        prog="stylenet evaluate",
        description="Paint photographs by several methods, and measure what comes out. Writes results.csv, table.md, "
        "grid.png and every picture; what an earlier run finished in the output folder is not done again.",
        epilog="Exit codes: 0 done, 1 something failed (named in table.md), 2 bad input, 130 interrupted (what is "
        "done stays).",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--photographs", help="a folder, with its sub-folders (required)")
    add("--styles", help="names or paths of paintings, with commas (required)")
    add(
        "--methods",
        default="gatys,gatys+",
        help="with commas: gatys; gatys+, with dynamic weights and the combined image; or files of networks, as "
        "FILE=STYLE where the file does not say its style; default: gatys,gatys+; the untouched photograph is always "
        "measured too",
    )
    add("--output", help="a folder (required)")
    add("--size", type=pixels, default=256, help="longer side of photographs, shorter side of paintings; default: 256")
    add("--steps", type=whole(1, 1_000_000), default=300, help="of gatys and gatys+; default: 300")
    add("--limit", type=whole(1, 1_000_000), help="take so many photographs, the first ones")
    add("--judge", help="backbone that measures; default: the best at hand that is the loss network of none")
    add("--labels", help="a folder of stylenet pseudo-label, to compare with those too")
    add("--device", default="auto", help="auto (default), cpu, cuda, cuda:N or mps")
    add("--no-runtime", action="store_true", help="leave out seconds and memory at 256 and 1024 pixels")
    return parser


def run(argv: Sequence[str]) -> int:
    """Evaluate as the arguments say, and return the exit code.

    Args:
        argv: What follows `stylenet evaluate`.

    Raises:
        InputError: Bad input; nothing was written.
    """
    parser = build_parser()
    flags = parser.options(argv)
    parser.require(flags, "photographs", "styles", "output")
    keep_memory()
    from stylenet.cli.card import print_card
    from stylenet.images import save_image, written_beside
    from stylenet.studies.evaluation import Costs
    from stylenet.studies.report import evaluation_report, picture_grid

    evaluation = prepare(flags)
    costs = Costs(evaluation)
    print_card(describe(evaluation))
    asked = work(evaluation, costs, measured=not flags.no_runtime)
    text = evaluation_report(evaluation, costs.rows)
    with written_beside(evaluation.output / "table.md") as temporary:
        temporary.write_text(text, encoding="utf-8")
    save_image(picture_grid(evaluation), evaluation.output / GRID)
    print(text)
    failed = any(row["error"] for row in (*evaluation.rows, *costs.rows))
    left = len(evaluation.cells()) - len(evaluation.rows)
    ending = f"; interrupted with {left} pictures left, repeat the command to go on" if asked else ""
    print(f"wrote {evaluation.output}{ending}", file=sys.stderr)
    return INTERRUPTED if asked else FAILED if failed else OK


def prepare(flags: argparse.Namespace) -> "Evaluation":
    """Return the evaluation that the flags ask for; everything is checked, and nothing written.

    Raises:
        InputError: Bad input.
    """
    from stylenet.devices import pick_device
    from stylenet.inference.outputs import check_writable
    from stylenet.studies.evaluation import PICTURES, RESULTS, Evaluation
    from stylenet.studies.methods import find_methods
    from stylenet.studies.pictures import find_labels, find_styles, photographs_in

    device, output = pick_device(flags.device), Path(flags.output)
    check_writable([output / RESULTS])
    photographs = photographs_in(flags.photographs, flags.limit, without=[output / PICTURES, output / GRID])
    styles = find_styles(flags.styles.split(","))
    methods = find_methods(flags.methods.split(","), list(styles), flags.steps, device)
    labels = find_labels(flags.labels)
    return Evaluation(methods, photographs, styles, output, flags.size, device, flags.judge, labels)


def describe(evaluation: "Evaluation") -> dict[str, str]:
    """Return the lines of the card."""
    cells = evaluation.cells()
    finished = sum(evaluation.finished(cell) for cell in cells)
    return {
        "photographs": f"{len(evaluation.photographs)}, longer side {evaluation.size} pixels",
        "styles": ", ".join(evaluation.styles),
        "methods": ", ".join(method.name for method in evaluation.methods),
        "judge": evaluation.judge_line,
        "pictures": f"{len(cells)}, of which {finished} are there already",
        "device": str(evaluation.device),
        "output": str(evaluation.output),
    }


def work(evaluation: "Evaluation", costs: "Costs", measured: bool) -> bool:
    """Fill the rows under a progress bar, and return whether Ctrl-C ended it.

    It stops after the current step; a picture that it cuts short is not kept.

    Args:
        evaluation: What to paint and measure.
        costs: What to time.
        measured: Whether to time at all.
    """
    from stylenet.cli.evaluate_watch import Watch
    from stylenet.studies.methods import Stopped

    cells = evaluation.cells()
    steps = sum(cell.method.steps for cell in cells if not evaluation.finished(cell))
    with stop_when_asked() as asked, Watch(steps, asked) as watch:
        try:
            for cell in cells:
                if asked:
                    return True
                watch.begin(cell.picture)
                row = evaluation.fill(cell, watch.tick)
                if row["error"]:
                    watch.console.print(one_line(f"failed: {cell.picture}: {row['error']}"))
        except Stopped:
            return True
        for method, side in costs.wanted() if measured else []:
            if asked:
                return True
            watch.begin(f"time and memory of {method.name} at {side} pixels")
            row = costs.fill(method, side)
            if row["error"]:
                watch.console.print(one_line(f"failed: {method.name} at {side} pixels: {row['error']}"))
        return bool(asked)
