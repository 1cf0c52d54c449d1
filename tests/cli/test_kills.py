"""SIGKILL at twenty random moments and more, for every command that can go on: it ends as if nothing had happened.

Processes are forked from one that has imported everything, so that most moments fall into the work.
"""

import multiprocessing
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
import torch
import yaml
from films import make_film
from support import ROOT, picture

from stylenet.images import save_image

pytestmark = pytest.mark.slow
KILLS = 20
STEPS = 60
"""Of a training that is killed so often; one that is killed five times as often has five times as many."""
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload([f"stylenet.cli.{name}" for name in ("train", "pseudo_label", "study", "gatys")])


def work(folder: Path, arguments: list[str]) -> None:
    """Run one of stylenet's commands in a folder, silently."""
    from stylenet.cli.main import main

    os.chdir(folder)
    torch.set_num_threads(1)
    with open("output.txt", "a") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.argv = ["stylenet", *arguments]
    sys.exit(main())


@dataclass
class Command:
    """A command line, the files that show that it has begun, and what its results are."""

    arguments: list[str]
    begun: str
    results: Callable[[Path], object]
    kills: int = KILLS

    def start(self, folder: Path) -> multiprocessing.process.BaseProcess:
        process = CONTEXT.Process(target=work, args=(folder, self.arguments))
        process.start()
        return process

    def finish(self, folder: Path) -> None:
        process = self.start(folder)
        process.join()
        assert process.exitcode == 0, (folder / "output.txt").read_text()[-3000:]


def weights(name: str, steps: int) -> Callable[[Path], object]:
    """Return the weights and the step of a training's last checkpoint, as bytes."""

    def read(folder: Path) -> object:
        (run,) = (path.parent for path in (folder / "runs" / name).glob("*/stylizer.safetensors"))
        assert sorted(path.name for path in run.glob("*.ckpt")) == ["before_last.ckpt", "last.ckpt"]
        last = torch.load(run / "last.ckpt", weights_only=True)
        assert last["global_step"] == steps
        return {key: value.numpy().tobytes() for key, value in last["state_dict"].items()}

    return read


def training(*arguments: str, name: str, kills: int = KILLS) -> Command:
    steps = STEPS * kills // KILLS
    debug = ROOT / "configs" / ("debug_adain.yaml" if name == "adain" else "debug.yaml")
    own = ["train", *arguments, f"--config={debug}", "--ckpt_path=last", f"trainer.max_steps={steps}"]
    own += [
        "checkpoint.every_n_train_steps=1",
        "trainer.val_check_interval=1000",
        "trainer.logger.init_args.save_dir=runs",
    ]
    return Command(own, f"runs/{name}/version_0/last.ckpt", weights(name, steps), kills)


def labels(folder: Path) -> object:
    lines = [line for line in (folder / "out/manifest.jsonl").read_text().splitlines() if line]
    pictures = {path.name: path.read_bytes() for path in (folder / "out").rglob("*.png")}
    return len(lines), pictures


def table(folder: Path) -> object:
    results = pd.read_csv(folder / "out/results.csv")
    return results.drop(columns=[name for name in results if "second" in name or "memory" in name]).to_csv()


COMMANDS = {
    "johnson": training("style=starry_night", name="starry_night"),
    "a hundred times": training("style=starry_night", name="starry_night", kills=100),
    "multistyle": training("model=multistyle", "style=[starry_night,tahiti]", name="multistyle"),
    "adain": training("model=adain", name="adain"),
    "pseudo-label": Command(
        [
            "pseudo-label",
            "content=photos",
            "style=one.png",
            "method=gatys",
            "output=out",
            "steps=6",
            "size=32",
            "device=cpu",
        ],
        "out/*/*.png",
        labels,
    ),
    "film of gatys": Command(
        [
            "gatys",
            "content=film.mp4",
            "style=one.png",
            "output=out.mp4",
            "steps=6",
            "frame_steps=4",
            "size=32",
            "device=cpu",
        ],
        "out.mp4.frames/*.png",
        lambda folder: [(path.name, path.read_bytes()) for path in sorted(folder.glob("out*.mp4*"))],
    ),
    "study": Command(["study", "own.yaml", "output=out"], "out/runs/*/result.json", table),
}


def inputs(folder: Path) -> None:
    folder.mkdir()
    for seed in range(40):
        save_image(picture(seed), folder / f"photos/{seed}.png")
    save_image(picture(99), folder / "one.png")
    make_film(folder / "film.mp4", times=range(0, 1200, 40))
    base = {"backbone": "vgg16", "weights": "bundled", "size": 32}
    own = {"question": "How many?", "kind": "gatys", "base": base, "grid": {"steps": list(range(1, 31))}}
    (folder / "own.yaml").write_text(yaml.safe_dump(own | {"photographs": ["one.png"], "styles": ["starry_night"]}))


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", COMMANDS)
def test_killed_at_random_moments_it_ends_as_if_it_were_not(name: str, tmp_path: Path, bare_environment: None):
    command, moments = COMMANDS[name], random.Random(name)
    straight, cut = tmp_path / "straight", tmp_path / "cut"
    inputs(straight)
    first = CONTEXT.Process(target=os.getpid)
    first.start()
    first.join()  # everything is imported
    begin = time.monotonic()
    process = command.start(straight)
    while not [*straight.glob(command.begun)] and process.is_alive():
        time.sleep(0.005)
    begun = time.monotonic() - begin
    process.join()
    assert process.exitcode == 0, (straight / "output.txt").read_text()[-3000:]
    whole = time.monotonic() - begin

    inputs(cut)
    kills = 0
    for _ in range(command.kills):
        process = command.start(cut)
        process.join(moments.uniform(0.5 * begun, begun + 1.5 * (whole - begun) / command.kills))
        process.kill()
        process.join()
        assert process.exitcode in (0, -signal.SIGKILL), (cut / "output.txt").read_text()[-3000:]
        kills += process.exitcode != 0
    assert kills >= command.kills // 2
    command.finish(cut)
    assert command.results(cut) == command.results(straight)
