import signal
import time

import pytest
import torch
from safetensors.torch import load_file

pytest.importorskip("gradio", reason="the page needs gradio: pip install -e '.[web]'")

from browsing import PAINTING, PANEL, downloaded, drop, open_tab, photograph, said

from stylenet.errors import InputError
from stylenet.images import save_image
from stylenet.networks.checkpoint import load_network
from stylenet.web import learn
from stylenet.web.jobs import Job
from stylenet.web.learn import Training
from stylenet.web.limits import Limits
from stylenet.web.sessions import Session

STEPS = 60
SHORT = ["recipe=minutes", f"trainer.max_steps={STEPS}", "trainer.val_check_interval=30", "model.init_from=null"]
SHORT += ["checkpoint.every_n_train_steps=10", "model.width=4", "data.size=32", "model.style_size=32"]


@pytest.fixture
def session(tmp_path):
    return Session(tmp_path, Limits())


@pytest.fixture
def painting(tmp_path):
    save_image(torch.rand(1, 3, 64, 64), tmp_path / "quilt.png")
    return str(tmp_path / "quilt.png")


@pytest.mark.parametrize(
    ("typed", "name"),
    [("My  Quilt!", "my_quilt"), ("", "my_style"), ("../../etc", "etc"), ("the scream", "the_scream_2")],
)
def test_name_is_made_plain_and_its_own(typed, name):
    assert learn._plain(typed, ["the_scream"]) == name


def test_without_a_painting_there_is_nothing_to_learn(session):
    with pytest.raises(InputError, match="drop a painting first"):
        Training(session, "quilt", None)


@pytest.mark.slow
def test_training_that_refuses_says_why(session, painting, monkeypatch):
    monkeypatch.setattr(learn, "RECIPE", ["recipe=minuets"])
    with pytest.raises(InputError, match="did you mean 'minutes'"):
        Training(session, "quilt", painting).run(Job(keeps=True))


class Watched(Job):
    """A job that does something once, when it hears of the first step.

    Args:
        act: What, given the job.
    """

    def __init__(self, act):
        super().__init__(keeps=True)
        self.acts, self.told = [act], []

    def tell(self, done, total, **shown):
        while self.acts:
            self.acts.pop()(self)
        self.told.append(done)
        return super().tell(done, total, **shown)


def learnt(session, training):
    """Return the weights of what was learnt, and the style's name."""
    assert training.code == 0
    path = training.keep(session)
    return load_file(path), load_network(path)[1]["style"]


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_stopped_training_goes_on_to_the_same_network(session, painting, monkeypatch):
    monkeypatch.setattr(learn, "RECIPE", SHORT)
    monkeypatch.setattr(learn, "SECONDS", 0)
    whole, stopped = Training(session, "quilt", painting), Training(session, "stopped", painting)
    watched = Watched(lambda job: None)
    whole.run(watched)
    assert watched.told == list(range(1, STEPS + 1))
    stopped.run(Watched(Job.stop))
    assert stopped.code == 128 + signal.SIGTERM
    job = Job(keeps=True)
    stopped.run(job)
    assert job.step.done == STEPS
    (expected, name), (found, other) = learnt(session, whole), learnt(session, stopped)
    assert (name, other) == ("quilt", "stopped")
    assert all(torch.equal(found[key], expected[key]) for key in expected)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_killed_training_says_so_and_can_go_on(session, painting, monkeypatch):
    monkeypatch.setattr(learn, "RECIPE", SHORT)
    training = Training(session, "quilt", painting)

    def kill(job):
        while not training.last:
            time.sleep(0.01)
        job.child.kill()

    with pytest.raises(InputError, match="something else on this machine ended the training"):
        training.run(Watched(kill))
    job = Job(keeps=True)
    training.run(job)
    assert (training.code, job.step.done) == (0, STEPS)


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_learning_is_stopped_and_gone_on_with_by_clicks(visit, tmp_path, monkeypatch):
    monkeypatch.setattr(learn, "RECIPE", SHORT)
    monkeypatch.setattr(learn, "SECONDS", 0)
    page = visit()
    page.set_default_timeout(400_000)
    page.get_by_text("Or a painting of yours").click()
    drop(page, photograph(tmp_path / "quilt.png"), place=PAINTING)
    open_tab(page, "Learn")
    page.get_by_label("Name of the style").fill("quilt")
    page.get_by_role("button", name="Learn it").click()
    page.locator(f"{PANEL} img[alt^='Photographs after']").wait_for()
    page.get_by_role("button", name="Stop", exact=True).click()
    said(page, "Stopped")
    page.get_by_role("button", name="Go on where it stopped").click()
    said(page, "Learnt, and chosen as the style")
    assert page.get_by_label("Quilt").is_checked()
    assert not page.get_by_role("button", name="Go on where it stopped").is_visible()
    assert load_network(downloaded(page, "Download the network", tmp_path / "quilt.safetensors"))[1]["style"] == "quilt"
