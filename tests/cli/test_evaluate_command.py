"""`stylenet evaluate` in this process: what it writes, how it ends, what it refuses."""

import json
import os
import signal
from pathlib import Path

import pandas as pd
import pytest
import torch
from films import make_film
from support import files, picture

from stylenet.cli import evaluate
from stylenet.cli.exits import guarded
from stylenet.errors import InputError
from stylenet.images import load_image, save_image
from stylenet.locking import alone_in
from stylenet.networks.checkpoint import describe, save_network
from stylenet.networks.johnson import JohnsonNet
from stylenet.studies import costs, film_evaluation, methods
from stylenet.studies.runtime import Cost


@pytest.fixture
def command(tmp_path, monkeypatch, bare_environment):
    """Run the command in tmp_path with two photographs, a painting and a network, and return its exit code."""
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate(("in/a.png", "in/b.png", "one.png")):
        save_image(picture(seed, 40, 48), name)
    torch.manual_seed(0)
    network = JohnsonNet(width=1, blocks=1)
    save_network(network, "net.safetensors", describe(network, style="one"))

    def run(*options, **named):
        given = {"photographs": "in", "styles": "one.png", "methods": "gatys,net.safetensors", "output": "out"}
        given |= {"size": "48", "steps": "2", "device": "cpu"} | named
        arguments = [f"--{key}={value}" for key, value in given.items() if value is not None]
        return guarded(lambda: evaluate.run([*arguments, "--no-runtime", *options]))

    return run


def test_everything_is_written_and_printed(command, capsys):
    assert command() == 0
    pictures = [f"pictures/{method}/one/{name}.png" for method in ("gatys", "net", "photograph") for name in "ab"]
    assert files("out") == ["grid.png", *pictures, "results.csv", "table.md"]
    captured = capsys.readouterr()
    assert captured.out.strip() == Path("out/table.md").read_text().strip()
    assert "| photograph | 2 | 1.000 | 0.000 |" in captured.out
    assert "THE LOSS NETWORK OF gatys:" in captured.out
    assert captured.err.endswith("wrote out\n")
    assert load_image("out/grid.png").shape[-1] >= 4 + 4 * 52


def test_figures_are_json_for_pipes(command, capsys):
    for _ in range(2):  # the second time they are read from results.csv
        assert command("--json", methods="photograph,net.safetensors") == 0
        printed = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)  # no NaN
        assert printed["judge"].startswith("vgg16, bundled weights")
        assert printed["runtime"] == []
        rows = {(row["method"], row["photograph"]): row for row in printed["pictures"]}
        assert list(rows) == [(method, name) for method in ("photograph", "net") for name in "ab"]
        assert rows["photograph", "a"]["ssim"] == pytest.approx(1, abs=1e-5)
        assert rows["net", "b"]["label_ssim"] is None
        written = pd.read_csv("out/results.csv").set_index(["method", "photograph"])["ssim"]
        assert rows["net", "b"]["ssim"] == pytest.approx(written["net", "b"], rel=1e-6)


def test_its_own_pictures_are_no_photographs(command):
    assert command(methods="photograph", output="in") == 0
    assert command(methods="photograph", output="in") == 0
    assert command(methods="photograph", photographs=".", output="out", limit="9") == 0
    assert command(methods="photograph", photographs=".", output="out", limit="9") == 0
    assert set(pd.read_csv("in/results.csv")["photograph"]) == {"a", "b"}
    assert not pd.read_csv("out/results.csv")["photograph"].str.startswith("out/").any()


def test_limit_takes_the_first_photographs(command):
    assert command("--limit=1", methods="photograph") == 0
    assert set(pd.read_csv("out/results.csv")["photograph"]) == {"a"}
    assert command(methods="photograph") == 0
    assert set(pd.read_csv("out/results.csv")["photograph"]) == {"a", "b"}


def test_runtime_is_measured_unless_told_not_to(command, monkeypatch):
    monkeypatch.setattr(costs, "measure", lambda task: Cost(1.5, 800.0, False))
    given = ["--photographs=in", "--styles=one.png", "--methods=net.safetensors", "--output=out", "--size=48"]
    assert guarded(lambda: evaluate.run([*given, "--device=cpu"])) == 0
    assert pd.read_csv("out/runtime.csv")["side"].tolist() == [256, 1024]
    assert "| 1.5 | 1.5 | 800 | 800 |" in Path("out/table.md").read_text()


def test_a_failure_is_exit_code_1(command, capsys):
    Path("in/b.png").write_text("words")
    assert command() == 1
    captured = capsys.readouterr()
    assert "- net, one, b: InputError: in/b.png is not an image" in captured.out
    assert "failed: pictures/net/one/b.png: InputError: in/b.png is not an image" in captured.err
    assert Path("out/pictures/net/one/a.png").is_file()


def test_interrupted_and_taken_up_again(command, capsys, monkeypatch):
    optimize = methods.optimize
    done = []

    def interrupt(*arguments, **options):
        done.append(1)
        if len(done) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return optimize(*arguments, **options)

    monkeypatch.setattr(methods, "optimize", interrupt)
    assert command() == 130
    assert "interrupted with 3 pictures left, repeat the command to go on" in capsys.readouterr().err
    assert "pictures/gatys/one/a.png" in files("out")
    assert "pictures/gatys/one/b.png" not in files("out")
    assert "table.md" in files("out")
    assert command() == 0
    assert len(done) == 3  # the first picture is not made again
    assert len(pd.read_csv("out/results.csv")) == 6


@pytest.fixture
def films(command):
    """Run the command in tmp_path with two films."""
    make_film("a.mp4")
    make_film("b.mp4")

    def run(*options, **named):
        given = {"photographs": None, "films": "a.mp4,b.mp4", "methods": "net.safetensors", "limit": "3"}
        return command("--judge=vgg16", *options, **given | named)

    return run


def test_films_are_measured(films, capsys):
    assert films() == 0
    assert files("out") == ["results.csv", "table.md"]
    captured = capsys.readouterr()
    assert captured.out.strip() == Path("out/table.md").read_text().strip()
    images = ["untouched", "blurred", "net", "net, stabilized"]
    rows = [line.strip("| ").split(" | ")[:3] for line in captured.out.splitlines() if line.startswith(("| a", "| b"))]
    assert rows == [[film, "one", image] for film in "ab" for image in images]
    assert "warping error: root mean square difference" in captured.out
    assert "stabilized: strength 0.8" in captured.out
    assert captured.err.endswith("wrote out\n")


def test_figures_of_films_are_json_for_pipes(films, capsys):
    assert films("--json") == 0
    printed = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert {row["film"] for row in printed["films"]} == {"a", "b"}


def test_a_second_evaluation_in_a_folder_is_told(films, capsys):
    with alone_in(Path("out")):
        assert films() == 2
    assert "another run writes into out" in capsys.readouterr().err


def test_interrupted_films_are_taken_up_again(films, capsys, monkeypatch):
    rate, done = film_evaluation.rate_film, []

    def interrupt(*arguments):
        done.append(1)
        if len(done) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return rate(*arguments)

    monkeypatch.setattr(film_evaluation, "rate_film", interrupt)
    assert films() == 130
    assert "interrupted, repeat the command to go on" in capsys.readouterr().err
    assert set(pd.read_csv("out/results.csv")["film"]) == {"a"}
    assert films() == 0
    assert len(done) == 3


def test_a_film_that_fails_is_named(films, capsys, monkeypatch):
    rate = film_evaluation.rate_film
    errors = iter([InputError("no room"), None])

    def fail(*arguments):
        if error := next(errors):
            raise error
        return rate(*arguments)

    monkeypatch.setattr(film_evaluation, "rate_film", fail)
    assert films() == 1
    captured = capsys.readouterr()
    assert "failed: a, one: no room" in captured.err
    assert "- a, one: no room" in captured.out
    assert set(pd.read_csv("out/results.csv")["film"]) == {"b"}


BAD = {
    "neither": ({"photographs": None}, "give --photographs or --films; see stylenet evaluate --help"),
    "both": ({"films": "in/a.png"}, "--films stands alone: leave out --photographs and --labels"),
    "no film": ({"photographs": None, "films": "in/a.png"}, "in/a.png is no film: it would end with one of .avi, .gif"),
    "no photographs": ({"photographs": "nowhere"}, "no such folder: nowhere"),
    "no style": ({"styles": "on"}, "unknown style 'on'"),
    "no method": ({"methods": "gatis"}, "no method 'gatis': give photograph, gatys, gatys+, or the file of a network"),
    "no network": ({"methods": "one.png"}, "one.png cannot be read safely"),
    "no judge": ({"judge": "squeezenet"}, "unknown backbone 'squeezenet': did you mean 'squeezenet1_1'?"),
    "no labels": ({"labels": "in"}, "cannot read in/manifest.jsonl"),
    "no device": ({"device": "cudda"}, "unknown device 'cudda': did you mean 'cuda'?"),
    "output is a file": ({"output": "one.png"}, "cannot write into one.png: one.png is no folder"),
    "nothing": ({"output": None}, "give --output; see stylenet evaluate --help"),
    "no steps": ({"steps": "0"}, "steps=0: give a whole number from 1"),
    "unknown option": ({"step": "3"}, "unknown option '--step': did you mean '--steps'?"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(command, refused, case):
    options, message = BAD[case]
    refused(lambda: command(**options), message)
