import subprocess
import sys
from types import SimpleNamespace

import pytest

pytest.importorskip("gradio", reason="the page needs gradio: pip install -e '.[web]'")

from stylenet.web.jobs import Job
from stylenet.web.limits import Limits
from stylenet.web.sessions import Sessions


def visitor(name):
    return SimpleNamespace(session_hash=name)


@pytest.fixture
def sessions(tmp_path):
    return Sessions(tmp_path, Limits())


@pytest.fixture
def upload(tmp_path):
    path = tmp_path / "photo.png"
    path.touch()
    return path


def test_each_visitor_has_a_folder_that_goes_with_them(sessions):
    one, other = sessions.of(visitor("one")), sessions.of(visitor("other"))
    one.new_file("a.png").touch()
    assert sessions.of(visitor("one")) is one
    assert one.folder != other.folder
    sessions.close(visitor("one"))
    assert not one.folder.exists()
    assert other.folder.exists()


def test_files_of_one_name_do_not_meet(sessions):
    session = sessions.of(visitor("one"))
    assert session.new_file("a.png") != session.new_file("a.png")


def test_upload_goes_when_another_takes_its_place(sessions, upload):
    session = sessions.of(visitor("one"))
    sessions.keep(session, "photograph", str(upload))
    sessions.keep(session, "photograph", str(upload))
    assert upload.exists()
    sessions.keep(session, "photograph")
    assert not upload.exists()


def test_upload_of_two_visitors_stays_until_both_have_left(sessions, upload):
    for name in ("one", "other"):
        sessions.keep(sessions.of(visitor(name)), "photograph", str(upload))
    sessions.close(visitor("one"))
    assert upload.exists()
    sessions.close(visitor("other"))
    assert not upload.exists()


def test_new_job_of_a_tab_stops_the_one_before(sessions):
    session = sessions.of(visitor("one"))
    first, other = session.start("a", Job()), session.start("b", Job())
    session.start("a", Job())
    assert first.stopped.is_set()
    assert not other.stopped.is_set()


def test_leaving_stops_jobs_and_kills_their_processes(sessions):
    session = sessions.of(visitor("one"))
    job = session.start("a", Job())
    job.child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], text=True)
    sessions.close_all()
    assert job.stopped.is_set()
    assert job.child.wait(10) != 0


def test_only_the_last_request_is_the_newest(sessions):
    session, other = sessions.of(visitor("one")), sessions.of(visitor("other"))
    first, second = session.request(), session.request()
    other.request()
    assert (first(), second()) == (False, True)


def test_choice_follows_the_order_of_the_controls(sessions):
    session = sessions.of(visitor("one"))
    choice = session.choice("photo.jpg", None, "tahiti", None, "", 0.5, 0.8, 2, "coral")
    assert (choice.photograph, choice.style, choice.second) == ("photo.jpg", "tahiti", None)
    assert choice.free == {"shares": (), "alpha": 0.8, "masks": (), "preserve_color": "coral", "stroke_scale": 2}
