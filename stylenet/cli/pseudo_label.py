"""The command `stylenet pseudo-label`: stylize photographs by a slow method, for a network to learn from."""

import inspect
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from stylenet.acceleration.allocator import keep_memory
from stylenet.cli.arguments import Count, Levels, Pixels, Seed, Steps, call
from stylenet.cli.exits import FAILED, INTERRUPTED, OK, stop_when_asked
from stylenet.cli.gatys import LOSS
from stylenet.color import check_preserve_color
from stylenet.console import Bar, print_card
from stylenet.data.pairs import MANIFEST
from stylenet.data.styles import find_style
from stylenet.devices import pick_device
from stylenet.errors import InputError, one_line, unknown
from stylenet.features.weights import resolve_weights
from stylenet.gatys.defaults import gatys_loss
from stylenet.gatys.optimize import INITS, check, optimize
from stylenet.gatys.pyramid import plan as plan_sizes
from stylenet.inference.label_shards import Shard, made
from stylenet.inference.labelers import AdaINLabeler, GatysLabeler, Labeler
from stylenet.inference.outputs import plan
from stylenet.inference.pseudo_labels import PairMaker

METHODS = ("gatys", "adain")


def run(argv: Sequence[str]) -> int:
    """Make pseudo-labels as the arguments say, and return the exit code.

    Args:
        argv: What follows `stylenet pseudo-label`.

    Raises:
        InputError: Bad input; nothing was written.
    """
    return call(pseudo_label, argv, "stylenet pseudo-label", {"loss": LOSS})


def pseudo_label(
    content: str,
    style: list[str],
    method: str,
    output: str,
    ckpt: str | None = None,
    alpha: float | None = None,
    size: Pixels = 512,
    style_size: Pixels | None = None,
    limit: Count | None = None,
    steps: Steps | None = None,
    init: str | None = None,
    optimizer: str | None = None,
    lr: float | None = None,
    schedule: str | None = None,
    pyramid: Levels | None = None,
    preserve_color: str | None = None,
    combined_after: float | None = None,
    patience: int | None = None,
    seed: Seed | None = None,
    device: str = "auto",
    backbone: str = "vgg16",
    weights: str = "auto",
    loss: dict[str, Any] | None = None,
) -> int:
    """Stylize the photographs of a folder by a slow method, for data.pseudo_labels to train with.

    The same command goes on after a kill, and skips the pairs that are there. Under torchrun each process takes its
    share of the photographs. Exit codes: 0 done, 1 photographs failed, 2 bad input, 130 interrupted.

    Args:
        content: The folder of photographs, with its sub-folders.
        style: A painting, or a style's name; several for as many labels each.
        method: gatys, the optimizer; or adain, a network, see ckpt.
        output: The folder of the pairs and their manifest.jsonl.
        ckpt: The AdaIN checkpoint of method=adain.
        alpha: Strength of method=adain, from 0 to 1.
        size: Scale larger photographs down to this longer side.
        style_size: Shorter side of the paintings in pixels; by default 3/4 of size.
        limit: Take only so many photographs, the first by name.
        steps: Evaluations of the loss by gatys, 300 by default; this and the next ones are as for stylenet gatys.
        init: What gatys starts from: content, noise or style.
        optimizer: lbfgs, adam or adamw.
        lr: Learning rate of adam and adamw.
        schedule: Of the learning rate.
        pyramid: Number of sizes.
        preserve_color: luminance or coral.
        combined_after: Share of all steps after which the combined-image term acts.
        patience: Stop when the loss did not fall by a thousandth in so many steps.
        seed: Of the noise.
        device: auto (under torchrun a GPU each), cpu, cuda, cuda:N or mps.
        backbone: Loss network.
        weights: Of the loss network: auto (bundled or imagenet), random or a file.
        loss: What is minimized by gatys.
    """
    asked = {
        "steps": steps, "init": init, "optimizer": optimizer, "lr": lr, "schedule": schedule, "pyramid": pyramid,
        "preserve_color": preserve_color, "combined_after": combined_after, "patience": patience, "seed": seed,
    }  # fmt: skip
    asked = {name: value for name, value in asked.items() if value is not None}
    _check_method(method, {"ckpt": ckpt, "alpha": alpha}, {**asked, **(loss or {})})
    rank, ranks = process_of(os.environ)
    keep_memory()
    sources, styles = _sources(content, output, limit), _styles(style)
    place = pick_device(_device_name(device))
    weights = resolve_weights(backbone, weights)
    how = f"adain, {ckpt}" if method == "adain" else f"gatys, {asked.get('steps', 300)} steps"
    settings = _optimization(asked)
    objective = gatys_loss(backbone, weights, (), loss, place)
    labeler: Labeler = GatysLabeler(objective, settings)
    if ckpt:
        labeler = AdaINLabeler(ckpt, place, 1.0 if alpha is None else alpha)
    shard, pairs = Shard(Path(output), rank, ranks), made(Path(output))
    style_size = style_size or max(1, size * 3 // 4)
    network = {"backbone": backbone, "weights": Path(weights).name}
    maker = PairMaker(Path(output), labeler, objective, styles, size, style_size, place, **network)
    maker.check(pairs.values(), sources)
    mine = list(sources)[rank::ranks]  # split before the pairs that are there are left out: all ranks agree
    wanted = {path: [name for name in styles if (name, path) not in pairs] for path in mine}
    digests = {pair.photograph: pair.source_sha256 for pair in pairs.values()}
    work = _Work(sources, list(styles), maker, shard, {path: names for path, names in wanted.items() if names}, digests)
    if rank == 0:
        share = "" if ranks == 1 else f", shared by {ranks} processes"
        there = len(mine) * len(styles) - work.total
        print_card(
            {
                "photographs": f"{len(sources)} of {content}, {size} pixels at most{share}",
                "styles": f"{', '.join(styles)}, at {style_size} pixels",
                "method": how,
                "loss network": f"{backbone}, {Path(weights).name} weights",
                "device": str(place),
                "output": f"{output}: {there} of this process's pairs are there, {work.total} are to be made",
            }
        )
    return work.run()


@dataclass
class _Work:
    """The pairs that one process is to make; everything is read and checked."""

    sources: Mapping[str, Path]
    styles: Sequence[str]
    maker: PairMaker
    shard: Shard
    todo: Mapping[str, Sequence[str]]
    digests: Mapping[str, str] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Return how many pairs this process is to make."""
        return sum(map(len, self.todo.values()))

    def run(self) -> int:
        """Make the pairs under a progress bar, and return the exit code; what is broken is named and skipped.

        Ctrl-C stops after the pair at hand; what is written stays. Where there are several processes, failures are
        left for the last one to report: torchrun kills the others when one ends with an error.
        """
        self.shard.open()
        self.maker.write_styles()
        with stop_when_asked() as asked, Report(self.total, self.shard.rank) as report:
            for path, names in self.todo.items():
                self._label(path, names, asked, report)
                if asked:
                    break
        if asked:
            left = self.total - report.done - report.failed
            report.say(f"{report.summary()}; interrupted with {left} left: the same command goes on")
            return INTERRUPTED
        wanted = {(name, path) for path in self.sources for name in self.styles}
        pairs = self.shard.close(wanted)
        report.say(report.summary())
        if pairs is None:
            return OK
        missing = len(wanted - pairs.keys())
        lack = f", {missing} are missing: the same command tries them again" if missing else ""
        report.say(f"{self.maker.folder / MANIFEST} holds {len(pairs)} pairs{lack}")
        return FAILED if missing else OK

    def _label(self, path: str, names: Sequence[str], asked: Sequence[int], report: "Report") -> None:
        """Make the labels of one photograph, until asked to stop."""
        try:
            photograph = self.maker.photograph(self.sources[path], path, self.digests.get(path))
        except InputError as error:
            report.fail(error, len(names))
            return
        for name in names:
            try:
                self.shard.add(self.maker.pair(photograph, name))
                report.advance()
            except InputError as error:
                report.fail(error)
            if asked:
                return


class Report(Bar):
    """A bar of the first process, and lines of all.

    Args:
        total: Pairs to be made.
        rank: Of the process.
    """

    def __init__(self, total: int, rank: int) -> None:
        self.name = f"rank {rank}: " if rank else ""
        super().__init__(f"{self.name}pair", shown=rank == 0)
        self.total, self.done, self.failed = total, 0, 0

    def say(self, line: str) -> None:
        """Print a line."""
        self.console.print(one_line(f"{self.name}{line}"))

    def fail(self, error: InputError, pairs: int = 1) -> None:
        """Name what failed, and count its pairs."""
        self.say(f"failed: {error}")
        self.failed += pairs
        self.move(self.done + self.failed, self.total)

    def advance(self) -> None:
        """Count a pair that was made."""
        self.done += 1
        self.move(self.done + self.failed, self.total)

    def summary(self) -> str:
        """Return what was made and what failed."""
        return f"{self.done} pairs made" + (f", {self.failed} failed" if self.failed else "")


def process_of(environment: Mapping[str, str]) -> tuple[int, int]:
    """Return which of how many processes this is, as torchrun says it.

    Raises:
        InputError: The variables make no sense.
    """
    rank, ranks = environment.get("RANK", "0"), environment.get("WORLD_SIZE", "1")
    if not (rank.isdecimal() and ranks.isdecimal() and int(rank) < int(ranks)):
        raise InputError(f"RANK={rank} and WORLD_SIZE={ranks} make no sense: unset them, or start with torchrun")
    return int(rank), int(ranks)


def _check_method(method: str, of_adain: Mapping[str, Any], of_gatys: Mapping[str, Any]) -> None:
    """Raise for a method that there is not, or for options of the other one."""
    if method not in METHODS:
        raise unknown("method", method, METHODS)
    if method == "adain" and not of_adain["ckpt"]:
        raise InputError("--method=adain needs --ckpt: an AdaIN checkpoint")
    for name, value in (of_adain if method == "gatys" else of_gatys).items():
        if value is not None:
            raise InputError(f"--{name} is of no use to --method={method}: leave it out")


def _optimization(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return all settings of `optimize`: those that were asked for, checked, and the defaults of the others."""
    parameters = inspect.signature(optimize).parameters
    names = ("schedule", "combined_after", "patience", "optimizer", "lr", "pyramid", "preserve_color", "seed")
    given = {name: parameters[name].default for name in (*names, "steps", "init")} | dict(asked)
    if given["init"] not in INITS:
        raise unknown("init", given["init"], INITS)
    check(**{name: given[name] for name in ("optimizer", "lr", "schedule", "patience", "combined_after")})
    check_preserve_color(given["preserve_color"])
    plan_sizes(given["steps"], given["pyramid"], 1, 1)
    return given


def _sources(content: str, output: str, limit: int | None) -> dict[str, Path]:
    """Return the file of each photograph by its place in the folder of pairs, sorted; writes nothing."""
    if not os.path.isdir(content):
        raise InputError(f"--content={content} is no folder: give one of photographs")
    first = list(plan(content, output).items())[:limit]
    return {f"photographs/{target.relative_to(output).as_posix()}": source for source, target in first}


def _styles(names: Sequence[str]) -> dict[str, Path]:
    """Return the files of the styles by name."""
    paths = [find_style(name) for name in names]
    styles = {path.stem: path for path in paths}
    if len({name.casefold() for name in styles}) < len(paths):
        raise InputError(f"two styles of one name in {', '.join(map(str, paths))}: rename one")
    return styles


def _device_name(name: str) -> str:
    """Return the device of this process: under torchrun each takes a GPU of its own."""
    local = os.environ.get("LOCAL_RANK", "")
    count = torch.cuda.device_count()
    return f"cuda:{int(local) % count}" if local.isdecimal() and count and name in ("auto", "cuda") else name
