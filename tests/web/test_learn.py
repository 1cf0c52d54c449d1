import pytest
import torch

pytest.importorskip("gradio", reason="the page needs gradio: pip install -e '.[web]'")

from stylenet.errors import InputError
from stylenet.images import save_image
from stylenet.networks.checkpoint import load_network
from stylenet.web import learn
from stylenet.web.jobs import Job
from stylenet.web.learn import Training
from stylenet.web.limits import Limits
from stylenet.web.sessions import Session


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
        Training(session, "quilt", None, resume=False)


@pytest.mark.slow
def test_training_that_refuses_says_why(session, painting, monkeypatch):
    monkeypatch.setattr(learn, "RECIPE", ["recipe=minuets"])
    with pytest.raises(InputError, match="did you mean 'minutes'"):
        Training(session, "quilt", painting, resume=False).run(Job(keeps=True))


@pytest.mark.slow
def test_style_is_learnt_into_a_network_that_infer_takes(session, painting, monkeypatch):
    short = ["trainer.max_steps=2", "trainer.val_check_interval=1", "model.width=4", "model.init_from=null"]
    monkeypatch.setattr(learn, "RECIPE", ["recipe=minutes", *short, "data.size=32", "model.style_size=32"])
    training, job = Training(session, "quilt", painting, resume=False), Job(keeps=True)
    training.run(job)
    assert training.code == 0
    assert job.step.done == 2
    assert load_network(training.keep(session))[1]["style"] == "quilt"
