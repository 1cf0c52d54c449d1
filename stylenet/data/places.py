"""Where images are looked for: the folders of `STYLENET_IMAGES`."""

import os
from pathlib import Path


def image_folders() -> list[Path]:
    """Return the folders that the environment variable `STYLENET_IMAGES` lists (joined by `os.pathsep`).

    Such a folder may hold photographs under `content/` and style images directly or under `style/`.
    """
    return [Path(part).expanduser() for part in os.environ.get("STYLENET_IMAGES", "").split(os.pathsep) if part]
