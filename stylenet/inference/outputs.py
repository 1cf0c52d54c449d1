"""Where stylized images go: planned and checked before anything is written."""

import os
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from stylenet.errors import InputError
from stylenet.images import SUFFIXES, list_images


def plan(source: str, output: str) -> dict[Path, Path]:
    """Return the place of each photograph's stylization; writes nothing.

    Args:
        source: An image, or a folder: its images and those of its sub-folders.
        output: An image; or a folder, if `source` is one, if it exists, or if it ends with a slash.

    Raises:
        InputError: There is no image, or an output cannot be written or would overwrite a photograph.
    """
    if os.path.isdir(source):
        jobs = _plan_folder(Path(source), Path(output))
    elif not os.path.isfile(source):
        raise InputError(f"no such file or folder: {source}")
    elif output.endswith(("/", os.sep)) or os.path.isdir(output):
        jobs = {Path(source): Path(output, f"{Path(source).stem}.png")}
    elif Path(output).suffix.lower() in SUFFIXES:
        jobs = {Path(source): Path(output)}
    else:
        raise InputError(f"cannot write {output}: end it with / or one of {', '.join(sorted(SUFFIXES))}")
    _check(jobs)
    return jobs


def _plan_folder(source: Path, output: Path) -> dict[Path, Path]:
    """Return the plan for a folder; leaves out what an earlier run wrote into an output folder inside it."""
    if os.path.realpath(source) == os.path.realpath(output):
        raise InputError(f"--output is the input folder {source}: give another, so that no photograph is overwritten")
    inside = os.path.realpath(source) + os.sep
    earlier = os.path.realpath(output) + os.sep
    skip = earlier if earlier.startswith(inside) else None
    photographs = [path for path in list_images(source) if not (skip and os.path.realpath(path).startswith(skip))]
    if not photographs:
        raise InputError(f"no images in {source} but those in the output folder {output}")
    names = output_names([path.relative_to(source) for path in photographs])
    return {path: output / name for path, name in zip(photographs, names, strict=True)}


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
