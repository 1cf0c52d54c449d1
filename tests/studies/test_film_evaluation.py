"""Rows of films: which there are, what is kept of an earlier run."""

from pathlib import Path

import pandas as pd
import pytest
import torch
from films import make_film

from stylenet.errors import InputError
from stylenet.studies import film_evaluation
from stylenet.studies.film_evaluation import FilmEvaluation, film_table, find_films
from stylenet.studies.methods import Stopped, find_methods
from stylenet.studies.pictures import find_styles
from stylenet.studies.runtime import Cost


@pytest.fixture
def make(place):
    """Make an evaluation of two films and two paintings; the network knows one of them."""
    make_film("a.mp4")
    make_film("b.mkv", times=(0, 40, 80))
    styles, cpu = find_styles(["one.png", "two.png"]), torch.device("cpu")

    def evaluation(size=32, **options):
        methods = find_methods(["net.safetensors"], list(styles), 2, cpu)
        options = {"judge": "vgg16", "memory": False, "frames": 3} | options
        return FilmEvaluation(methods, find_films(["a.mp4", "b.mkv"]), styles, Path("out"), size, cpu, **options)

    return evaluation


def fill(evaluation, tick=lambda: False):
    for cell in evaluation.cells:
        evaluation.fill(*cell, tick)
    return evaluation.rows


def test_each_film_has_rows_of_the_untouched_and_of_what_each_method_makes(make):
    rows = fill(make())
    images = ["untouched", "blurred", "net", "net, stabilized"]
    expected = [(film, "one", image) for film in "ab" for image in images]
    expected += [(film, "two", image) for film in "ab" for image in images[:2]]
    assert [(row["film"], row["style"], row["image"]) for row in rows] == expected
    table = film_table(rows)
    assert table["frames/s"].notna().sum() == 4
    assert "long-range" not in table  # three frames have none
    assert pd.read_csv("out/results.csv")["warping_error"].notna().all()


def test_without_strength_nothing_is_stabilized(make):
    assert {row["image"] for row in fill(make(strength=0.0))} == {"untouched", "blurred", "net"}


def test_what_is_finished_is_not_painted_again(make, monkeypatch):
    first = fill(make())
    monkeypatch.setattr(film_evaluation, "rate_film", lambda *_: pytest.fail("painted again"))
    again = make()
    assert all(again.finished(*cell) for cell in again.cells)
    assert [row["key"] for row in fill(again)] == [row["key"] for row in first]
    assert not make(strength=0.5).finished("a", "one")
    assert not make(size=33).finished("a", "one")


def test_a_film_that_is_stopped_has_no_rows(make):
    calls = iter([False, False, False, False, True])
    evaluation = make()
    with pytest.raises(Stopped):
        fill(evaluation, lambda: next(calls))
    assert {row["film"] for row in evaluation.rows} == {"a"}


def test_frames_are_counted(make):
    assert make(frames=None).count("a") == 10
    assert make(frames=4).count("a") == 4


def test_memory_is_that_of_a_square_of_as_many_pixels(make, monkeypatch):
    tasks = []
    monkeypatch.setattr(film_evaluation, "measure", lambda task: tasks.append(task) or Cost(1.0, 700.0, False))
    rows = fill(make(memory=True))
    assert [task.side for task in tasks] == [28, 28]  # 24x32 pixels
    assert {row["image"]: row["memory_mb"] for row in rows[:4]}["net"] == 700


def test_bad_films(place):
    make_film("a.mp4")
    Path("sub").mkdir()
    make_film("sub/a.mp4")
    Path("words.mp4").write_text("words")
    for films, message in (
        (["none.mp4"], "cannot read none.mp4"),
        (["words.mp4"], "words.mp4 is no film that can be read"),
        (["a.mp4", "sub/a.mp4"], "two films have one name: rename one"),
    ):
        with pytest.raises(InputError, match=message):
            find_films(films)
