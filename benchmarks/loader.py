"""How fast photographs are loaded: ours against the transforms of pytorch/examples, in turn, in one call.

JPEG files of 640x480 pixels, drawn for the occasion, become crops of 256 pixels; everything happens in this process, so
a figure is that of one worker. Theirs decodes by Pillow, scales the short side, takes the center and multiplies by 255.
A training needs as many workers as its images/s (`make bench`, or TensorBoard) are times the figure.

    python benchmarks/loader.py [--size 256] [--batch 4] [--photographs 16] [--rounds 5]
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder

from stylenet.cli.exits import guarded
from stylenet.data.datamodule import StylizationData
from stylenet.data.synthetic import DeadLeaves
from stylenet.images import save_image

WIDTH, HEIGHT = 640, 480  # of most photographs of COCO


def draw(folder: Path, count: int) -> None:
    """Write so many photographs into a folder."""
    leaves = DeadLeaves(WIDTH)
    folder.mkdir()
    for index in range(count):
        save_image(leaves[index][:, :HEIGHT], folder / f"{index}.jpg")


def plain_loader(root: Path, size: int, batch: int) -> DataLoader:
    """Return the loader of pytorch/examples; `root` holds a folder of photographs."""
    steps = [
        transforms.Resize(size),
        transforms.CenterCrop(size),
        transforms.ToTensor(),
        transforms.Lambda(lambda image: image.mul(255)),
    ]
    return DataLoader(ImageFolder(str(root), transforms.Compose(steps)), batch)


def our_loader(root: Path, size: int, batch: int) -> DataLoader:
    """Return the loader that a training has, without workers."""
    data = StylizationData("folder", str(root), size, batch, num_workers=0, val_count=0)
    return data.train_dataloader()


def _benchmark() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in {"size": 256, "batch": 4, "photographs": 16, "rounds": 5}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    given = parser.parse_args()
    torch.set_num_threads(1)  # as in a worker
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        draw(root / "photographs", given.photographs)
        sides = {"plain": plain_loader, "ours": our_loader}
        loaders = {name: side(root, given.size, given.batch) for name, side in sides.items()}
        seconds: dict[str, list[float]] = {name: [] for name in loaders}
        for round_ in range(given.rounds + 1):
            for name, loader in loaders.items():
                start = time.perf_counter()
                for _ in loader:
                    pass
                if round_:  # the first one warms up
                    seconds[name].append(time.perf_counter() - start)
    plain, ours = (given.photographs / statistics.median(seconds[name]) for name in loaders)
    print("| loading | plain | ours | ours / plain |\n|---|---|---|---|")
    print(f"| images/s a worker | {plain:.1f} | {ours:.1f} | {ours / plain:.2f} |")
    return 0


if __name__ == "__main__":
    sys.exit(guarded(_benchmark))
