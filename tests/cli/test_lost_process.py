"""A training on two processes of which one is killed or stopped."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support import DEBUG, ROOT

pytestmark = pytest.mark.slow


def wait(condition: Callable[[], bool], seconds: float) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


def alive(pid: int) -> bool:
    """Return whether a process runs; one that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@dataclass
class Pair:
    """Two processes that train."""

    first: subprocess.Popen
    second: int
    last: Path
    errors: Path


@pytest.fixture
def pair(tmp_path: Path, bare_environment: None) -> Iterator[Pair]:
    """Two processes that have written a checkpoint."""
    errors, last = tmp_path / "errors.txt", tmp_path / "outputs/debug/starry_night/version_0/last.ckpt"
    command = ["style=starry_night", DEBUG, "trainer.val_check_interval=100000", "trainer.max_steps=100000"]
    command += ["trainer.devices=2", "trainer.strategy=ddp", "checkpoint.every_n_train_steps=5"]
    with errors.open("w") as file:
        first = subprocess.Popen(
            [sys.executable, str(ROOT / "train.py"), *command],
            cwd=tmp_path,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stderr=file,
            stdout=file,
        )
    wait(lambda: last.is_file() or first.poll() is not None, 200)
    children = Path(f"/proc/{first.pid}/task/{first.pid}/children").read_text().split()
    (second,) = [int(pid) for pid in children if "train.py" in Path(f"/proc/{pid}/cmdline").read_text()]
    yield Pair(first, second, last, errors)
    for pid in (first.pid, second):
        if alive(pid):
            os.kill(pid, signal.SIGKILL)
    first.wait()


def test_when_the_second_is_killed_the_first_ends_within_a_minute_with_one_line(pair: Pair):
    os.kill(pair.second, signal.SIGKILL)
    assert pair.first.wait(60) == 1
    text = pair.errors.read_text()
    assert "Traceback" not in text
    assert text.count("error: ") == 1
    assert "another process of this training has ended" in text
    assert pair.last.is_file()


def test_when_the_first_is_killed_the_second_ends_within_a_minute(pair: Pair):
    pair.first.kill()
    wait(lambda: not alive(pair.second), 60)


def test_a_stopped_process_is_told_and_goes_on(pair: Pair):
    os.kill(pair.second, signal.SIGSTOP)
    wait(lambda: "warning: process 0 has waited for 60 s" in pair.errors.read_text(), 100)
    os.kill(pair.second, signal.SIGCONT)
    before = pair.last.stat().st_mtime_ns
    wait(lambda: pair.last.stat().st_mtime_ns != before, 60)
    pair.first.send_signal(signal.SIGINT)
    assert pair.first.wait(60) == 130
    wait(lambda: not alive(pair.second), 60)
