"""`make quickstart`: train a small stylizer offline and show what it does to photographs that it has not seen."""

import subprocess
import sys
from pathlib import Path

from stylenet.allocator import keep_memory
from stylenet.cli.exits import guarded
from stylenet.cli.shorthand import CONFIGS
from stylenet.data.sources import find_source
from stylenet.errors import InputError
from stylenet.images import grid, resize, save_image
from stylenet.inference.stylizer import Stylizer
from stylenet.modules.base import StylizerModule

STYLE = "starry_night"
OUTPUT = Path("outputs/quickstart")
SIZE = 384
PROJECT = CONFIGS.parent


def train_small() -> Path:
    """Run the recipe quickstart as a user would, and return the slim checkpoint that it wrote.

    Raises:
        InputError: The training failed; its own words stand above.
    """
    command = [sys.executable, "train.py", f"style={STYLE}", "recipe=quickstart"]
    command += [f"--trainer.logger.init_args.save_dir={OUTPUT.resolve()}", *sys.argv[1:]]
    print("$", "python", *command[1:], flush=True)
    if subprocess.run(command, cwd=PROJECT).returncode:
        raise InputError("the training of the quickstart did not finish: see above")
    return max(OUTPUT.glob(f"{STYLE}/version_*/{StylizerModule.slim}"), key=lambda path: path.stat().st_mtime)


def before_after(checkpoints: list[Path]) -> Path:
    """Write a picture: a row for each held-out photograph, a column for it and for each checkpoint's stylized one."""
    files = find_source("embedded").held_out
    assert files is not None
    photographs = [resize(files.read(index), SIZE) for index in range(len(files))]
    stylizers = [Stylizer.from_checkpoint(path, "cpu") for path in checkpoints]
    rows = [[photograph, *[stylizer(photograph) for stylizer in stylizers]] for photograph in photographs]
    path = OUTPUT / "before_after.png"
    save_image(grid(rows), path)
    return path


def _quickstart() -> int:
    shipped = PROJECT / "checkpoints" / f"{STYLE}.safetensors"
    trained = train_small()
    keep_memory()
    path = before_after([trained, *([shipped] if shipped.is_file() else [])])
    print("columns: the photograph, the network just trained" + (", the shipped network" if shipped.is_file() else ""))
    print(path.resolve())
    return 0


if __name__ == "__main__":
    sys.exit(guarded(_quickstart))
