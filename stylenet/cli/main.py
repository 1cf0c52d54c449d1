"""The console command `stylenet`, with a subcommand for each thing there is to do.

What a subcommand needs is imported once it is known, so that `stylenet --help` is answered at once.
"""

import signal
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from stylenet.cli.exits import BAD_INPUT, OK, end_with_launcher, guarded, raise_on_signals, signal_behind
from stylenet.cli.shorthand import SUBCOMMANDS
from stylenet.errors import unknown
from stylenet.resources import CONFIGS, DATA
from stylenet.slurm import requeue, to_be_requeued


def _train(argv: list[str]) -> int:
    if argv[:1] in (["-h"], ["--help"]):
        print(train_usage())
        return OK
    raise_on_signals(signal.SIGUSR1)
    end_with_launcher()
    sys.argv[1:] = argv  # LightningCLI reads them there
    try:
        from stylenet.cli.train import train

        return train()
    except (KeyboardInterrupt, SystemExit) as error:  # before the first step; afterwards it is saved first
        if to_be_requeued(signal_behind(error)):
            requeue()
        raise


def _infer(argv: list[str]) -> int:
    from stylenet.cli.infer import run

    return run(argv, "stylenet infer")


def _module(name: str) -> Callable[[list[str]], int]:
    """Return the `run` of a module of this package, which is imported when it is called."""
    return lambda argv: import_module(f"stylenet.cli.{name}").run(argv)


COMMANDS: dict[str, tuple[str, Callable[[list[str]], int]]] = {
    "train": ("train a network that stylizes: style=starry_night", _train),
    "infer": ("stylize with a trained network: --ckpt=CKPT --input=IMAGE --output=OUT.png", _infer),
    "gatys": ("optimize a single image: --content=PHOTO --style=PAINTING --output=OUT.png", _module("gatys")),
    "pseudo-label": (
        "make pictures to learn from: --content=FOLDER --style=PAINTING --output=FOLDER",
        _module("pseudo_label"),
    ),
    "import": ("convert a network that others trained: FILE OUT.safetensors", _module("import_network")),
    "export": ("write a network for other programs: --ckpt=CKPT --format=onnx", _module("export")),
    "evaluate": (
        "compare methods in figures: --photographs=FOLDER --styles=A,B --output=FOLDER",
        _module("evaluate"),
    ),
    "demo": ("show a page in the browser that does all this to pictures", _module("demo")),
    "study": ("run an experiment of configs/studies: NAME", _module("study")),
}
"""What each subcommand does, and the function that takes its arguments and returns the exit code."""


def train_usage() -> str:
    """Return the text of `train.py --help`, which needs neither PyTorch nor Lightning."""

    def names(folder: Path, suffix: str) -> str:
        return ", ".join(sorted(path.stem for path in folder.glob(f"*{suffix}") if not path.stem.startswith("debug")))

    return f"""usage: train.py [fit|validate] [key=value ...]

  style=NAME      a painting, or the path of one: {names(DATA / "styles", ".jpg")}
  model=NAME      {names(CONFIGS, ".yaml")}; johnson by default
  recipe=NAME     {names(CONFIGS / "recipes", ".yaml")}
  model.KEY=VALUE, data.KEY=VALUE, trainer.KEY=VALUE
                  any option, e.g. model.style_weight=10 data.root=photographs trainer.max_steps=2000
  --config FILE   options from a YAML file
  --ckpt_path CKPT
                  go on from a last.ckpt
  --print_config  show what all of this amounts to

train.py fit --help lists every option of Trainer and data, with types and defaults;
train.py fit --model.help=CLASS those of a model, e.g. stylenet.modules.johnson.JohnsonModule."""


def train() -> None:
    """Run `train.py`."""
    sys.exit(guarded(lambda: _train(sys.argv[1:])))


def usage() -> str:
    """Return the text of `stylenet --help`."""
    lines = [f"  {name:14}{text}" for name, (text, _) in COMMANDS.items()]
    return "\n".join(["usage: stylenet COMMAND ...", "", *lines, "", "stylenet COMMAND --help lists its options."])


def run(argv: list[str]) -> int:
    """Run a subcommand and return its exit code.

    The subcommands of LightningCLI are taken too: what `stylenet train` makes of its arguments starts with `fit`, and
    DDP's child processes are started from that.

    Args:
        argv: What follows the program's name.

    Raises:
        InputError: Bad input; says the nearest subcommand for one that does not exist.
    """
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(usage())
        return OK if argv else BAD_INPUT
    if argv[0] in SUBCOMMANDS:
        return _train(argv)
    if argv[0] not in COMMANDS:
        raise unknown("command", argv[0], COMMANDS)
    return COMMANDS[argv[0]][1](argv[1:])


def main() -> None:
    """Run `stylenet`."""
    raise_on_signals()
    sys.exit(guarded(lambda: run(sys.argv[1:])))


if __name__ == "__main__":
    main()
