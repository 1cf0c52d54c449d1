import pytest

pytest.importorskip("gradio", reason="the page needs gradio: pip install -e '.[web]'")

from stylenet.web.components import problem, saying, upload


@pytest.mark.parametrize("show", [saying, problem])
def test_names_of_files_are_no_html(show):
    assert "<b>" not in show("<b>.jpg is broken")


def test_bar_is_there_only_with_a_total():
    assert 'value="1" max="4"' in saying("working", 1, 4)
    assert "progress" not in saying("done")


def test_upload_hands_on_the_file_unopened():
    from gradio.data_classes import FileData

    sent = FileData(path="/no/such/letter.jpg")
    assert upload("Photograph").preprocess(sent) == "/no/such/letter.jpg"
    assert upload("Photograph").preprocess(None) is None
