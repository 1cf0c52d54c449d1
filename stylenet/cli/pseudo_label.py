"""The command `stylenet pseudo-label`: stylize photographs by a slow method, for a network to learn from."""

import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from stylenet.acceleration.allocator import keep_memory
from stylenet.cli.arguments import Count, Levels, Pixels, Seed, Steps, call
from stylenet.cli.exits import FAILED, INTERRUPTED, OK, stop_when_asked
from stylenet.cli.gatys import LOSS
from stylenet.console import Bar, print_card
from stylenet.data.pairs import MANIFEST
from stylenet.data.styles import find_style
from stylenet.devices import pick_rank_device, rank_and_world
from stylenet.errors import InputError, unknown
from stylenet.features.weights import resolve_weights
from stylenet.gatys.defaults import gatys_loss
from stylenet.inference.label_shards import LabelRun, Shard
from stylenet.inference.labelers import AdaINLabeler, GatysLabeler, Labeler, optimize_options
from stylenet.inference.outputs import plan
from stylenet.inference.pseudo_labels import PairMaker

METHODS = ("gatys", "adain")


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
    precision: str | None = None,
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
        precision: 32-true, or bf16-mixed.
        device: auto (under torchrun a GPU each), cpu, cuda, cuda:N or mps.
        backbone: Loss network.
        weights: Of the loss network: auto (bundled or imagenet), random or a file.
        loss: What is minimized by gatys.
    """
    asked = {
        "steps": steps, "init": init, "optimizer": optimizer, "lr": lr, "schedule": schedule, "pyramid": pyramid,
        "preserve_color": preserve_color, "combined_after": combined_after, "patience": patience, "seed": seed,
        "precision": precision,
    }  # fmt: skip
    asked = {name: value for name, value in asked.items() if value is not None}
    _check_method(method, {"ckpt": ckpt, "alpha": alpha}, {**asked, **(loss or {})})
    rank, ranks = rank_and_world()
    keep_memory()
    sources, styles = _sources(content, output, limit), _styles(style)
    place = pick_rank_device(device)
    weights = resolve_weights(backbone, weights)
    options = optimize_options(asked)
    objective = gatys_loss(backbone, weights, (), loss, place)
    labeler: Labeler = GatysLabeler(objective, options)
    if ckpt:
        labeler = AdaINLabeler(ckpt, place, 1.0 if alpha is None else alpha)
    style_size = style_size or max(1, size * 3 // 4)
    network = {"backbone": backbone, "weights": Path(weights).name}
    maker = PairMaker(Path(output), labeler, objective, styles, size, style_size, place, **network)
    work = LabelRun(maker, sources, Shard(Path(output), rank, ranks))
    if rank == 0:
        share = "" if ranks == 1 else f", shared by {ranks} processes"
        print_card(
            {
                "photographs": f"{len(sources)} of {content}, {size} pixels at most{share}",
                "styles": f"{', '.join(styles)}, at {style_size} pixels",
                "method": f"adain, {ckpt}" if ckpt else f"gatys, {options['steps']} steps",
                "loss network": f"{backbone}, {Path(weights).name} weights",
                "device": str(place),
                "output": f"{output}: {work.there} of this process's pairs are there, {work.total} are to be made",
            }
        )
    return make_labels(work)


run = partial(call, pseudo_label, "stylenet pseudo-label", groups={"loss": LOSS})
"""Takes the arguments of a command line, and returns the exit code."""


def make_labels(work: LabelRun) -> int:
    """Make labels under a progress bar, and return the exit code; what is broken is named and skipped.

    Ctrl-C stops after the pair at hand; what is written stays. Where there are several processes, failures are left for
    the last one to report: torchrun kills the others when one ends with an error.

    Args:
        work: What this process is to make.
    """
    done = failed = 0
    name = f"rank {work.shard.rank}: " if work.shard.rank else ""
    with stop_when_asked() as asked, Bar(f"{name}pair", shown=not name) as bar:
        for count, error in work.pairs():
            if error:
                bar.say(f"{name}failed: {error}")
            done, failed = (done, failed + count) if error else (done + count, failed)
            bar.move(done + failed, work.total)
            if asked:
                break
    summary = f"{name}{done} pairs made" + (f", {failed} failed" if failed else "")
    if asked:
        bar.say(f"{summary}; interrupted with {work.total - done - failed} left: the same command goes on")
        return INTERRUPTED
    bar.say(summary)
    held = work.close()
    if held is None:
        return OK
    lack = f", {held[1]} are missing: the same command tries them again" if held[1] else ""
    bar.say(f"{name}{work.maker.folder / MANIFEST} holds {held[0]} pairs{lack}")
    return FAILED if held[1] else OK


def _check_method(method: str, of_adain: Mapping[str, Any], of_gatys: Mapping[str, Any]) -> None:
    """Raise for a method that there is not, or for options of the other one."""
    if method not in METHODS:
        raise unknown("method", method, METHODS)
    if method == "adain" and not of_adain["ckpt"]:
        raise InputError("--method=adain needs --ckpt: an AdaIN checkpoint")
    for name, value in (of_adain if method == "gatys" else of_gatys).items():
        if value is not None:
            raise InputError(f"--{name} is of no use to --method={method}: leave it out")


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
