"""What a tab's long work changes on the page."""

from types import SimpleNamespace

import pytest


def test_every_step_shows_the_button_that_stops_it(tmp_path):
    gr = pytest.importorskip("gradio", reason="the page needs gradio: pip install -e '.[web]'")
    from stylenet.web.jobs import JobQueue
    from stylenet.web.limits import Limits
    from stylenet.web.sessions import Session
    from stylenet.web.work import Work

    session = Session(tmp_path, Limits())
    with gr.Blocks():
        work = Work(SimpleNamespace(visitor=lambda request: session, queue=JobQueue(1)), "tab", "Start")
    *steps, last = work.run(None, lambda session, job: job.tell(1, 2))
    assert [step[work.stop]["visible"] for step in [*steps, last]] == [True] * len(steps) + [False]
    assert [step[work.start]["interactive"] for step in [*steps, last]] == [False] * len(steps) + [True]
    assert "Finished" in last[work.status]
