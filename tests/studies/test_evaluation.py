"""An evaluation: rows, resuming, failing cells."""

from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import torch
from support import fill, picture

from stylenet.data.styles import load_style
from stylenet.errors import InputError
from stylenet.images import load_image, resize, save_image
from stylenet.resources import file_digest
from stylenet.studies import runtime
from stylenet.studies.evaluation import Evaluation, KeyedRows
from stylenet.studies.evaluation_report import evaluation_report, picture_grid
from stylenet.studies.measure import Evaluator, figures
from stylenet.studies.methods import Gatys, Stopped, find_methods
from stylenet.studies.pictures import find_styles, photographs_in


@pytest.fixture
def calls(monkeypatch):
    """Count the optimizations, which are of one step and give the photograph back."""
    made = []

    def optimize(content, *_, callback, **__):
        made.append(callback(None))
        return SimpleNamespace(image=content, diverged=None)

    monkeypatch.setattr("stylenet.studies.methods.optimize", optimize)
    return made


def test_a_row_for_each_method_style_and_photograph(place, evaluation):
    rows = fill(evaluation("net.safetensors"))
    whole = [("photograph", style, name) for style in ("one", "two") for name in "ab"]
    assert list(rows) == [*whole, ("net", "one", "a"), ("net", "one", "b")]
    for row in rows.values():
        assert row["error"] is None
        if row["method"] == "photograph":
            assert (round(row["ssim"], 4), row["mse"], row["content_distance"]) == (1, 0, 0)
    photograph = resize(load_image("in/a.png"), 48, side="long")
    assert load_image("out/pictures/net/one/a.png").shape == photograph.shape == (1, 3, 32, 48)
    judge = Evaluator("vgg16", "bundled").judge(load_style("one.png", 48))
    expected = figures(load_image("out/pictures/net/one/a.png"), photograph, judge)
    row = rows["net", "one", "a"]
    assert {name: row[name] for name in expected} == pytest.approx(expected, rel=0.02)  # a PNG has 8 bits
    written = pd.read_csv("out/results.csv")
    assert written["picture"].tolist() == [row["picture"] for row in rows.values()]
    assert written["ssim"].iloc[-2] == pytest.approx(row["ssim"], rel=1e-6)


def test_labels_are_compared_with(place, evaluation):
    save_image(picture(9, 20, 30), "label.png")
    rows = fill(evaluation(labels={(file_digest(place / "in/a.png"), "one"): place / "label.png"}))
    row = rows["photograph", "one", "a"]
    label = resize(load_image("label.png"), 48, side="long")
    photograph = resize(load_image("in/a.png"), 48, side="long")
    assert row["label_mse"] == pytest.approx(float((photograph - label).square().mean()), rel=1e-3)
    assert [row["label_ssim"] is None for row in rows.values()] == [False, True, True, True]


def test_what_is_finished_is_not_done_again(place, evaluation, calls):
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


def test_a_stopped_run_keeps_what_is_done(place, evaluation, calls):
    before = fill(evaluation("gatys"))
    (place / "out/pictures/gatys/one/a.png").unlink()
    stopped = evaluation("gatys")
    photographs, rest = stopped.cells()[:4], stopped.cells()[4:]
    for cell in photographs:
        stopped.fill(cell, lambda: True)  # they are a single step
    with pytest.raises(Stopped):
        stopped.fill(rest[0], lambda: True)
    assert len(stopped.rows) == len(photographs)
    assert len(pd.read_csv("out/results.csv")) == len(before)  # those of earlier runs too
    assert len(calls) == 5
    fill(evaluation("gatys"))
    assert len(calls) == 6


def test_a_failing_cell_is_a_row_with_its_error(place, evaluation):
    (place / "in" / "a.png").write_text("words")
    broken = evaluation("net.safetensors")
    rows = fill(broken)
    row = rows["net", "one", "a"]
    assert row["error"] == "InputError: in/a.png is not an image that can be read"
    assert (row["ssim"], row["picture"]) == (None, None)
    assert rows["net", "one", "b"]["error"] is None
    assert "- net, one, a: InputError: in/a.png is not an image" in evaluation_report(broken, [])
    again = evaluation("net.safetensors")
    assert [again.finished(cell) for cell in again.cells()] == [cell.photograph == "b" for cell in again.cells()]
    picture_grid(broken)


def test_any_error_of_a_method_is_a_row(place, evaluation, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("out of\nmemory")

    monkeypatch.setattr(Gatys, "painter", fail)
    rows = fill(evaluation("gatys", "net.safetensors"))
    assert rows["gatys", "two", "a"]["error"] == "RuntimeError: out of memory"
    assert rows["net", "one", "a"]["error"] is None


def test_rows_survive_their_file(tmp_path):
    rows = [{"key": "1", "a": "x, y", "b": 0.25, "c": None}, {"key": "2", "a": "None", "b": 1e-9, "d": "7"}]
    table = KeyedRows(tmp_path / "new" / "t.csv", ["b"], ["1", "2"])
    for row in rows:
        table.add(row)
    assert (tmp_path / "new" / "t.csv").read_text().splitlines()[0] == "key,a,b,c,d"
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["t.csv"]
    again = KeyedRows(tmp_path / "new" / "t.csv", ["b"], ["2", "1", "3"])
    assert list(again.earlier.values()) == [{"c": None, "d": None} | row for row in reversed(rows)]
    again.add(rows[0])
    assert len(pd.read_csv(tmp_path / "new" / "t.csv")) == 2  # a row that is still to be reached stays


def test_a_damaged_table_is_refused(tmp_path):
    (tmp_path / "t.csv").write_text("key,b\n1,two\n")
    with pytest.raises(InputError, match=r"t\.csv .*delete it to begin anew"):
        KeyedRows(tmp_path / "t.csv", ["b"], ["1"])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_an_evaluation_on_cuda(place, evaluation):
    cuda = torch.device("cuda")
    styles = find_styles(["one.png"])
    found = find_methods(["gatys", "gatys+", "net.safetensors"], list(styles), 2, cuda)
    done = Evaluation(found, photographs_in("in"), styles, Path("out"), 48, cuda)
    assert [row["error"] for row in fill(done).values()] == [None] * 8
    cost = runtime.measure(runtime.Task("net.safetensors", "one.png", 48, 2, 256, "cuda"))
    assert 1 < cost.memory_mb < 2000
