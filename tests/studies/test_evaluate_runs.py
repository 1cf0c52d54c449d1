"""An evaluation: rows, resuming, failing cells, costs and the report."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from stylenet.data.styles import load_style
from stylenet.images import load_image, resize, save_image
from stylenet.networks.checkpoint import describe, save_network
from stylenet.networks.johnson import JohnsonNet
from stylenet.studies import costs as costs_module
from stylenet.studies import runtime
from stylenet.studies.costs import Costs
from stylenet.studies.digests import file_digest
from stylenet.studies.evaluate import Evaluation
from stylenet.studies.judges import Jury
from stylenet.studies.lineup import find_methods, find_photographs, find_styles
from stylenet.studies.measure import figures
from stylenet.studies.methods import Gatys, Stopped
from stylenet.studies.report import picture_grid, report
from stylenet.studies.runtime import Cost, Task
from stylenet.studies.tables import read_csv

CPU = torch.device("cpu")


def picture(seed, height=40, width=60):
    coarse = torch.rand(1, 3, 5, 6, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic").clamp(0, 1)


@pytest.fixture
def place(tmp_path, monkeypatch, bare_environment):
    """A working folder with two photographs, two paintings and a network for one of them."""
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate(("in/a.png", "in/b.png", "one.png", "two.png")):
        save_image(picture(seed), name)
    torch.manual_seed(0)
    network = JohnsonNet(width=1, blocks=1)
    made = {"style": "one", "steps": 600, "loss_network": {"backbone": "vgg16"}}
    save_network(network, "net.safetensors", describe(network, **made))
    return tmp_path


def evaluation(*methods, size=48, labels=None, steps=2):
    styles = find_styles(["one.png", "two.png"])
    found = find_methods(methods, list(styles), steps, CPU)
    return Evaluation(found, find_photographs("in"), styles, Path("out"), size, CPU, labels=labels)


def fill(evaluation):
    for cell in evaluation.cells():
        evaluation.fill(cell, lambda: False)
    return {(row["method"], row["style"], row["photograph"]): row for row in evaluation.rows}


@pytest.fixture
def calls(monkeypatch):
    """Count the optimizations."""
    from stylenet.studies import methods

    made, real = [], methods.optimize
    monkeypatch.setattr(methods, "optimize", lambda *a, **k: made.append(1) or real(*a, **k))
    return made


def test_a_row_for_each_method_style_and_photograph(place):
    rows = fill(evaluation("net.safetensors"))
    whole = [("photograph", style, name) for style in ("one", "two") for name in "ab"]
    assert list(rows) == [*whole, ("net", "one", "a"), ("net", "one", "b")]
    for row in rows.values():
        assert row["error"] is None
        if row["method"] == "photograph":
            assert (round(row["ssim"], 4), row["mse"], row["content_distance"]) == (1, 0, 0)
    photograph = resize(load_image("in/a.png"), 48, side="long")
    assert load_image("out/pictures/net/one/a.png").shape == photograph.shape == (1, 3, 32, 48)
    judge = Jury("vgg16", "bundled").judge(load_style("one.png", 48))
    expected = figures(load_image("out/pictures/net/one/a.png"), photograph, judge)
    row = rows["net", "one", "a"]
    assert {name: row[name] for name in expected} == pytest.approx(expected, rel=0.02)  # a PNG has 8 bits
    written = read_csv("out/results.csv", [*expected, "seconds"])
    assert [row["picture"] for row in written] == [row["picture"] for row in rows.values()]
    assert written[-2]["ssim"] == pytest.approx(row["ssim"], rel=1e-6)


def test_labels_are_compared_with(place):
    save_image(picture(9, 20, 30), "label.png")
    rows = fill(evaluation(labels={(file_digest(place / "in/a.png"), "one"): place / "label.png"}))
    row = rows["photograph", "one", "a"]
    label = resize(load_image("label.png"), 48, side="long")
    photograph = resize(load_image("in/a.png"), 48, side="long")
    assert row["label_mse"] == pytest.approx(float((photograph - label).square().mean()), rel=1e-3)
    assert [row["label_ssim"] is None for row in rows.values()] == [False, True, True, True]


def test_what_is_finished_is_not_done_again(place, calls):
    first = fill(evaluation("gatys"))
    assert len(calls) == 4
    again = evaluation("gatys")
    assert all(again.finished(cell) for cell in again.cells())
    second = fill(again)
    assert len(calls) == 4
    assert second["gatys", "two", "b"]["ssim"] == pytest.approx(first["gatys", "two", "b"]["ssim"], rel=1e-6)
    (place / "out/pictures/gatys/two/b.png").unlink()
    fill(evaluation("gatys"))
    assert len(calls) == 5
    save_image(picture(7), "in/a.png")  # another photograph
    fill(evaluation("gatys"))
    assert len(calls) == 7
    fill(evaluation("gatys", steps=3))
    assert len(calls) == 11


def test_a_stopped_run_keeps_what_is_done(place, calls):
    before = fill(evaluation("gatys"))
    (place / "out/pictures/gatys/one/a.png").unlink()
    stopped = evaluation("gatys")
    photographs, rest = stopped.cells()[:4], stopped.cells()[4:]
    for cell in photographs:
        stopped.fill(cell, lambda: True)  # they are a single step
    with pytest.raises(Stopped):
        stopped.fill(rest[0], lambda: True)
    assert len(stopped.rows) == len(photographs)
    assert len(read_csv("out/results.csv")) == len(before)  # those of earlier runs too
    assert len(calls) == 5
    fill(evaluation("gatys"))
    assert len(calls) == 6


def test_a_failing_cell_is_a_row_with_its_error(place):
    (place / "in" / "a.png").write_text("words")
    broken = evaluation("net.safetensors")
    rows = fill(broken)
    row = rows["net", "one", "a"]
    assert row["error"] == "InputError: in/a.png is not an image that can be read"
    assert (row["ssim"], row["picture"]) == (None, None)
    assert rows["net", "one", "b"]["error"] is None
    assert "- net, one, a: InputError: in/a.png is not an image" in report(broken, [])
    again = evaluation("net.safetensors")
    assert [again.finished(cell) for cell in again.cells()] == [cell.photograph == "b" for cell in again.cells()]
    picture_grid(broken)


def test_any_error_of_a_method_is_a_row(place, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("out of\nmemory")

    monkeypatch.setattr(Gatys, "painter", fail)
    rows = fill(evaluation("gatys", "net.safetensors"))
    assert rows["gatys", "two", "a"]["error"] == "RuntimeError: out of memory"
    assert rows["net", "one", "a"]["error"] is None


# Costs


def test_costs_are_measured_once(place, monkeypatch):
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
    text = report(done, costs.rows)
    assert "| gatys | 4 |" in text
    line = next(line for line in text.splitlines() if line.startswith("| gatys | 4 |"))
    assert line.endswith("| 2 | ~2 | 700 | 700 |  |")
    assert "~ estimated" in text


def test_a_cost_that_cannot_be_had_is_told(place, monkeypatch):
    gone = SimpleNamespace(returncode=-9, stderr="", stdout="")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: gone)
    done = evaluation("net.safetensors")
    fill(done)
    costs = Costs(done)
    row = costs.fill(*costs.wanted()[0])
    assert (row["error"], row["seconds"]) == ("the process ended with -9", None)
    assert "- net at 256 px: the process ended with -9" in report(done, costs.rows)


def test_a_long_optimization_is_timed_over_a_few_steps(place, monkeypatch):
    monkeypatch.setattr(runtime, "SIDES", (32, 64))
    monkeypatch.setattr(runtime, "MOST_STEPS", 3)
    monkeypatch.setattr(runtime, "_timed", lambda paint: paint() is None or 5.0)
    common = {"method": "gatys", "style": "one.png", "style_size": 32, "steps": 6, "device": "cpu"}
    small, large = (runtime.perform(Task(side=side, **common)) for side in (32, 64))
    assert (small.seconds, small.estimated) == (5, False)
    assert (large.seconds, large.estimated) == (10, True)
    assert 100 < small.memory_mb < 1e5


@pytest.mark.slow
def test_costs_come_from_a_fresh_process(place):
    ballast = torch.ones(150_000_000)  # 600 MB that the other process must not see
    cost = runtime.measure(Task("net.safetensors", "one.png", 48, 2, 64, "cpu"))
    code = "import stylenet.studies.runtime as r, torch; print(r.peak_mb(torch.device('cpu')))"
    bare = float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
    assert bare <= cost.memory_mb < bare + 300
    assert not cost.estimated
    assert 0 < cost.seconds < 10
    assert ballast.sum() > 0


# The report


def test_the_report_has_means_by_method_and_style(place):
    done = evaluation("net.safetensors", "gatys")
    rows = fill(done)
    text = report(done, [])
    lines = text.splitlines()
    mean = sum(row["gram_difference"] for (method, *_), row in rows.items() if method == "gatys") / 4
    by_method = next(line for line in lines if line.startswith("| gatys |"))
    assert by_method.split(" | ")[1] == "4"
    assert f"{mean:.3f}" in by_method
    one = [rows["net", "one", name]["ssim"] for name in "ab"]
    assert any(line.startswith(f"| one | net | {sum(one) / 2:.3f} |") for line in lines)
    assert not any(line.startswith("| two | net") for line in lines)
    assert any(line.startswith("| Gatys (`gatys`) | 0.580 | ") for line in lines)
    assert "600 steps" in next(line for line in lines if line.startswith("| net |"))
    assert "vgg16, bundled weights; THE LOSS NETWORK OF net, gatys: its figures" in text
    assert "LPIPS: left out" in text


def test_the_grid_shows_every_picture(place):
    done = evaluation("net.safetensors")
    fill(done)
    sheet = picture_grid(done)
    gap, line, height = 4, 16, 32
    assert sheet.shape[-2] == gap + line + gap + 4 * (height + gap)
    width, rest = divmod(sheet.shape[-1] - gap, 3)
    width -= gap
    assert rest == 0
    assert width >= 48  # as wide as the widest caption, with the picture in the middle
    top, left = gap + line + gap, 2 * gap + width + (width - 48) // 2
    assert torch.equal(sheet[..., top : top + 32, left : left + 48], load_image("out/pictures/net/one/a.png"))
    below = top + 2 * (height + gap)  # the network does not know the second style
    assert sheet[..., below : below + 32, left : left + 48].min() == 1


@pytest.mark.gpu
def test_an_evaluation_on_cuda(place):
    cuda = torch.device("cuda")
    styles = find_styles(["one.png"])
    found = find_methods(["gatys", "gatys+", "net.safetensors"], list(styles), 2, cuda)
    done = Evaluation(found, find_photographs("in"), styles, Path("out"), 48, cuda)
    assert [row["error"] for row in fill(done).values()] == [None] * 8
    cost = runtime.measure(Task("net.safetensors", "one.png", 48, 2, 256, "cuda"))
    assert 1 < cost.memory_mb < 2000


def test_keys_are_plain(place):
    for method in evaluation("net.safetensors", "gatys", "gatys+").methods:
        assert json.loads(json.dumps(method.recipe()))["kind"] == method.kind
