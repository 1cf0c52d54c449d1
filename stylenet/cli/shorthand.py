"""The short command line, written out as LightningCLI wants it.

`style=starry_night trainer.devices=2` becomes `fit --config=configs/johnson.yaml --style=starry_night
--trainer.devices=2`.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from stylenet.errors import InputError, unknown
from stylenet.resources import CONFIGS

SUBCOMMANDS = ("fit", "validate")
NAMED = {"model": CONFIGS, "recipe": CONFIGS / "recipes"}
"""Options whose value may name a config file, and where: later ones beat earlier ones."""
DEFAULT_MODEL = "johnson"
MANY_STYLES = "multistyle"


def expand(argv: Sequence[str]) -> list[str]:
    """Return the arguments of `train.py` written out; expanding twice changes nothing.

    - `key=value` is `--key=value`, and hyphens in a key are underscores;
    - the subcommand is `fit` if none is given;
    - `model=NAME` and `recipe=NAME` bring in their config files, in this order, before every other option and
      `--config`, which therefore beat them; johnson is the model until one of them says otherwise, or multistyle where
      the style is a list, `style=[NAME,NAME]` or `style=NAME,NAME`.

    Args:
        argv: What follows the program's name.

    Raises:
        InputError: An unknown subcommand, model or recipe, with the nearest right name; a word that belongs to no
            option; or two styles.
    """
    arguments = list(argv)
    if arguments[:1] and arguments[0] in ("-h", "--help"):
        return arguments
    subcommand = _subcommand(arguments)
    _check_named(arguments)
    first: list[tuple[str, str]] = []
    rest = []
    for option in map(_bracketed, _joined([_dashed(argument) for argument in arguments])):
        key, _, value = option.removeprefix("--").partition("=")
        if key in NAMED and option.startswith("--"):
            first += [(key, option)] if key == "model" and "." in value else _config_options(key, value)
        elif key == "config" and (owner := _owner(value)):
            first.append((owner, f"--config={Path(value).resolve()}"))
        else:
            rest.append(option)
    if not any(key == "model" for key, _ in first):
        several = any(option.startswith("--style=[") for option in rest)
        first += _config_options("model", MANY_STYLES if several else DEFAULT_MODEL)
    styles = list(dict.fromkeys(option.partition("=")[2] for option in rest if option.startswith("--style=")))
    if len(styles) > 1:
        raise InputError(f"style is given more than once: give one, or style=[{','.join(styles)}] for a network of all")
    ordered = [option for wanted in NAMED for key, option in first if key == wanted]
    return [subcommand, *dict.fromkeys(ordered), *rest]


def _subcommand(arguments: list[str]) -> str:
    """Return the subcommand, and take it off the arguments; raise an InputError for one that there is not."""
    if not arguments or arguments[0].startswith("-") or "=" in arguments[0]:
        return "fit"
    if arguments[0] not in SUBCOMMANDS:
        raise InputError(f"{unknown('subcommand', arguments[0], SUBCOMMANDS)}; options look like style=starry_night")
    return arguments.pop(0)


def _check_named(arguments: Sequence[str]) -> None:
    """Raise an InputError for a word that is neither an option nor the value of one."""
    for before, word in zip(["", *arguments], arguments, strict=False):
        is_value = before.startswith("-") and "=" not in before
        if not is_value and not word.startswith("-") and "=" not in word:
            raise InputError(f"what is {word!r} for? Options look like style=starry_night; quote what has spaces in it")


def _dashed(argument: str) -> str:
    """Return `key=value` as `--key=value`, with underscores for the key's hyphens, and anything else as it is."""
    key, equals, value = argument.partition("=")
    if not argument.startswith("--") and (argument.startswith("-") or not equals):
        return argument
    return f"--{key.removeprefix('--').replace('-', '_')}{equals}{at_home(value)}"


def at_home(value: str) -> str:
    """Return a value with the home folder for its leading `~`, which shells leave alone in `key=~/photo.jpg`."""
    return os.path.expanduser(value) if value.startswith("~/") else value


def _bracketed(option: str) -> str:
    """Return `--style=a,b` as `--style=[a,b]`, unless a file is called so, and any other option as it is."""
    key, _, value = option.partition("=")
    several = key == "--style" and "," in value and not value.startswith("[")
    return f"{key}=[{value}]" if several and not os.path.exists(os.path.expanduser(value)) else option


def _joined(options: list[str]) -> list[str]:
    """Return the options with `--key value` of a named key or a config written as `--key=value`."""
    joined: list[str] = []
    for option in options:
        if joined and joined[-1] in ("--config", "-c", "--style", *[f"--{key}" for key in NAMED]):
            key = joined.pop().replace("-c", "--config") if joined[-1] == "-c" else joined.pop()
            joined.append(f"{key}={option}")
        else:
            joined.append(option)
    return joined


def _config_options(key: str, name: str) -> list[tuple[str, str]]:
    """Return the config option of a name, in a list."""
    file = NAMED[key] / f"{name}.yaml"
    if file.is_file():
        return [(key, f"--config={file}")]
    raise unknown(key, name, [path.stem for path in NAMED[key].glob("*.yaml") if not _is_debug(path)])


def _owner(config: str) -> str | None:
    """Return which of `NAMED` a config file belongs to, whether it was named or given by its path."""
    path = Path(config).resolve()
    owners = (key for key, folder in NAMED.items() if path.parent == folder and not _is_debug(path))
    return next(owners, None)


def _is_debug(config: Path) -> bool:
    """Tell whether a config file is no model of its own: debug.yaml, which shortens any run, and its like."""
    return config.stem.startswith("debug")
