"""The notebook runs from top to bottom, with fewer steps and smaller images than on Colab."""

import json
import shlex
import sys
from pathlib import Path

import pytest
from PIL import Image
from support import DEBUG, ROOT

from stylenet.cli.main import run

LIGHT = {
    "infer": ["--size=48"],
    "gatys": ["--size=32", "--steps=1"],
    "train": [DEBUG, "trainer.max_steps=1", "trainer.logger.init_args.save_dir=checkpoints"],
}


def test_every_cell_of_the_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bare_environment: None):
    monkeypatch.chdir(tmp_path)
    notebook = json.loads((ROOT / "docs" / "stylenet.ipynb").read_text())
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert cells[0].startswith("%pip install")
    names: dict[str, object] = {}
    for cell in cells[1:]:
        lines = cell.splitlines()
        for line in [line for line in lines if line.startswith("!")]:
            program, command, *arguments = shlex.split(line.removeprefix("!"))
            assert program == "stylenet"
            given = [command, *arguments, *LIGHT[command]]
            monkeypatch.setattr(sys, "argv", ["stylenet", *given])
            with pytest.raises(SystemExit) as ended:  # as the program does
                sys.exit(run(given))
            assert not ended.value.code
        exec("\n".join(line for line in lines if not line.startswith("!")), names)
        Image.open("photo.png").resize((64, 48)).save("photo.png")
    sizes = {path.name: Image.open(path).size for path in tmp_path.glob("*.png")}
    optimized = sizes.pop("optimized.png")
    assert max(optimized) == 32
    assert sizes == {"photo.png": (64, 48), "blended.png": (64, 48), "stylized.png": (48, 36), "learnt.png": (48, 36)}
