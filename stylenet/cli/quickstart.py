"""`make quickstart`: teach the network that ships a new painting, offline, and show what it makes of photographs."""

import subprocess
import sys
from pathlib import Path

from stylenet.acceleration.allocator import keep_memory
from stylenet.cli.exits import guarded
from stylenet.data.sources import find_source
from stylenet.errors import InputError
from stylenet.images import grid, resize, save_image
from stylenet.inference.stylizer import Stylizer
from stylenet.modules.base import StylizerModule

STYLE = "metzinger"
"""A painting that the network of many styles has not learnt."""
OUTPUT = Path("outputs/quickstart")
SIZE = 384


def train_new_style() -> Path:
    """Run the recipe `minutes` as a user would, and return the slim checkpoint that it wrote.

    Raises:
        InputError: The training failed; its own words stand above.
    """
    arguments = [f"style={STYLE}", "recipe=minutes", f"trainer.logger.init_args.save_dir={OUTPUT}", *sys.argv[1:]]
    print("$ stylenet train", *arguments, flush=True)
    if subprocess.run([sys.executable, "-m", "stylenet.cli.main", "train", *arguments]).returncode:
        raise InputError("the training of the quickstart did not finish: see above")
    return max(OUTPUT.glob(f"{STYLE}/version_*/{StylizerModule.slim}"), key=lambda path: path.stat().st_mtime)


def before_after(checkpoint: Path) -> Path:
    """Write a picture: a row for each held-out photograph, which stands beside what the network makes of it."""
    files = find_source("embedded").held_out
    assert files is not None
    photographs = [resize(files.read(index), SIZE) for index in range(len(files))]
    stylizer = Stylizer.from_checkpoint(checkpoint, "cpu")
    rows = [[photograph, stylizer(photograph)] for photograph in photographs]
    path = OUTPUT / "before_after.png"
    save_image(grid(rows), path)
    return path


def _quickstart() -> int:
    trained = train_new_style()
    keep_memory()
    print(f"before and after: {before_after(trained).resolve()}")
    return 0


if __name__ == "__main__":
    sys.exit(guarded(_quickstart))
