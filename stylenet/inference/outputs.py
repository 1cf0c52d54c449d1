"""Where stylized images and films go: planned and checked before anything is written."""

import os
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from stylenet.errors import InputError
from stylenet.film.formats import FORMATS
from stylenet.film.metadata import FILMS, is_film
from stylenet.images import READABLE, SUFFIXES, list_images

INSTEAD = {".avi": ".mkv"}
"""Suffixes of films that are read but not written, and what stands in for them."""


def plan(source: str, output: str, films: bool = False) -> dict[Path, Path]:
    """Return the place of each photograph's stylization; writes nothing.

    Args:
        source: An image, or a folder: its images and those of its sub-folders.
        output: An image; or a folder, if `source` is one, if it exists, or if it ends with a slash.
        films: Whether films count too. They stay films, but for a GIF or WebP whose output is a still picture.

    Raises:
        InputError: There is no image, or an output cannot be written or would overwrite a photograph.
    """
    if os.path.isdir(source):
        jobs = _plan_folder(Path(source), Path(output), films)
        if os.path.splitext(output)[1].lower() in SUFFIXES | FORMATS.keys() and not os.path.exists(output):
            raise InputError(f"{source} is a folder, and so is its output: give --output={Path(output).stem}/")
    elif not os.path.isfile(source):
        raise InputError(f"no such file or folder: {source}")
    elif output.endswith(("/", os.sep)) or os.path.isdir(output):
        name = Path(Path(source).name)
        jobs = {Path(source): Path(output, *(film_names if films and is_film(source) else output_names)([name]))}
    elif films and Path(source).suffix.lower() in FILMS:
        if Path(output).suffix.lower() not in FORMATS:
            raise InputError(f"cannot write {output}: a film ends with / or one of {', '.join(sorted(FORMATS))}")
        jobs = {Path(source): Path(output)}
    elif Path(output).suffix.lower() in SUFFIXES or (films and is_film(source) and stays_film(source, output)):
        jobs = {Path(source): Path(output)}
    else:
        raise InputError(f"cannot write {output}: end it with / or one of {', '.join(sorted(SUFFIXES))}")
    _check(jobs)
    return jobs


def stays_film(source: str | Path, target: str | Path) -> bool:
    """Tell whether a film is made of a file: it is one, and so is what is written."""
    return Path(target).suffix.lower() in FORMATS and is_film(source)


def _plan_folder(source: Path, output: Path, films: bool) -> dict[Path, Path]:
    """Return the plan for a folder; leaves out what an earlier run wrote into an output folder inside it."""
    if os.path.realpath(source) == os.path.realpath(output):
        raise InputError(f"--output is the input folder {source}: give another, so that no photograph is overwritten")
    inside = os.path.realpath(source) + os.sep
    earlier = os.path.realpath(output) + os.sep
    skip = earlier if earlier.startswith(inside) else None
    found = _list(source) if films else list_images(source)
    photographs = [path for path in found if not (skip and os.path.realpath(path).startswith(skip))]
    if not photographs:
        raise InputError(f"no images in {source} but those in the output folder {output}")
    moving = {path for path in photographs if films and is_film(path)}
    jobs: dict[Path, Path] = {}
    for kind, rename in ((moving, film_names), (set(photographs) - moving, output_names)):
        paths = sorted(kind)
        names = rename([path.relative_to(source) for path in paths])
        jobs |= {path: output / name for path, name in zip(paths, names, strict=True)}
    return {path: jobs[path] for path in photographs}


def _list(folder: Path) -> list[Path]:
    """Return the images and films in a folder and below it, sorted."""
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in READABLE | FILMS and p.is_file())
    if not paths:
        raise InputError(f"no images in {folder}, and no films: looked for {', '.join(sorted(READABLE | FILMS))}")
    return paths


def output_names(photographs: Sequence[Path]) -> list[Path]:
    """Return each photograph's PNG: `a/photo.png` for `a/photo.jpg`, but `a/photo.jpg.png` where the first would clash.

    Args:
        photographs: Distinct relative paths with a suffix. Names that differ only in case clash, as on many disks.
    """
    stems = [path.with_suffix("") for path in photographs]
    claims = Counter(str(name).casefold() for name in (*stems, *photographs))
    return [
        Path(f"{stem if claims[str(stem).casefold()] == 1 else path}.png")
        for stem, path in zip(stems, photographs, strict=True)
    ]


def film_names(films: Sequence[Path]) -> list[Path]:
    """Return each film's new name, its own but for `INSTEAD`: `a.mkv` for `a.avi`, `a.avi.mkv` if there is an `a.mkv`.

    Args:
        films: Distinct relative paths with a suffix.
    """
    names = [path.with_suffix(INSTEAD.get(path.suffix.lower(), path.suffix)) for path in films]
    claims = Counter(str(name).casefold() for name in names)
    return [
        name if claims[str(name).casefold()] == 1 or name == path else Path(f"{path}{name.suffix}")
        for path, name in zip(films, names, strict=True)
    ]


def _check(jobs: Mapping[Path, Path]) -> None:
    """Raise unless no target is a photograph and every one can be written."""
    photographs = {os.path.realpath(path) for path in jobs}
    for target in jobs.values():
        if os.path.realpath(target) in photographs:
            raise InputError(f"{target} would overwrite a photograph: give another --output")
    check_writable(jobs.values())


def check_writable(targets: Collection[Path]) -> None:
    """Raise unless every file can be written; writes nothing.

    Raises:
        InputError: One is a folder, or lies where nothing may be written.
    """
    for target in targets:
        if os.path.isdir(target):
            raise InputError(f"cannot write {target}: it is a folder")
    for folder in {target.parent for target in targets}:
        nearest = next(place for place in (folder, *folder.parents) if os.path.exists(place))
        if not os.path.isdir(nearest) or not os.access(nearest, os.W_OK | os.X_OK):
            reason = "may not be written to" if os.path.isdir(nearest) else "is no folder"
            raise InputError(f"cannot write into {folder}: {nearest} {reason}")


def keep_inputs(targets: Iterable[Path], inputs: Iterable[str | Path]) -> None:
    """Raise if a target is one of the files that are read.

    Raises:
        InputError: One is; says which.
    """
    kept = {os.path.realpath(path) for path in inputs}
    for target in targets:
        if os.path.realpath(target) in kept:
            raise InputError(f"{target} would overwrite an input: give another --output")
