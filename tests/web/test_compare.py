import pytest
import torch

pytest.importorskip("gradio", reason="the page needs gradio: pip install -e '.[web]'")

from stylenet.errors import InputError
from stylenet.images import load_image, save_image
from stylenet.web.compare import _evaluation, _filled, _knowing, called, table
from stylenet.web.jobs import Job
from stylenet.web.limits import Limits
from stylenet.web.networks import Choice
from stylenet.web.sessions import Session


def row(**values):
    figures = dict.fromkeys(["ssim", "gram_difference", "content_distance", "seconds"])
    return {"method": "multistyle", "picture": None, "error": None, **figures, **values}


def test_ways_that_never_learnt_the_style_are_left_out():
    methods = _knowing(["great_wave", "multistyle", "adain"], "the_scream")
    assert [method.name for method in methods] == ["photograph", "multistyle", "adain"]


@pytest.mark.parametrize("ways", [[], ["great_wave"]])
def test_no_way_that_knows_the_style_is_refused(ways):
    with pytest.raises(InputError, match="choose ways to paint that know this style"):
        _knowing(ways, "the_scream")


def test_photograph_is_read_once(tmp_path):
    save_image(torch.rand(1, 3, 96, 64), tmp_path / "photo.png")
    choice = Choice(str(tmp_path / "photo.png"), None, "great_wave")
    evaluation = _evaluation(Session(tmp_path, Limits()), choice, ["great_wave"], 48)
    (tmp_path / "photo.png").unlink()
    _filled(Job(), evaluation)
    assert [row["error"] for row in evaluation.rows] == [None, None]
    assert load_image(evaluation.photographs["photograph"]).shape[-2:] == (48, 32)


def test_table_shows_picture_and_figures_that_there_are(tmp_path):
    save_image(torch.rand(1, 3, 16, 16), tmp_path / "a.png")
    shown = table([row(picture="a.png", ssim=0.456)], tmp_path)
    assert 'alt="Network of ten styles"' in shown
    assert "<dd>0.46</dd>" in shown
    assert shown.count("<dd>") == 1


def test_table_tells_what_went_wrong_without_html(tmp_path):
    assert "&lt;b&gt;" in table([row(error="InputError: <b>")], tmp_path)


def test_network_of_one_style_is_called_by_it():
    assert called("great_wave") == "Network of Great wave alone"
