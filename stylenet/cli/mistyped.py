"""What is said of a mistyped option or value, in words for who typed it."""

import difflib
import re
from collections.abc import Iterable

from stylenet.errors import one_line

ELSEWHERE = {
    "batch_size": ("batch_size",),
    "checkpoint": ("ckpt", "ckpt_path"),
    "content": ("input", "photographs", "root"),
    "content_image": ("input", "content"),
    "cuda": ("device", "devices"),
    "dataset": ("root", "photographs", "content"),
    "epochs": ("max_epochs", "steps"),
    "gpu": ("device", "devices"),
    "gpus": ("device", "devices"),
    "i": ("input", "content"),
    "image": ("input", "content"),
    "iterations": ("max_steps", "steps"),
    "learning_rate": ("lr",),
    "model": ("ckpt", "backbone"),
    "num_iterations": ("max_steps", "steps"),
    "o": ("output",),
    "output": ("save_dir",),
    "output_image": ("output",),
    "resume": ("ckpt_path",),
    "style_image": ("style",),
}
"""What options of other tools are called here: the first of these that a command has."""

WORDS = {
    "float": "a number",
    "int": "a whole number",
    "bool": "true or false",
    "str": "a text",
    "list": "a list as [a,b]",
    "dict": "a mapping as {a: 1}",
    "NoneType": "null",
    "Pixels": "whole pixels from 1 to 16384",
    "TilePixels": "whole pixels from 64 to 16384",
    "Steps": "a whole number from 1 to 1000000",
    "Count": "a whole number from 1",
    "Levels": "a whole number from 1 to 8",
    "ClosedUnitInterval": "a number from 0 to 1",
    "NonNegativeFloat": "a number from 0",
    "Port": "a whole number from 1 to 65535",
    "Seed": "a whole number from 0",
}
"""What the types of options are called."""
_DIRECT = re.compile(
    r'Parser key "(?P<option>[\w.]+)":\s+Expected an? (?P<type>.+?)\. Got value: (?P<value>.*)', re.DOTALL
)
_RANGE = re.compile(
    r'Parser key "(?P<option>[\w.]+)":\s+Not of type (?P<type>\w+): '
    r"(?:.*: '(?P<text>.*)'|(?P<number>\S+) does not conform.*)",
    re.DOTALL,
)
_MISSING = re.compile(r"the following arguments are required: (.*)", re.DOTALL)
_NO_FILE = re.compile(r"Parser key \"config\":\s+(?:File does not exist|Path is not a file): '(.*)'", re.DOTALL)
_GROUP = re.compile(r'Parser key "(?P<option>[\w.]+)":\s+Unable to load config \'?"?(?P<value>[^\'"]*)', re.DOTALL)
_BARE = re.compile(r"argument (--[\w.]+)\S*: expected one argument")
_UNION = re.compile(
    r'Parser key "(?P<option>[\w.]+)":\s+Does not validate.*?Errors:(?P<types>.*)Given value type:(?P<given>.*?)'
    r"Given value: (?P<value>.*)",
    re.DOTALL,
)
_NESTED = re.compile(
    r'Parser key "(?P<group>[\w.]+)".*?^\s+- (?P<line>[\w.]+=.*?: give .*?)$', re.DOTALL | re.MULTILINE
)


def nearest_option(name: str, known: Iterable[str]) -> str | None:
    """Return the option that a wrong name may mean, None if none is near.

    Args:
        name: With its group, if it was given with one: `model.lrr`.
        known: All options, with their groups.
    """
    options = list(known)
    leaf, leaves = name.rpartition(".")[2], {option.rpartition(".")[2]: option for option in options}
    if leaf in ELSEWHERE:
        return next((leaves[here] for here in ELSEWHERE[leaf] if here in leaves), None)
    if leaf in leaves:
        return leaves[leaf]
    if "." in name and (near := difflib.get_close_matches(name, options, 1)):
        return near[0]
    return next((leaves[near] for near in difflib.get_close_matches(leaf, leaves, 1)), None)


def mistyped(message: str) -> str:
    """Return one line, `model.lr=abc: give a number`, of what jsonargparse says of a wrong type; else its own words."""
    if nested := _NESTED.match(message):  # the class's own parser spoke first
        return f"{nested['group']}.{nested['line']}"
    if missing := _MISSING.match(message):
        return "give " + ", ".join(f"--{name.replace('_', '-')}" for name in missing[1].split(", "))
    if bare := _BARE.match(message):
        return f"{bare[1]} has no value: give {bare[1]}=VALUE"
    if file := _NO_FILE.match(message):
        return f"no such file: {file[1].strip()}; --config takes a YAML file"
    if group := _GROUP.match(message):
        option = group["option"]
        return f"{option}={group['value']}: give {option}.OPTION=VALUE for each of its options, or a YAML file of them"
    if ranged := _RANGE.match(message):
        return f"{ranged['option']}={ranged['text'] or ranged['number']}: give {WORDS[ranged['type']]}"
    found = _DIRECT.match(message) or _UNION.match(message)
    if not found or "Problem with" in message:
        return one_line(message)
    option, value = found["option"], one_line(found["value"]).replace("'", "").replace(", ", ",")
    if option == "style" and value.startswith("["):
        return f"{option}={value}: give model=multistyle for more than one style"
    if found.re is _DIRECT:
        types = [found["type"]]
    elif "dict" in found["given"] and "dict[" in message:  # what is wrong is in the mapping
        types = ["dict"]
    else:
        types = re.findall(r"- (?:Expected(?: an?)?|Not of type) ([^\n:]+?)(?:\. Got value|:|\n)", found["types"])
    words = dict.fromkeys(word for name in types for word in _words(name))
    choices = [word for word in words if word != WORDS["NoneType"]] or list(words)  # null is for files, it is left out
    wanted = " or ".join(part for part in (", ".join(choices[:-1]), choices[-1]) if part)
    return f"{option}={value}: give {wanted}"


def _words(name: str) -> list[str]:
    """Return what may be given for a type, as it is printed."""
    if literal := re.search(r"Literal\[(.*)\]", name):
        return literal[1].replace("'", "").split(", ")
    plain = re.sub(r"<class '(.*)'>", r"\1", name)
    return [WORDS.get(plain.partition("[")[0], plain)]
