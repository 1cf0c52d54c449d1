"""One grammar for every command that does not train: a typed function is its own command line."""

import inspect
import math
import os
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, get_args, get_origin

from jsonargparse import ArgumentParser
from jsonargparse.typing import restricted_number_type

from stylenet.cli.mistyped import mistyped, nearest_option
from stylenet.cli.shorthand import at_home
from stylenet.errors import InputError

Pixels = restricted_number_type("Pixels", int, [(">=", 1), ("<=", 16_384)])
TilePixels = restricted_number_type("TilePixels", int, [(">=", 64), ("<=", 16_384)])
Steps = restricted_number_type("Steps", int, [(">=", 1), ("<=", 1_000_000)])
Count = restricted_number_type("Count", int, [(">=", 1), ("<", 2**63)])
Levels = restricted_number_type("Levels", int, [(">=", 1), ("<=", 8)])
Seed = restricted_number_type("Seed", int, [(">=", 0), ("<", 2**63)])
Port = restricted_number_type("Port", int, [(">=", 1), ("<=", 65_535)])
_NAMED = re.compile(r"(-{0,2})([A-Za-z_][\w.-]*)(\+?=)(.*)", re.DOTALL)
_FLAGS = ("help", "print_config")
_EVERYWHERE = ("config", *_FLAGS)
"""What every command takes besides the parameters of its function."""


class CommandParser(ArgumentParser):
    """jsonargparse's parser, whose errors are `InputError`s of one line."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Raise the message in words for who typed the command."""
        said = mistyped(message)
        raise InputError(f"{said}; see {self.prog} --help" if said.startswith("give --") else said) from ex


def call(
    command: Callable[..., int],
    program: str,
    argv: Sequence[str],
    groups: Mapping[str, tuple[type, Collection[str]]] | None = None,
    others: str | None = None,
    unnamed: Sequence[str] | None = None,
    bare: Mapping[str, str] | None = None,
) -> int:
    """Run a command with the arguments of a command line, and return its exit code.

    `--key value`, `--key=value` and `key=value` mean the same, and so do hyphens and underscores in a key. A list is
    given as `[a,b]`, as `a,b`, or by an option that comes several times. `style_weight` is `loss.style_weight` where
    there is no other. What has no name goes to the parameters without a default, in their order. `--config FILE.yaml`
    reads arguments from a file, which later ones beat.

    Args:
        command: A function; its parameters, their annotations and its docstring make the command line.
        program: Its name, for the help.
        argv: What follows the program's name.
        groups: Parameters that take a dict, `{name: (class, fields left out)}`: a class whose fields are given as
            `name.field=value`. The dict has only what was given.
        others: Parameter that takes a dict of all arguments that the function has no parameter for, as text.
        unnamed: Parameters that may be given without their name, in order; by default those without a default.
        bare: Options that may stand without a value, and what they mean then.

    Raises:
        InputError: An unknown argument, with the nearest right name; a missing one, or one of a wrong type.
    """
    groups = groups or {}
    details = (inspect.getdoc(command) or "").partition("\n\n")[2].partition("Args:")[0]
    parser = CommandParser(prog=program, exit_on_error=False, description=details)
    parser.add_argument("--config", action="config", help="a YAML file of arguments, which those after it beat")
    parser.add_function_arguments(command, skip={*groups, *([others] if others else [])})
    for name, (owner, skipped) in groups.items():
        parser.add_class_arguments(owner, name, skip=set(skipped))
    parameters = inspect.signature(command).parameters
    types: dict[str, Any] = {name: p.annotation for name, p in parameters.items() if name not in (*groups, others)}
    for name, (owner, skipped) in groups.items():
        fields = inspect.signature(owner).parameters
        types |= {f"{name}.{field}": fields[field].annotation for field in fields if field not in skipped}
    if unnamed is None:
        unnamed = [name for name, parameter in parameters.items() if parameter.default is parameter.empty]
    unknown: dict[str, str] | None = None if others is None else {}
    options = written_out(argv, types, unnamed, unknown, bare or {})
    check_configs(options)
    given = parser.parse_args(options, defaults=False).as_dict()
    given.pop("config", None)
    _check_values(given, types)
    return command(**_plain(given), **({} if others is None else {others: unknown}))


def _plain(value: Any) -> Any:
    """Return a value with Python's own numbers in place of restricted ones, with which NumPy computes in 64 bits."""
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return next((kind(value) for kind in (bool, int, float) if isinstance(value, kind)), value)


def _check_values(given: Mapping[str, Any], types: Mapping[str, Any], prefix: str = "") -> None:
    """Refuse what can be typed and jsonargparse lets pass: null where there must be a value, infinity, code 0 in texts.

    Raises:
        InputError: There is such a value.
    """
    for key, value in given.items():
        name = prefix + key
        if name in types:
            check_null(name, value, types[name])
        if isinstance(value, Mapping):
            _check_values(value, types, f"{name}.")
        elif isinstance(value, float) and math.isinf(value):
            raise InputError(f"{name} is {value}: give a finite number")
        elif "\0" in "".join(map(str, value if isinstance(value, list) else [value])):
            raise InputError(f"{name} holds a character of code 0: leave it out")


def check_null(name: str, value: Any, annotation: Any) -> None:
    """Raise an InputError for an option that is null, which its annotation does not take."""
    if value is None and type(None) not in get_args(annotation):
        raise InputError(f"{name} is null: give a value, or leave it out")


def check_configs(options: Sequence[str]) -> None:
    """Raise an InputError where a `--config=FILE` is no text or no name; the parser says what else is wrong."""
    for option in options:
        name, _, file = option.partition("=")
        if name == "--config" and "\0" in file:
            raise InputError("config holds a character of code 0: leave it out")
        try:
            if name == "--config" and Path(file).is_file():
                Path(file).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            raise InputError(f"{file} is not UTF-8 text: save it as UTF-8") from None


def written_out(
    argv: Sequence[str],
    types: Mapping[str, Any],
    required: Sequence[str],
    others: dict[str, str] | None,
    bare: Mapping[str, str],
) -> list[str]:
    """Return the arguments of a command line as `--key=value`, as jsonargparse reads them.

    Args:
        argv: What was typed.
        types: The annotation of each argument.
        required: Names of those that may be given without their name, in order.
        others: Takes `key=value` of unknown keys, and `--key value` of those that no option is near to; without it they
            are refused.
        bare: Options that may stand without a value, and what they mean then.

    Raises:
        InputError: An unknown name, an option without its value, or too many values without a name.
    """
    options: list[str] = []
    unnamed = list(required)
    rest = list(argv)
    while rest:
        token = rest.pop(0)
        if token in ("-h", "--help"):
            return ["--help"]
        if others is not None and (other := _other(token, types, rest)):
            others[other[0]] = other[1]
            continue
        if named := _NAMED.fullmatch(token):
            name, value = _known(named[2], token.startswith("-"), types), named[4]
        elif token.startswith("--no-") and types.get(token[5:].replace("-", "_")) is bool:
            name, value = token[5:].replace("-", "_"), "false"
        elif token.startswith("-") and token != "-":
            name = _known(token.lstrip("-"), True, types)
            if name in _FLAGS:
                options.append(f"--{name}")
                continue
            value = _value(token, name, types, rest, bare)
        elif unnamed:
            name, value = unnamed[0], token
        else:
            raise InputError(f"what is {token!r} for? Options look like --input=photo.jpg or key=value, lists like a,b")
        if name in unnamed:
            unnamed.remove(name)
        options += _listed(name, value) if _is_list(types.get(name)) else [f"--{name}={at_home(value)}"]
    return options


def _other(token: str, types: Mapping[str, Any], rest: list[str]) -> tuple[str, str] | None:
    """Return key and value of `key=value`, or of `--key value`, whose key is no option, nor a mistyped one; else None.

    Args:
        token: What was typed.
        types: The annotation of each option.
        rest: What follows; a value that stands apart is taken from it.
    """
    named = _NAMED.fullmatch(token)
    key = named[2] if named else token[2:]
    name = key.replace("-", "_")
    if name in (*types, *_EVERYWHERE):
        return None
    if named:
        return key, at_home(named[4])
    has_value = token.startswith("--") and rest and not rest[0].startswith("--")
    return (key, at_home(rest.pop(0))) if has_value and nearest_option(name, types) is None else None


def _known(typed: str, dashed: bool, types: Mapping[str, Any]) -> str:
    """Return the argument that a typed name means."""
    name = typed.replace("-", "_")
    if name in types or name in _EVERYWHERE:
        return name
    leaves = {known.rpartition(".")[2]: known for known in types}
    if name in leaves:
        return leaves[name]
    nearest = nearest_option(name, types)

    def spelled(name: str) -> str:
        return f"--{name.replace('_', '-')}" if dashed else name

    shown = f"{'--' if len(typed) > 1 else '-'}{typed}" if dashed else typed
    hint = f"did you mean {spelled(nearest)!r}?" if nearest else f"known are {', '.join(map(spelled, types))}"
    raise InputError(f"unknown option {shown!r}: {hint}")


def _value(token: str, name: str, types: Mapping[str, Any], rest: list[str], bare: Mapping[str, str]) -> str:
    """Return the value of an option that is typed without `=`, taken from the rest."""
    if types.get(name) is bool and (not rest or rest[0].lower() not in ("true", "false")):
        return "true"
    if not rest or rest[0].startswith("--"):
        if name in bare:
            return bare[name]
        raise InputError(f"{token} has no value: give {token}=VALUE")
    return rest.pop(0)


def _is_list(annotation: Any) -> bool:
    """Tell whether an annotation is a list, or a list or nothing."""
    parts = [part for part in get_args(annotation) if part is not type(None)]
    return get_origin(annotation) is list or (len(parts) == 1 and get_origin(parts[0]) is list)


def _listed(name: str, value: str) -> list[str]:
    """Return the options that append to a list what was typed: one value, `a,b` or `[a,b]`; a path is one value."""
    if os.path.exists(at_home(value)):  # unlike Path.exists, it takes values too long for a name
        return [f"--{name}+={at_home(value)}"]
    inner = value[1:-1] if value.startswith("[") and value.endswith("]") else value
    return [f"--{name}+={at_home(part.strip())}" for part in inner.split(",")] if inner else [f"--{name}=[]"]
