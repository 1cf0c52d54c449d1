"""Much work in one process: nothing is lost, and memory does not grow."""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from support import picture

from stylenet.cli import infer
from stylenet.cli.exits import guarded
from stylenet.images import save_image
from stylenet.inference.stylizer import Stylizer
from stylenet.networks.checkpoint import describe, save_network
from stylenet.networks.johnson import JohnsonNet

pytestmark = pytest.mark.slow
COUNT, BROKEN = 1000, range(16, 1000, 33)
"""Thirty of a thousand images are broken."""


def memory() -> int:
    """Return what this process holds, in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


@pytest.fixture(autouse=True)
def network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working folder with a small network, net.safetensors."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    network = JohnsonNet(width=4, blocks=1)
    save_network(network, "net.safetensors", describe(network))


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """What the process held after each image."""
    held: list[int] = []
    real = Stylizer.__call__

    def call(self, *given):
        result = real(self, *given)
        held.append(memory())
        return result

    monkeypatch.setattr(Stylizer, "__call__", call)
    return held


def test_a_thousand_images_with_thirty_broken_ones(seen: list[int], capsys: pytest.CaptureFixture):
    for index in range(COUNT):
        save_image(picture(index, 48, 64), f"photos/{index:03d}.png")
    for index in BROKEN:
        path = Path(f"photos/{index:03d}.png")
        path.write_bytes(path.read_bytes()[: 60 * (index % 2)])
    assert guarded(lambda: infer.run(["ckpt=net.safetensors", "input=photos", "output=out", "device=cpu"])) == 1
    painted = {path.stem for path in Path("out").iterdir()}
    assert painted == {f"{index:03d}" for index in range(COUNT) if index not in BROKEN}
    errors = capsys.readouterr().err
    assert all(f"{index:03d}.png" in errors for index in BROKEN)
    assert max(seen[500:]) < 1.05 * max(seen[:500])


def test_two_hundred_calls_of_random_sizes():
    """PyTorch keeps what oneDNN made for up to 1,024 sizes of a layer; little else may stay."""
    stylizer, sizes = Stylizer.from_checkpoint("net.safetensors", "cpu"), random.Random(0)
    held = []
    for _ in range(200):
        height, width = sizes.randint(1, 600), sizes.randint(1, 600)
        assert stylizer(torch.rand(1, 3, height, width)).shape == (1, 3, height, width)
        held.append(memory())
    assert max(held[100:]) < 1.2 * max(held[:100])
