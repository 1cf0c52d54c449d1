"""What the parser says of a value of the wrong type, in words for who typed it."""

import re

from stylenet.errors import one_line

WORDS = {
    "float": "a number",
    "int": "a whole number",
    "bool": "true or false",
    "str": "a text",
    "list": "a list",
    "dict": "a mapping",
    "NoneType": "null",
    "Pixels": "whole pixels from 1 to 16384",
    "TilePixels": "whole pixels from 64 to 16384",
    "Steps": "a whole number from 1 to 1000000",
    "Count": "a whole number from 1",
    "Levels": "a whole number from 1 to 8",
    "ClosedUnitInterval": "a number from 0 to 1",
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
_UNION = re.compile(
    r'Parser key "(?P<option>[\w.]+)":\s+Does not validate.*?Errors:(?P<types>.*)Given value type:.*?'
    r"Given value: (?P<value>.*)",
    re.DOTALL,
)
_NESTED = re.compile(
    r'Parser key "(?P<group>[\w.]+)".*?^\s+- (?P<line>[\w.]+=.*?: give .*?)$', re.DOTALL | re.MULTILINE
)


def mistyped(message: str) -> str:
    """Return one line, `model.lr=abc: give a number`, of what jsonargparse says of a wrong type; else its own words."""
    if nested := _NESTED.match(message):  # the class's own parser spoke first
        return f"{nested['group']}.{nested['line']}"
    if missing := _MISSING.match(message):
        return "give " + ", ".join(f"--{name.replace('_', '-')}" for name in missing[1].split(", "))
    if ranged := _RANGE.match(message):
        return f"{ranged['option']}={ranged['text'] or ranged['number']}: give {WORDS[ranged['type']]}"
    found = _DIRECT.match(message) or _UNION.match(message)
    if not found or "Problem with" in message:
        return one_line(message)
    option, value = found["option"], one_line(found["value"]).replace("'", "").replace(", ", ",")
    if option == "style" and value.startswith("["):
        return f"{option}={value}: give model=multistyle for more than one style"
    several = re.findall(r"- (?:Expected(?: an?)?|Not of type) ([^\n:]+)", found["types"]) if found.re is _UNION else []
    types = several or [found["type"]]
    choices = list(dict.fromkeys(word for name in types for word in _words(name)))
    wanted = " or ".join(part for part in (", ".join(choices[:-1]), choices[-1]) if part)
    return f"{option}={value}: give {wanted}"


def _words(name: str) -> list[str]:
    """Return what may be given for a type, as it is printed."""
    if literal := re.search(r"Literal\[(.*)\]", name):
        return literal[1].replace("'", "").split(", ")
    plain = re.sub(r"<class '(.*)'>", r"\1", name)
    return [WORDS.get(plain.partition("[")[0], plain)]
