"""A run of `stylenet pseudo-label`: everything is read and checked before the first pair is made."""

import inspect
import os
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from stylenet.cli.card import print_card
from stylenet.cli.exits import FAILED, INTERRUPTED, OK, stop_when_asked
from stylenet.cli.gatys_job import LOSS_SETTINGS, RUN_SETTINGS
from stylenet.cli.pseudo_label_report import Report
from stylenet.cli.settings import typed
from stylenet.color import check_preserve_color
from stylenet.data.pairs import MANIFEST
from stylenet.data.styles import find_style
from stylenet.devices import pick_device
from stylenet.errors import InputError, unknown
from stylenet.features.extractor import FeatureExtractor
from stylenet.features.weights import resolve_weights
from stylenet.gatys.defaults import gatys_options
from stylenet.gatys.optimize import INITS, check, optimize
from stylenet.gatys.pyramid import plan as plan_sizes
from stylenet.inference.label_shards import Shard, made
from stylenet.inference.labelers import AdaINLabeler, GatysLabeler, Labeler
from stylenet.inference.outputs import plan
from stylenet.inference.pseudo_labels import PairMaker
from stylenet.losses.multiscale import perceptual_loss
from stylenet.losses.options import LossOptions
from stylenet.losses.perceptual import Loss

OPTIMIZE_SETTINGS = (*RUN_SETTINGS, "optimizer", "lr", "pyramid", "preserve_color", "seed")
"""Parameters of `optimize` that are given as key=value: for one image some of them are flags."""


class Job:
    """What the command line asks of one process, ready to run.

    Args:
        flags: Values of the parser's options.
        settings: The `key=value` options.
        names: Of the parser's options, suggested where a key is misspelt.
        rank: This process, from 0.
        ranks: How many there are.

    Raises:
        InputError: Bad input.
    """

    def __init__(
        self, flags: Namespace, settings: Mapping[str, str], names: Sequence[str], rank: int, ranks: int
    ) -> None:
        self.flags, self.rank, self.folder = flags, rank, Path(flags.output)
        self.sources = _sources(flags)
        self.styles = _styles(flags.style)
        self.style_size = flags.style_size or max(1, flags.size * 3 // 4)
        self.device = pick_device(_device_name(flags.device))
        self.backbone, self.weights = flags.backbone, resolve_weights(flags.backbone, flags.weights)
        loss, labeler = self._labeler(settings, names)
        self.shard = Shard(self.folder, rank, ranks)
        pairs = made(self.folder)
        network = {"backbone": self.backbone, "weights": Path(self.weights).name}
        self.maker = PairMaker(
            self.folder, labeler, loss, self.styles, flags.size, self.style_size, self.device, **network
        )
        self.maker.check(pairs.values(), self.sources)
        self.digests = {pair.photograph: pair.source_sha256 for pair in pairs.values()}
        mine = list(self.sources)[rank::ranks]  # split before the pairs that are there are left out: all ranks agree
        wanted = {path: [name for name in self.styles if (name, path) not in pairs] for path in mine}
        self.todo = {path: names for path, names in wanted.items() if names}
        self.there = len(mine) * len(self.styles) - self.total

    @property
    def total(self) -> int:
        """Return how many pairs this process is to make."""
        return sum(map(len, self.todo.values()))

    def _labeler(self, settings: Mapping[str, str], names: Sequence[str]) -> tuple[Loss, Labeler]:
        """Return what measures the labels, and what makes them."""
        flags = self.flags
        if flags.method == "adain":
            (given,) = typed(settings, {AdaINLabeler: ("alpha",)}, names)
            return self._loss({}), AdaINLabeler(flags.ckpt, self.device, **given)
        chosen, given = typed(settings, {LossOptions: LOSS_SETTINGS, optimize: OPTIMIZE_SETTINGS}, names)
        parameters = inspect.signature(optimize).parameters
        defaults = {name: parameters[name].default for name in (*OPTIMIZE_SETTINGS, "steps", "init")}
        asked = {name: getattr(flags, name) for name in ("steps", "init") if getattr(flags, name) is not None}
        given = defaults | asked | given
        if given["init"] not in INITS:
            raise unknown("init", given["init"], INITS)
        check(**{name: given[name] for name in ("optimizer", "lr", "schedule", "patience", "combined_after")})
        check_preserve_color(given["preserve_color"])
        plan_sizes(given["steps"], given["pyramid"], 1, 1)
        loss = self._loss(chosen)
        return loss, GatysLabeler(loss, given)

    def _loss(self, given: Mapping[str, Any]) -> Loss:
        """Return a loss without paintings, on the device."""
        options = gatys_options(self.backbone, given)
        extractor = FeatureExtractor(self.backbone, options.layers, self.weights, options.pooling).to(self.device)
        return perceptual_loss(extractor, [], options).to(self.device)

    def describe(self) -> dict[str, str]:
        """Return the lines of the card."""
        flags = self.flags
        how = f"adain, {flags.ckpt}" if flags.method == "adain" else f"gatys, {self.maker.settings['steps']} steps"
        share = "" if self.shard.ranks == 1 else f", shared by {self.shard.ranks} processes"
        return {
            "photographs": f"{len(self.sources)} of {flags.content}, {flags.size} pixels at most{share}",
            "styles": f"{', '.join(self.styles)}, at {self.style_size} pixels",
            "method": how,
            "loss network": f"{self.backbone}, {Path(self.weights).name} weights",
            "device": str(self.device),
            "output": f"{self.folder}: {self.there} of this process's pairs are there, {self.total} are to be made",
        }

    def run(self) -> int:
        """Make the pairs under a progress bar, and return the exit code; what is broken is named and skipped.

        Ctrl-C stops after the pair at hand; what is written stays. Where there are several processes, failures are
        left for the last one to report: torchrun kills the others when one ends with an error.
        """
        if self.rank == 0:
            print_card(self.describe())
        self.shard.open()
        self.maker.write_styles()
        with stop_when_asked() as asked, Report(self.total, self.rank) as report:
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
        report.say(f"{self.folder / MANIFEST} holds {len(pairs)} pairs{lack}")
        return FAILED if missing else OK

    def _label(self, path: str, names: Sequence[str], asked: Sequence[int], report: Report) -> None:
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


def _sources(flags: Namespace) -> dict[str, Path]:
    """Return the file of each photograph by its place in the folder of pairs, sorted; writes nothing."""
    if not os.path.isdir(flags.content):
        raise InputError(f"--content={flags.content} is no folder: give one of photographs")
    jobs = plan(flags.content, flags.output)
    first = list(jobs.items())[: flags.limit]
    return {f"photographs/{target.relative_to(flags.output).as_posix()}": source for source, target in first}


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
