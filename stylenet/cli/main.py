"""The console command `stylenet`, with a subcommand for each thing there is to do.

What a subcommand needs is imported once it is known, so that `stylenet --help` is answered at once.
"""

import sys
from collections.abc import Callable

from stylenet.cli.exits import BAD_INPUT, OK, guarded
from stylenet.cli.shorthand import SUBCOMMANDS
from stylenet.errors import unknown


def _train(argv: list[str]) -> int:
    from stylenet.cli.commands import train

    sys.argv[1:] = argv  # LightningCLI reads them there
    train()
    return OK


def _infer(argv: list[str]) -> int:
    from stylenet.cli.infer import run

    return run(argv, "stylenet infer")


def _gatys(argv: list[str]) -> int:
    from stylenet.cli.gatys import run

    return run(argv)


COMMANDS: dict[str, tuple[str, Callable[[list[str]], int]]] = {
    "train": ("train a network that stylizes: stylenet train style=starry_night", _train),
    "infer": ("stylize with a trained network: stylenet infer --ckpt=CKPT --input=IMAGE --output=OUT.png", _infer),
    "gatys": ("optimise a single image: stylenet gatys --content=PHOTO --style=PAINTING --output=OUT.png", _gatys),
}
"""What each subcommand does, and the function that takes its arguments and returns the exit code."""


def usage() -> str:
    """Return the text of `stylenet --help`."""
    lines = [f"  {name:7}{text}" for name, (text, _) in COMMANDS.items()]
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
    sys.exit(guarded(lambda: run(sys.argv[1:])))


if __name__ == "__main__":
    main()
