"""The benchmarks run, at a size that says nothing about speed."""

import subprocess
import sys

import pytest
from support import ROOT


def run(script: str, *options: str) -> str:
    command = [sys.executable, str(ROOT / "benchmarks" / script), *options]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=240).stdout


@pytest.mark.slow
def test_training_has_the_losses_of_the_plain_loop():
    printed = run("training.py", "--size=32", "--batch=2", "--pairs=1", "--steps=2", "--threads=1")
    assert "| images/s |" in printed
    assert "the first 2 losses are equal" in printed


def test_loading():
    assert "| images/s a worker |" in run("loader.py", "--size=32", "--photographs=2", "--rounds=1")


@pytest.mark.parametrize(("network", "sides"), [("johnson", ["ours", "winograd"]), ("adain", ["ours"])])
def test_inference_gives_the_pictures_of_the_plain_code(network, sides):
    printed = run(
        "inference.py", f"--network={network}", "--sizes", "32", "--sides", *sides, "--pairs=1", "--threads=1"
    )
    header, _, *rows = (line.strip("| ").split(" | ") for line in printed.splitlines() if line.startswith("|"))
    assert header[:3] == ["32 px", "seconds", "times as fast"]
    assert [row[0] for row in rows] == ["plain", *sides]
    assert {len(row) for row in rows} == {len(header)}
    assert all(float(row[header.index("off by, 1/255")]) < 0.1 for row in rows)
