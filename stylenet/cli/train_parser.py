"""A parser whose errors are one line that names the nearest right option."""

import inspect
import re
import sys
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, NoReturn

import lightning.pytorch as pl
import yaml
from lightning.pytorch.cli import LightningArgumentParser

from stylenet.callbacks import ValidationGrid
from stylenet.cli.mistyped import mistyped, nearest_option
from stylenet.cli.shorthand import DEFAULT_MODEL, NAMED, SUBCOMMANDS
from stylenet.data.datamodule import StylizationData
from stylenet.errors import InputError
from stylenet.losses.options import LossOptions
from stylenet.modules.adain import AdaINModule
from stylenet.modules.johnson import JohnsonModule
from stylenet.modules.multistyle import MultiStyleModule
from stylenet.saving import LastCheckpoint

GROUPS = (
    ("model", JohnsonModule),
    ("model", LossOptions),
    ("model", MultiStyleModule),
    ("model", AdaINModule),
    ("data", StylizationData),
    ("trainer", pl.Trainer),
    ("checkpoint", LastCheckpoint),
    ("grid", ValidationGrid),
)
TOP = ("style", "recipe", "model", "config", "ckpt_path", "seed_everything", "print_config")
_REFUSED = re.compile(r"(?:unrecognized arguments: |Option '|Key ')-{0,2}([\w.]+)", re.IGNORECASE)
_NESTED = re.compile(r"unknown option ([\w.]+).*")


class Parser(LightningArgumentParser):
    """LightningCLI's parser, which raises one line instead of printing its usage."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Raise `message` as one line.

        Raises:
            InputError: Always.
        """
        inner = _NESTED.search(message)  # a class's own parser spoke first, and the outer one lists its words
        if inner and message.startswith('Parser key "model"'):
            raise InputError(refusal(f"model.{inner[1]}", sys.argv[1:])) from ex
        if inner:
            raise InputError(inner[0]) from ex
        if refused := _REFUSED.search(message):
            raise InputError(refusal(refused[1], sys.argv[1:])) from ex
        raise InputError(mistyped(message)) from ex


def refusal(name: str, argv: list[str]) -> str:
    """Return what to say of an option that does not exist, with the nearest one that does.

    Args:
        name: Of the option, with its group.
        argv: The command line, written out by `stylenet.cli.shorthand.expand`.
    """
    model, givers = _model_of(argv)
    plain = name.replace("init_args.", "")
    group, _, option = plain.partition(".")
    if model and group == "model" and option in _options():
        for key, file, given in givers:
            if option in given:
                return f"{_called(model)} takes no {key}={file.stem}, which sets {option}: leave it out"
        listed = f"--model.help={model.__module__}.{model.__name__}"
        return f"{_called(model)} has no option {option}: python train.py fit {listed} lists those it has"
    known = [*TOP, *SUBCOMMANDS, "trainer.logger.init_args.save_dir"]
    for owner_group, owner in GROUPS:
        if owner_group != "model" or model is None or _takes(model, owner):
            known += [f"{owner_group}.{parameter}" for parameter in inspect.signature(owner).parameters]
    nearest = nearest_option(plain, known)
    hint = f"did you mean {nearest}?" if nearest else "python train.py fit --help lists them all"
    return f"unknown option {name}: {hint}"


def _options() -> set[str]:
    """Return the names of all options of all models."""
    return {name for group, owner in GROUPS if group == "model" for name in inspect.signature(owner).parameters}


def _takes(model: type, owner: type) -> bool:
    """Tell whether a model has the options that are the parameters of `owner`."""
    parameters = inspect.signature(model).parameters.values()
    open_ended = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
    return issubclass(model, owner) or owner is LossOptions and open_ended


def _called(model: Any) -> str:
    """Return a model as the command line names it."""
    return f"model={model.run or DEFAULT_MODEL}"


def _model_of(argv: list[str]) -> tuple[type | None, list[tuple[str, Path, dict[str, Any]]]]:
    """Return the model that the config files of a command line name, if it is one of ours.

    Also what the styles and recipes among them give the model: `(style or recipe, file, options)` each.
    """
    classes = {f"{owner.__module__}.{owner.__name__}": owner for group, owner in GROUPS if group == "model"}
    model, givers = None, []
    for file in (Path(argument.partition("=")[2]) for argument in argv if argument.startswith("--config=")):
        try:
            given = yaml.safe_load(file.read_text())["model"]
            named, options = given.get("class_path"), given.get("init_args") or {}
        except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError):
            continue  # who reads it next will say so
        model = classes.get(named, model)
        givers += [(key, file, options) for key, folder in NAMED.items() if key != "model" and file.parent == folder]
    direct = [argument.partition("=")[2] for argument in argv if argument.startswith("--model=")]
    return (resolve_name(direct[-1]) if direct and direct[-1] in classes else model), givers
