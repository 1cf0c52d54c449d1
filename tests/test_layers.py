"""A folder is a step of the data flow, and imports only go down."""

import ast
import re
from pathlib import Path

import pytest

import stylenet

PACKAGE = Path(stylenet.__file__).parent
LAYERS = [  # from the bottom up; what shares a row must not import each other
    {"errors", "decoding"},
    {"images", "color", "functional", "resources", "devices", "precision", "slurm", "logs", "locking", "console"},
    {"features", "data", "film"},
    {"losses"},
    {"networks", "metrics"},
    {"acceleration"},
    {"gatys"},
    {"modules"},
    {"saving"},
    {"callbacks", "stopping"},
    {"inference"},
    {"studies"},
    {"web"},
    {"cli"},
    {"__main__"},
]
LEVEL = {part: level for level, row in enumerate(LAYERS) for part in row}
FILES = sorted(PACKAGE.rglob("*.py"))


def part_of(file):
    """Return the folder or module directly under stylenet that `file` belongs to."""
    return file.relative_to(PACKAGE).with_suffix("").parts[0]


def imported_names(tree, package):
    """Yield the dotted name of every import anywhere in `tree`; `package` is where relative ones start."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: -node.level + 1 or None] if node.level else []
            origin = ".".join([*above, *filter(None, [node.module])])
            yield from (f"{origin}.{alias.name}" for alias in node.names)


def wrong_imports(source, part, package):
    """Return the imports of `source` that do not go down from `part`."""
    names = [name.split(".") for name in imported_names(ast.parse(source), package)]
    ours = [name[1:] for name in names if name[0] == "stylenet" and name[1:] != ["__version__"]]
    lower = {other for other in LEVEL if LEVEL[other] < LEVEL[part]} | {part}
    return [".".join(name) for name in ours if not name or name[0] not in lower]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_imports_only_go_down(file):
    part = part_of(file)
    if part == "__init__":
        return  # see test_init_files_hold_only_a_docstring
    assert part in LEVEL, f"give {part} a row in the table of layers"
    package = ".".join(["stylenet", *file.relative_to(PACKAGE).parent.parts])
    assert wrong_imports(file.read_text(), part, package) == []


@pytest.mark.parametrize(
    ("source", "wrong"),
    [
        ("from stylenet.features.extractor import FeatureExtractor", []),
        ("from stylenet.losses.style import gram_loss", []),
        ("from stylenet import __version__, errors", []),
        ("from .functional import gram", []),
        ("import torch, lightning.pytorch as pl", []),
        ("from stylenet.metrics import Judge", ["metrics.Judge"]),
        ("import stylenet.modules.base as base", ["modules.base"]),
        ("def later():\n    from stylenet import cli", ["cli"]),
        ("if TYPE_CHECKING:\n    from ..networks.johnson import JohnsonNet", ["networks.johnson.JohnsonNet"]),
        ("from .. import callbacks", ["callbacks"]),
        ("import stylenet", [""]),
    ],
)
def test_wrong_imports_are_seen_from_losses(source, wrong):
    assert wrong_imports(source, "losses", "stylenet.losses") == wrong


def test_wrong_imports_are_seen_sideways():
    assert wrong_imports("from stylenet.data.styles import find_style", "features", "stylenet.features")
    assert wrong_imports("from stylenet.features.weights import fill", "data", "stylenet.data")


@pytest.mark.parametrize(
    "file", [file for file in FILES if file.name == "__init__.py"], ids=lambda file: file.parent.name
)
def test_init_files_hold_only_a_docstring(file):
    tree = ast.parse(file.read_text())
    assert ast.get_docstring(tree)
    rest = [ast.unparse(node).split(" = ")[0] for node in tree.body[1:]]
    assert rest == (["__version__"] if file.parent == PACKAGE else [])


def test_files_that_contributing_names_are_there():
    root = PACKAGE.parent
    named = re.findall(r"`([\w./-]+\.(?:py|yaml))`", (root / "CONTRIBUTING.md").read_text())
    known = {path.name for folder in (PACKAGE, root / "tests") for path in folder.rglob("*.py")}
    lost = [name for name in named if not ((root / name).exists() or (PACKAGE / name).exists() or name in known)]
    assert [name for name in lost if "NAME" not in name] == []
    assert len(named) > 50
