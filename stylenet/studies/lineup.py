"""Who takes part: methods, photographs, styles and pseudo-labels, as they were named."""

from collections.abc import Collection, Sequence
from pathlib import Path

import torch

from stylenet.data.pairs import read_manifest
from stylenet.data.styles import find_style
from stylenet.errors import InputError
from stylenet.images import list_images
from stylenet.inference.outputs import output_names
from stylenet.studies.methods import Method, Photograph, gatys, gatys_plus
from stylenet.studies.trained import Trained, named

OPTIMIZED = {"gatys": gatys, "gatys+": gatys_plus}
Labels = dict[tuple[str, str], Path]
"""The pseudo-label of a photograph, by SHA-256 of its file, in the style of a name."""


def find_methods(given: Sequence[str], styles: Sequence[str], steps: int, device: torch.device) -> list[Method]:
    """Return the methods, the untouched photograph always first.

    Args:
        given: `photograph`, `gatys`, `gatys+`, files of networks, or FILE=STYLE.
        styles: Names of the styles that will be painted.
        steps: Of the optimizations.
        device: Where methods run.

    Raises:
        InputError: No such method, one that is given twice, or a network that knows none of the styles.
    """
    wanted = [text for text in dict.fromkeys(given) if text != "photograph"]
    files = {text: named(text) for text in wanted if text not in OPTIMIZED}
    networks = {text: Trained(path, style, device) for text, (path, style) in files.items()}
    for network, name in zip(networks.values(), _distinct([path for path, _ in files.values()]), strict=True):
        network.name = name
        if not any(network.paints(style) for style in styles):
            known = ", ".join(network.styles)
            raise InputError(f"{network.path} paints {known} alone: give one of them to --styles, or leave it out")
    optimized = {name: OPTIMIZED[name](steps, device) for name in wanted if name in OPTIMIZED}
    return [Photograph(), *({**optimized, **networks}[text] for text in wanted)]


def _distinct(paths: Sequence[Path]) -> list[str]:
    """Return a name for each file: its stem, with as many folders before it as tell them all apart.

    Raises:
        InputError: One file is given twice, or is called as another method is.
    """
    for depth in range(1, 1 + max((len(path.parts) for path in paths), default=1)):
        names = ["-".join([*path.parts[-depth:-1], path.stem]) for path in paths]
        if len({*names, "photograph", *OPTIMIZED}) == len(names) + 1 + len(OPTIMIZED):
            return names
    raise InputError("two methods have one name: give each file once")


def find_photographs(folder: str | Path, limit: int | None = None, without: Collection[Path] = ()) -> dict[str, Path]:
    """Return the photographs of a folder and its sub-folders by name, the path there without suffix, sorted.

    Args:
        folder: Where they are.
        limit: Take so many, the first ones.
        without: Files and folders to leave out: what the evaluation itself wrote there.

    Raises:
        InputError: There are none.
    """
    own = [path.resolve() for path in without]
    paths = [path for path in list_images(folder) if not any(path.resolve().is_relative_to(place) for place in own)]
    if not paths:
        raise InputError(f"no images in {folder} but those that this command wrote: give the folder of the photographs")
    names = output_names([path.relative_to(folder) for path in paths])
    found = {name.with_suffix("").as_posix(): path for name, path in zip(names, paths, strict=True)}
    return dict(list(found.items())[:limit])  # whatever the limit, a photograph has one name


def find_styles(given: Sequence[str]) -> dict[str, Path]:
    """Return style images by name, see `stylenet.data.styles.find_style`.

    Raises:
        InputError: There is no such style, or two have one name.
    """
    paths = [find_style(style) for style in given]
    styles = {path.stem: path for path in paths}
    if len(styles) < len(paths):
        raise InputError("two styles have one name: give each once")
    return styles


def find_labels(folder: str | Path | None) -> Labels:
    """Return the pseudo-labels that `stylenet pseudo-label` wrote into a folder; none if there is no folder.

    A photograph is known by its content: by the file that the label was made for, or the scaled copy beside the label.

    Raises:
        InputError: The folder holds no pseudo-labels.
    """
    if folder is None:
        return {}
    labels: Labels = {}
    for pair in read_manifest(folder):
        for photograph in (pair.source_sha256, pair.photograph_sha256):
            labels[photograph, pair.style_name] = Path(folder, pair.label)
    return labels
