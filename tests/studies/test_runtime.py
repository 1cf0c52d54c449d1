"""Seconds and memory of methods."""

import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch
from support import fill

from stylenet.studies import costs as costs_module
from stylenet.studies import runtime
from stylenet.studies.costs import Costs
from stylenet.studies.evaluation_report import evaluation_report
from stylenet.studies.runtime import Cost, Task


def test_costs_are_measured_once(place, evaluation, monkeypatch):
    tasks = []

    def measured(task):
        tasks.append(task)
        return Cost(2.0, 700.0, task.side == 1024)

    monkeypatch.setattr(costs_module, "measure", measured)
    done = evaluation("gatys", "net.safetensors")
    fill(done)
    for _ in range(2):
        costs = Costs(done)
        for method, side in costs.wanted():
            costs.fill(method, side)
    assert [(task.method, task.side) for task in tasks] == [
        (name, side) for name in ("gatys", "net.safetensors") for side in (256, 1024)
    ]
    text = evaluation_report(done, costs.rows)
    assert "| gatys | 4 |" in text
    line = next(line for line in text.splitlines() if line.startswith("| gatys | 4 |"))
    assert line.endswith("| 2 | ~2 | 700 | 700 |  |")
    assert "~ estimated" in text


def test_a_cost_that_cannot_be_had_is_told(place, evaluation, monkeypatch):
    gone = SimpleNamespace(returncode=-9, stderr="", stdout="")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: gone)
    done = evaluation("net.safetensors")
    fill(done)
    costs = Costs(done)
    row = costs.fill(*costs.wanted()[0])
    assert (row["error"], row["seconds"]) == ("the process ended with -9", None)
    assert "- net at 256 px: the process ended with -9" in evaluation_report(done, costs.rows)


def test_a_long_optimization_is_timed_over_a_few_steps(place, evaluation, monkeypatch):
    monkeypatch.setattr(runtime, "SIDES", (32, 64))
    monkeypatch.setattr(runtime, "MOST_STEPS", 3)
    monkeypatch.setattr(runtime, "_timed", lambda paint: paint() is None or 5.0)
    common = {"method": "gatys", "style": "one.png", "style_size": 32, "steps": 6, "device": "cpu"}
    small, large = (runtime.perform(Task(side=side, **common)) for side in (32, 64))
    assert (small.seconds, small.estimated) == (5, False)
    assert (large.seconds, large.estimated) == (10, True)
    assert 100 < small.memory_mb < 1e5


@pytest.mark.slow
def test_costs_come_from_a_fresh_process(place, evaluation):
    ballast = torch.ones(150_000_000)  # 600 MB that the other process must not see
    cost = runtime.measure(Task("net.safetensors", "one.png", 48, 2, 64, "cpu"))
    code = "import stylenet.studies.runtime as r, torch; print(r.peak_mb(torch.device('cpu')))"
    bare = float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
    assert bare <= cost.memory_mb < bare + 300
    assert not cost.estimated
    assert 0 < cost.seconds < 10
    assert ballast.sum() > 0
