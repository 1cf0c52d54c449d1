"""What long work says where there is no terminal."""

import time

import pytest

from stylenet.console import Bar


def test_a_line_now_and_then_says_how_much_is_done_and_how_long_the_rest_takes(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    clock = [100.0]
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    with Bar("step") as bar:
        for done in range(1, 5):
            clock[0] += 20
            bar.move(done, 100, "style 0.5", line=done == 1)
    assert capsys.readouterr().err.splitlines() == [
        "step 1/100 style 0.5 33 min left",
        "step 3/100 style 0.5 32 min left",
    ]


def test_a_short_rest_is_told_in_seconds(capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch):
    clock = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    with Bar("rank 1: pair", shown=False) as bar:
        clock[0] = 31
        bar.move(1, 3)
    assert capsys.readouterr().err == "rank 1: pair 1/3 62 s left\n"
