"""The photographs, paintings and pseudo-labels of a study or an evaluation, as they were named."""

from collections.abc import Collection, Sequence
from pathlib import Path

from stylenet.data.datasets import Folder, evenly_spaced
from stylenet.data.pairs import read_manifest
from stylenet.data.sources import find_source, images_at_hand
from stylenet.data.styles import find_style, known_styles
from stylenet.errors import InputError, unknown
from stylenet.images import list_images
from stylenet.inference.outputs import output_names
from stylenet.resources import home_path

Labels = dict[tuple[str, str], Path]
"""The pseudo-label of a photograph, by SHA-256 of its file, in the style of a name."""


def find_photographs(wanted: int | list[str]) -> list[Path]:
    """Return photographs; those at hand are under `content/` in the folders of STYLENET_IMAGES, else scikit-image's.

    Args:
        wanted: Paths or names (file names without suffix), also those of scikit-image; or how many, evenly spaced.

    Raises:
        InputError: There is no such photograph; says the nearest name.
    """
    if isinstance(wanted, int):
        found = _photographs_at_hand()
        return [found[index] for index in evenly_spaced(len(found), wanted)]
    paths = {name: home_path(name) for name in wanted}
    missing = [name for name, path in paths.items() if not path.is_file()]
    named = {path.stem: path for path in reversed(_photographs_at_hand() + _embedded())} if missing else {}
    for name in missing:
        if name not in named:
            raise unknown("photograph", name, named)
    return [named[name] if name in missing else path for name, path in paths.items()]


def _photographs_at_hand() -> list[Path]:
    found = images_at_hand("content")
    return list(found.files.paths) if found and isinstance(found.files, Folder) else _embedded()


def _embedded() -> list[Path]:
    """Return the photographs in the wheel of scikit-image."""
    source = find_source("embedded")
    folders = [files for files in (source.files, source.held_out) if isinstance(files, Folder)]
    return sorted(path for files in folders for path in files.paths)


def photographs_in(folder: str | Path, limit: int | None = None, without: Collection[Path] = ()) -> dict[str, Path]:
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


def find_styles(wanted: int | Sequence[str]) -> dict[str, Path]:
    """Return paintings by name.

    Args:
        wanted: Paths or names, see `stylenet.data.styles`; or how many, in the order of their names.

    Raises:
        InputError: There is no such painting, or two have one name.
    """
    if isinstance(wanted, int):
        return dict(list(known_styles().items())[:wanted])
    paths = [find_style(style) for style in wanted]
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
    labels: Labels = {}
    for pair in [] if folder is None else read_manifest(folder):
        for photograph in (pair.source_sha256, pair.photograph_sha256):
            labels[photograph, pair.style_name] = Path(folder or "", pair.label)
    return labels
