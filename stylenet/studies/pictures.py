"""The photographs and paintings of a study, by name, path or number."""

from pathlib import Path

from stylenet.data.datasets import Folder, evenly_spaced
from stylenet.data.sources import find_source
from stylenet.data.styles import find_style, known_styles
from stylenet.errors import unknown
from stylenet.images import list_images
from stylenet.resources import image_folders


def photographs_at_hand() -> list[Path]:
    """Return the photographs under `content/` in the folders of STYLENET_IMAGES, else those of scikit-image.

    Raises:
        InputError: There are none.
    """
    folders = [folder / "content" for folder in image_folders() if (folder / "content").is_dir()]
    return [path for folder in folders for path in list_images(folder)] or _embedded()


def find_photographs(wanted: int | list[str]) -> list[Path]:
    """Return photographs.

    Args:
        wanted: Paths or names (file names without suffix), also those of scikit-image; or how many, evenly spaced.

    Raises:
        InputError: There is no such photograph; says the nearest name.
    """
    if isinstance(wanted, int):
        found = photographs_at_hand()
        return [found[index] for index in evenly_spaced(len(found), wanted)]
    return [_photograph(str(name)) for name in wanted]


def find_styles(wanted: int | list[str]) -> list[Path]:
    """Return paintings.

    Args:
        wanted: Paths or names, see `stylenet.data.styles`; or how many, in the order of their names.

    Raises:
        InputError: There is no such painting; says the nearest name.
    """
    if isinstance(wanted, int):
        return list(known_styles().values())[:wanted]
    return [find_style(str(name)) for name in wanted]


def _photograph(name: str) -> Path:
    path = Path(name).expanduser()
    if path.is_file():
        return path
    named: dict[str, Path] = {}
    for found in (*photographs_at_hand(), *_embedded()):
        named.setdefault(found.stem, found)
    if name not in named:
        raise unknown("photograph", name, named)
    return named[name]


def _embedded() -> list[Path]:
    """Return the photographs in the wheel of scikit-image."""
    source = find_source("embedded")
    return sorted(
        path for files in (source.files, source.held_out) if isinstance(files, Folder) for path in files.paths
    )
