"""`stylenet study`: every study that ships runs, and what the command refuses."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from support import ROOT, painted

from stylenet.cli import main, study
from stylenet.cli.exits import guarded
from stylenet.locking import alone_in
from stylenet.studies import runs
from stylenet.studies.study_file import load_study

STUDIES = sorted((ROOT / "configs" / "studies").glob("*.yaml"))


def run(*arguments: str) -> int:
    return guarded(lambda: study.run(list(arguments)))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bare_environment: None) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _trained_here(command: list[str], **_: object) -> subprocess.CompletedProcess:
    """Run the training of a study in this process: another one would take most of its time to start."""
    assert command[:4] == [sys.executable, "-m", "stylenet.cli.main", "train"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", command[2:])
        return subprocess.CompletedProcess(command, guarded(lambda: main.run(command[3:])))


@pytest.mark.parametrize("name", [path.stem for path in STUDIES])
def test_every_study_runs(name: str, place: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("stylenet.studies.training.subprocess.run", _trained_here)
    monkeypatch.setattr("stylenet.studies.optimization.find_checkpoint", _none)  # a checkout may hold it
    assert run(name, "--quick") == 0
    folder = place / "studies" / f"{name}-quick"
    assert (folder / "report.md").is_file()
    table = pd.read_csv(folder / "results.csv")
    absent = table[table["status"] == runs.NOT_AT_HAND]
    assert set(absent.get("error", [])) <= {"no checkpoints/adain.safetensors"}  # no weights to fetch
    assert absent.empty or "## Not at hand" in (folder / "report.md").read_text()


@pytest.mark.slow
def test_trainings_of_a_study_run_as_processes(place: Path):
    assert run("norm", "--quick") == 0
    assert list(pd.read_csv("studies/norm-quick/results.csv")["status"]) == [runs.DONE] * 2


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_the_settings_of_every_study_can_be_used(path: Path):
    runs.check(load_study(path, runs.KNOWN))


def _none(name: str) -> Path:
    from stylenet.studies.optimization import NotAtHand

    raise NotAtHand(f"no {name}")


def test_every_experiment_of_the_documents_is_there():
    wanted = "extractors resnet50_weights resnet50_ratio optimizers losses iterations ratio init content_layer "
    wanted += "content_layer_johnson batch_size norm film survey"
    assert {path.stem for path in STUDIES} >= set(wanted.split())


def test_a_study_of_ones_own_needs_a_file_and_no_code(place: Path, capsys: pytest.CaptureFixture):
    quick = {"backbone": "vgg16", "weights": "bundled", "size": 32}
    grid = {"steps": [1, 2]}
    own = {"question": "How many?", "kind": "gatys", "base": quick, "grid": grid, "photographs": ["astronaut"]}
    Path("own.yaml").write_text(yaml.safe_dump(own | {"styles": ["starry_night"]}))
    assert run("own.yaml", "tv_weight=0", "--output=there") == 0
    assert "How many?" in Path("there/report.md").read_text()
    assert capsys.readouterr().err.endswith("2 runs; wrote there/report.md\n")
    assert run("own.yaml", "tv_weight=0", "--output=there") == 0
    assert "2 runs, 2 of them finished already" in capsys.readouterr().err


def test_failed_runs_are_exit_code_1(place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    monkeypatch.setitem(runs.METHODS, "gatys", _failing)
    assert run("init", "--quick") == 1
    printed = capsys.readouterr().err
    assert "failed: ZeroDivisionError: by noon" in printed
    assert "3 runs, 3 failed; wrote studies/init-quick/report.md" in printed
    assert "ZeroDivisionError: by noon" in Path("studies/init-quick/results.csv").read_text()


def _failing(*_: object) -> dict[str, float]:
    raise ZeroDivisionError("by noon")


def test_ctrl_c_reports_what_there_is(place: Path, monkeypatch: pytest.MonkeyPatch):
    seen = []

    def interrupted(*given: object) -> dict[str, float]:
        seen.append(given)
        if len(seen) == 2:
            raise KeyboardInterrupt
        return painted(*given)

    monkeypatch.setitem(runs.METHODS, "gatys", interrupted)
    assert run("init", "--quick") == 130
    assert Path("studies/init-quick/report.md").read_text().count("the study was stopped") == 1
    assert run("init", "--quick") == 0
    assert len(seen) == 4


def test_a_second_run_of_a_study_in_its_folder_is_told(place: Path, capsys):
    with alone_in(Path("studies/init-quick")):
        assert run("init", "--quick") == 2
    assert "another run writes into studies/init-quick" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["surveys"], "unknown study 'surveys': did you mean 'survey'"),
        (["init", "stpes=3"], "unknown option 'stpes': did you mean 'steps'"),
        (["init", "--quik"], "unknown option '--quik': did you mean '--quick'"),
        (["init", "init=nose"], "unknown init 'nose': did you mean 'noise'"),
        (["init", "style_weight=abc"], "style_weight=abc cannot be used: give a value of type float"),
        (["init", "device=cuda:99"], "no device cuda:99 here"),
        (["init", "photographs=astronut"], "unknown photograph 'astronut': did you mean 'astronaut'"),
        (["init", "styles=stary_night"], "unknown style 'stary_night': did you mean 'starry_night'"),
        (["init", "--workers=0"], "workers=0: give a whole number from 1"),
        ([], "give --name; see stylenet study --help"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], message: str, place: Path, capsys: pytest.CaptureFixture):
    assert run(*arguments) == 2
    assert message in capsys.readouterr().err
    assert not list(place.iterdir())


def test_finished_results_of_other_settings_are_kept(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    monkeypatch.setitem(runs.METHODS, "gatys", painted)
    assert run("init", "photographs=astronaut") == 0
    before = {path: path.read_bytes() for path in Path("studies/init").rglob("*") if path.is_file()}
    assert run("init", "--quick") == 0
    assert run("init", "photographs=astronaut", "size=128") == 2
    assert "studies/init/runs holds 3 finished runs of other settings (size)" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in Path("studies/init").rglob("*") if path.is_file()} == before
    assert run("init", "photographs=astronaut", "size=128", "--output=there") == 0


def test_a_setting_that_the_grid_sets_too_is_told(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    monkeypatch.setitem(runs.METHODS, "gatys", painted)
    assert run("losses", "tv_weight=0.5", "photographs=astronaut") == 0
    assert "tv_weight=0.5 is not for terms + TV; terms + Laplacian;" in capsys.readouterr().err
