"""A parser whose errors are one line that names the nearest right option."""

import difflib
import inspect
import re
from typing import NoReturn

import lightning.pytorch as pl
from lightning.pytorch.cli import LightningArgumentParser

from stylenet.callbacks import LastCheckpoint, ValidationGrid
from stylenet.cli.shorthand import SUBCOMMANDS
from stylenet.data.datamodule import StylizationData
from stylenet.errors import InputError
from stylenet.losses.options import LossOptions
from stylenet.modules.adain import AdaINModule
from stylenet.modules.distill import DistillModule
from stylenet.modules.johnson import JohnsonModule
from stylenet.modules.multistyle import MultiStyleModule

GROUPS = (
    ("model", JohnsonModule),
    ("model", LossOptions),
    ("model", MultiStyleModule),
    ("model", AdaINModule),
    ("model", DistillModule),
    ("data", StylizationData),
    ("trainer", pl.Trainer),
    ("checkpoint", LastCheckpoint),
    ("grid", ValidationGrid),
)
TOP = ("style", "recipe", "model", "config", "ckpt_path", "seed_everything", "print_config")
_REFUSED = re.compile(r"(?:unrecognized arguments: |Option '|Key ')-{0,2}([\w.]+)", re.IGNORECASE)
_NESTED = re.compile(r"unknown option .*")


class Parser(LightningArgumentParser):
    """LightningCLI's parser, which raises one line instead of printing its usage."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Raise `message` as one line.

        Raises:
            InputError: Always.
        """
        if inner := _NESTED.search(message):  # a class's own parser spoke first, and the outer one lists its words
            raise InputError(inner[0]) from ex
        refused = _REFUSED.search(message)
        raise InputError(refusal(refused[1]) if refused else " ".join(message.split())) from ex


def refusal(name: str) -> str:
    """Return what to say of an option that does not exist, with the nearest one that does."""
    known = [*TOP, *SUBCOMMANDS]
    for group, owner in GROUPS:
        known += [f"{group}.{parameter}" for parameter in inspect.signature(owner).parameters]
    tails = {option.rpartition(".")[2]: option for option in known}
    plain = name.replace("init_args.", "")
    nearest = difflib.get_close_matches(plain, known, n=1) or [
        tails[tail] for tail in difflib.get_close_matches(plain.rpartition(".")[2], tails, n=1)
    ]
    hint = f"did you mean {nearest[0]}?" if nearest else "python train.py fit --help lists them all"
    return f"unknown option {name}: {hint}"
