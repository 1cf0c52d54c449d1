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
