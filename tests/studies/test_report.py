"""Reports of studies and of evaluations."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import torch
from support import fill, painted

from stylenet.images import load_image
from stylenet.studies import runs
from stylenet.studies.evaluation_report import evaluation_report, picture_grid
from stylenet.studies.report import markdown, write_study_report
from stylenet.studies.study import Study


def test_markdown():
    table = markdown(
        pd.DataFrame([["x|y", 0.12345], [None, 1234.5], ["z", 0.0], ["small", 0.00056]], columns=["a", "b"])
    )
    assert table.splitlines() == [
        "| a | b |",
        "| --- | --- |",
        r"| x\|y | 0.123 |",
        "|  | 1234 |",
        "| z | 0.000 |",
        "| small | 0.00056 |",
    ]


def test_the_report_tells_all(study: Callable[..., Study], tmp_path: Path):
    mine = study(grid=[{"style_weight": [1, 10]}, {"optimizer": ["adma"]}])
    cells = runs.plan(mine, tmp_path)
    for cell in cells[:3] + cells[4:]:
        runs.run(cell)
    write_study_report(mine, cells, tmp_path, "stylenet study mine")
    report = (tmp_path / "report.md").read_text()
    for wanted in ("Which?", "    stylenet study mine", "- Somebody 1999: Ten.", "vgg16", "`steps=2`"):
        assert wanted in report
    mean = sum(runs.outcome(cell)["figures"]["ssim"] for cell in cells[:2]) / 2
    assert f"| 1 |  | {mean:.3f} |" in report
    assert "Pairs on which a variant is better than 1" in report
    assert report.index("## Failed") < report.index("## Not run yet")
    assert all((tmp_path / name).is_file() for name in ("plot_1.png", "plot_2.png", "pictures_1.png"))
    table = pd.read_csv(tmp_path / "results.csv")
    assert table["status"].tolist() == ["done"] * 3 + ["not run"] + ["failed"] * 2
    assert table["ssim"][0] == pytest.approx(runs.outcome(cells[0])["figures"]["ssim"], rel=1e-5)
    assert not list(tmp_path.glob(".*"))


def test_an_axis_may_be_called_like_a_figure(
    study: Callable[..., Study], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(runs.METHODS, "gatys", painted)
    mine = study(grid=[{"steps": [1, 2]}], plots=[])
    cells = runs.plan(mine, tmp_path)
    for cell in cells:
        runs.run(cell)
    write_study_report(mine, cells, tmp_path, "stylenet study mine")
    assert runs.results(cells)["steps"].tolist() == ["1", "1", "2", "2"]


def test_an_ssim_is_better_where_it_is_more_and_all_else_where_it_is_less(study, tmp_path: Path, monkeypatch):
    figures = {
        "1": {"00": {"ssim": 0.6, "mse": 0.1}, "01": {"ssim": 0.6, "mse": 0.1}},
        "10": {"00": {"ssim": 0.5, "mse": 0.05}, "01": {"ssim": 0.7}},
    }

    def outcome(cell):
        return {"status": "done", "figures": dict(figures[cell.name][cell.photographs[0].stem])}

    monkeypatch.setattr(runs, "outcome", outcome)
    mine = study(plots=[], figures=["ssim", "mse"])
    write_study_report(mine, runs.plan(mine, tmp_path), tmp_path, "")
    assert "| 10 | 1 of 2 | 1 of 2 |" in (tmp_path / "report.md").read_text()


def test_the_report_has_means_by_method_and_style(place, evaluation):
    done = evaluation("net.safetensors", "gatys")
    rows = fill(done)
    text = evaluation_report(done, [])
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


def test_the_grid_shows_every_picture(place, evaluation):
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
