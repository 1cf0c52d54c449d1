"""The runs of a study: finished ones are skipped, failing ones are rows, ranks and processes share them."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import torch
from support import painted

from stylenet.data.styles import load_style
from stylenet.errors import InputError
from stylenet.gatys.defaults import gatys_options
from stylenet.images import load_image, save_image
from stylenet.metrics import ssim
from stylenet.networks.adain import AdaIN
from stylenet.networks.checkpoint import describe, save_network
from stylenet.studies import runs
from stylenet.studies.study import Study

TINY = {"backbone": "vgg16", "weights": "bundled", "size": 32, "steps": 2}


def statuses(cells: list[runs.Cell]) -> list[str]:
    return [runs.outcome(cell)["status"] for cell in cells]


def run_all(cells: list[runs.Cell]) -> None:
    for _ in runs.run_all(cells):
        pass


def test_a_run_leaves_settings_pictures_history_and_figures(study: Callable[..., Study], tmp_path: Path):
    (cell, *_) = runs.plan(study(), tmp_path / "out")
    run_all([cell])
    assert sorted(path.name for path in cell.folder.iterdir()) == [
        "00.photograph.png", "00.png", "history.csv", "result.json", "settings.json",
    ]  # fmt: skip
    figures = runs.outcome(cell)["figures"]
    image, photograph = (load_image(cell.folder / name) for name in ("00.png", "00.photograph.png"))
    assert figures["ssim"] == pytest.approx(float(ssim(image, photograph)), abs=5e-3)  # the files have 8 bits
    history = pd.read_csv(cell.folder / "history.csv")
    assert history["step"].tolist() == [1, 2]
    assert history["loss"][1] == pytest.approx(figures["loss"], rel=1e-5)
    assert 0 < history["seconds"][0] < history["seconds"][1]


def test_a_run_reads_a_network_as_the_optimizer_does(study: Callable[..., Study], tmp_path: Path):
    options = gatys_options("squeezenet1_1", {})
    named = {"content_layers": list(options.content_layers or ()), "pooling": options.pooling}
    base = TINY | {"backbone": "squeezenet1_1", "weights": "random"}
    losses = []
    for i, settings in enumerate([base, base | named, base | named | {"pooling": "max"}]):
        (cell, *_) = runs.plan(study(base=settings), tmp_path / str(i))
        run_all([cell])
        losses.append(pd.read_csv(cell.folder / "history.csv")["loss"].tolist())
    assert losses[0] == losses[1]
    assert losses[0] != losses[2]


def test_started_again_it_finishes_only_what_was_missing(
    study: Callable[..., Study], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    cells = runs.plan(study(), tmp_path)
    run_all(cells[:2])
    (cells[1].folder / "result.json").unlink()  # killed in its midst
    ran = []

    def counted(*given):
        ran.append(given[-1])
        return painted(*given)

    monkeypatch.setitem(runs.METHODS, "gatys", counted)
    run_all(cells)
    assert ran == [cell.folder for cell in cells[1:]]
    assert statuses(cells) == ["done"] * 4


def test_changed_settings_or_pictures_run_again(study: Callable[..., Study], tmp_path: Path, photographs: Path):
    run_all(runs.plan(study(), tmp_path))
    assert statuses(runs.plan(study(), tmp_path)) == ["done"] * 4
    assert statuses(runs.plan(study(base=TINY | {"steps": 3}), tmp_path)) == ["not run"] * 4
    save_image(torch.rand(1, 3, 40, 48), photographs / "01.png")
    assert statuses(runs.plan(study(), tmp_path)) == ["done", "not run"] * 2


def test_finished_runs_of_other_settings_are_spared(study: Callable[..., Study], tmp_path: Path, monkeypatch):
    monkeypatch.setitem(runs.METHODS, "gatys", painted)
    cells = runs.plan(study(), tmp_path)
    runs.check_spared(cells)
    run_all(cells)
    runs.check_spared(runs.plan(study(), tmp_path))
    with pytest.raises(InputError, match=r"holds 4 finished runs of other settings \(size, steps\), which"):
        runs.check_spared(runs.plan(study(base=TINY | {"steps": 3, "size": 48}), tmp_path))
    assert statuses(cells) == ["done"] * 4


@pytest.mark.parametrize("end", [".png", ".photograph.png"])
def test_a_finished_run_whose_picture_was_deleted_is_run_again(
    study: Callable[..., Study], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str
):
    monkeypatch.setitem(runs.METHODS, "gatys", painted)
    cells = runs.plan(study(), tmp_path)
    run_all(cells)
    (cells[1].folder / f"01{end}").unlink()
    assert statuses(cells) == ["done", "not run", "done", "done"]
    run_all(cells)
    assert statuses(cells) == ["done"] * 4


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"style_weight": "abc"}, "style_weight=abc cannot be used: give a value of type float"),
        ({"steps": "3"}, "steps=3 cannot be used: give a value of type int"),
        ({"style_weight": None}, "style_weight=None cannot be used"),
        ({"style_layers": "relu1_1"}, "style_layers=relu1_1 cannot be used"),
        ({"size": 0}, "size is 0: give at least 1"),
        ({"style_weight": -1}, "style_weight is -1: give 0 or more"),
        ({"statistic": "grams"}, "unknown statistic 'grams': did you mean 'gram'"),
        ({"optimizer": "adma"}, "did you mean 'adam'"),
        ({"init": "nose"}, "unknown init 'nose': did you mean 'noise'"),
        ({"preserve_color": "hue"}, "unknown way to preserve color"),
        ({"pixel_weight": 1.0}, "need pseudo-labels: give labels=FILE"),
        ({"style_strength": 5, "content_weight": 0}, "give neither a weight of 0"),
        ({"style_strength": 0}, "5 is a usual one"),
        ({"backbone": "vgg18"}, "did you mean 'vgg19'"),
        ({"device": "cuda:99"}, "no device cuda:99 here"),
    ],
)
def test_settings_that_no_run_can_use_are_refused(study: Callable[..., Study], settings: dict, message: str):
    runs.check(study(base=TINY, grid=[{"tv_weight": [0, 0.1]}]))
    with pytest.raises(InputError, match=message):
        runs.check(study(base=TINY | settings, grid=[{"tv_weight": [0, 0.1]}]))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"data.batch_size": "two"}, "data.batch_size=two cannot be used: give a value of type int"),
        ({"model.style_weight": "abc"}, "model.style_weight=abc cannot be used"),
        ({"images": "many"}, "images=many cannot be used"),
        ({"backbone": "vgg18"}, "did you mean 'vgg19'"),
    ],
)
def test_settings_that_no_training_can_use_are_refused(study: Callable[..., Study], settings: dict, message: str):
    runs.check(study(kind="johnson", base={"data.batch_size": 2}, grid=[{"model.norm": ["batch"]}]))
    with pytest.raises(InputError, match=message):
        runs.check(study(kind="johnson", base=settings, grid=[{"model.norm": ["batch"]}]))


def test_a_failing_run_is_a_row_and_the_others_go_on(study: Callable[..., Study], tmp_path: Path):
    cells = runs.plan(study(grid=[{"optimizer": ["adam", "adma"]}]), tmp_path)
    run_all(cells)
    assert statuses(cells) == ["done", "done", "failed", "failed"]
    row = runs.results(cells).iloc[-1]
    assert (row["optimizer"], row["photographs"], row["status"]) == ("adma", "01", "failed")
    assert "did you mean 'adam'" in row["error"]
    assert pd.isna(row["ssim"])


def test_a_failing_run_is_tried_again(study: Callable[..., Study], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    cells = runs.plan(study(grid=[{"optimizer": ["adma"]}]), tmp_path)
    run_all(cells)
    monkeypatch.setitem(runs.METHODS, "gatys", painted)
    run_all(cells)
    assert statuses(cells) == ["done", "done"]


def test_missing_weights_and_pseudo_labels_say_how_to_get_them(
    study: Callable[..., Study], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def no_network(*_: object, **__: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr(torch.hub, "download_url_to_file", no_network)
    axis = {"vgg16": {"backbone": "vgg16", "weights": "imagenet"}, "labels": {"labels": "nowhere.safetensors"}}
    cells = runs.plan(study(grid=[{"what": axis}]), tmp_path)
    run_all(cells)
    assert statuses(cells) == ["not at hand"] * 4
    assert "curl" in runs.outcome(cells[0])["error"]
    assert "stylenet train model=adain" in runs.outcome(cells[-1])["error"]


def test_a_judge_without_weights_is_not_at_hand(
    study: Callable[..., Study], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def no_network(*_: object, **__: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr(torch.hub, "download_url_to_file", no_network)
    cells = runs.plan(study(base=TINY | {"judge": "vgg19"}), tmp_path)
    run_all(cells[:1])
    assert statuses(cells[:1]) == ["not at hand"]


def test_weights_that_cannot_be_used_are_a_failed_row_of_one_line(study: Callable[..., Study], tmp_path: Path):
    (tmp_path / "damaged.pth").write_bytes(b"no weights")
    cells = runs.plan(study(grid=[{"weights": [str(tmp_path / "damaged.pth"), "robust"]}]), tmp_path)
    run_all(cells)
    assert statuses(cells) == ["failed"] * 4
    damaged, robust = (runs.outcome(cells[place])["error"] for place in (0, 2))
    assert damaged.startswith(str(tmp_path / "damaged.pth"))
    assert "cannot be read safely" in damaged
    assert robust == "no robust weights for vgg16: give imagenet, bundled, random or a file"


def test_pseudo_labels_are_painted_by_adain(study: Callable[..., Study], tmp_path: Path):
    torch.manual_seed(0)
    network = AdaIN("vgg16", "bundled", width=4, scales={"relu4_1": 334.0}).eval()
    save_network(network, tmp_path / "adain.safetensors", describe(network))
    base = TINY | {"labels": str(tmp_path / "adain.safetensors"), "pixel_weight": 1.0, "steps": 30}
    base |= {"content_weight": 1e-6, "tv_weight": 0.0}  # the label alone draws
    (cell, *_) = runs.plan(study(base=base, grid=[{"style_weight": [0]}]), tmp_path)
    runs.run(cell)
    photograph = load_image(cell.folder / "00.photograph.png")
    painting = load_style(cell.style, min(photograph.shape[-2:]))
    with torch.no_grad():
        label = network(photograph, network.palette(painting))
    assert (load_image(cell.folder / "00.png") - label).abs().max() < 2 / 255
    assert (photograph - label).abs().max() > 20 / 255
    assert runs.outcome(cell)["figures"]["label_mse"] < 1e-5


def test_ranks_share_the_runs_without_overlap(study: Callable[..., Study], tmp_path: Path, monkeypatch):
    cells = runs.plan(study(), tmp_path)
    monkeypatch.setenv("WORLD_SIZE", "3")
    shares = []
    for rank in range(3):
        monkeypatch.setenv("RANK", str(rank))
        shares.append([cell.folder for cell in runs.mine(cells)])
    assert [len(share) for share in shares] == [2, 1, 1]
    assert sorted(sum(shares, [])) == sorted(cell.folder for cell in cells)


@pytest.mark.parametrize(
    "damaged",
    ['{"status": "do', "[1]", "3", "null", '{"status": 3}', '{"status": "done"}', '{"status": "done", "figures": [1]}',
     '{"status": "failed"}', "[" * 100_000, "\\xff"],
)  # fmt: skip
def test_a_broken_result_is_none(study: Callable[..., Study], tmp_path: Path, damaged: str):
    (cell, *_) = runs.plan(study(), tmp_path)
    cell.folder.mkdir(parents=True)
    (cell.folder / "settings.json").write_text(json.dumps(cell.given))
    (cell.folder / "result.json").write_bytes(damaged.encode("latin-1"))
    assert statuses([cell]) == ["not run"]


@pytest.mark.slow
def test_processes_share_the_runs(study: Callable[..., Study], tmp_path: Path):
    cells = runs.plan(study(), tmp_path)
    assert {cell.folder for cell in runs.run_all(cells, workers=2)} == {cell.folder for cell in cells}
    assert statuses(cells) == ["done"] * 4
