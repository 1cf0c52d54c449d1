import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image

pytest.importorskip("gradio", reason="the page needs gradio: pip install -e '.[web]'")

from stylenet.web.parts import address, compared, problem, saying, upload


def test_address_holds_the_picture():
    image = torch.zeros(1, 3, 16, 24)
    image[:, 0] = 1
    raw = base64.b64decode(address(image).removeprefix("data:image/jpeg;base64,"))
    decoded = np.asarray(Image.open(io.BytesIO(raw)))
    assert decoded.shape == (16, 24, 3)
    assert np.abs(decoded.astype(int) - (255, 0, 0)).max() <= 3


@pytest.mark.parametrize("show", [saying, problem])
def test_names_of_files_are_no_html(show):
    assert "<b>" not in show("<b>.jpg is broken")


def test_words_of_a_picture_are_no_html():
    assert '"' not in compared(torch.rand(1, 3, 8, 8), torch.rand(1, 3, 8, 8), 'a "b"')["alt"]


def test_bar_is_there_only_with_a_total():
    assert 'value="1" max="4"' in saying("working", 1, 4)
    assert "progress" not in saying("done")


def test_upload_hands_on_the_file_unopened():
    from gradio.data_classes import FileData

    sent = FileData(path="/no/such/letter.jpg")
    assert upload("Photograph").preprocess(sent) == "/no/such/letter.jpg"
    assert upload("Photograph").preprocess(None) is None
