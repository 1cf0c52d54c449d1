import base64
import io
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from stylenet.errors import InputError
from stylenet.images import save_image, write_png
from stylenet.web.limits import Limits
from stylenet.web.pictures import PREVIEW, address, compared, painted, read_picture, small


def huge_png(path, side=60_000):
    """Write the beginning of a PNG of so many pixels a side."""
    chunks = b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0), b"IDAT" + zlib.compress(bytes(1000))
    sealed = [struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in chunks]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(sealed))
    return path


def test_picture_is_read(tmp_path):
    image = torch.rand(1, 3, 30, 40)
    save_image(image, tmp_path / "a.png")
    assert torch.allclose(read_picture(str(tmp_path / "a.png"), Limits()), image, atol=0.5 / 255 + 1e-6)


def test_huge_picture_is_refused_before_it_is_decoded(tmp_path):
    with pytest.raises(InputError, match=r"^huge.png has too many pixels"):
        read_picture(str(huge_png(tmp_path / "huge.png")), Limits())


def test_limit_of_pixels_holds(tmp_path):
    save_image(torch.rand(1, 3, 30, 40), tmp_path / "a.png")
    with pytest.raises(InputError, match="over 1,199"):
        read_picture(str(tmp_path / "a.png"), Limits(pixels=1199))


def test_text_named_jpg_is_refused_by_its_name_alone(tmp_path):
    (tmp_path / "letter.jpg").write_text("Dear reader")
    with pytest.raises(InputError, match=r"^letter.jpg is not an image"):
        read_picture(str(tmp_path / "letter.jpg"), Limits())


@pytest.mark.parametrize(("path", "text"), [(None, "drop a photograph first"), ("gone.png", "drop it again")])
def test_missing_picture_is_asked_for(path, text):
    with pytest.raises(InputError, match=text):
        read_picture(path, Limits())


def test_tiny_picture_is_refused(tmp_path):
    save_image(torch.rand(1, 3, 1, 40), tmp_path / "a.png")
    with pytest.raises(InputError, match="40x1 pixels"):
        read_picture(str(tmp_path / "a.png"), Limits())


def test_only_large_pictures_are_scaled_down():
    assert small(torch.rand(1, 3, 2 * PREVIEW, PREVIEW)).shape[-2:] == (PREVIEW, PREVIEW // 2)
    assert small(torch.rand(1, 3, 30, 40)).shape[-2:] == (30, 40)


def as_address(image):
    file = io.BytesIO()
    write_png(image, file)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def test_painted_mask_is_gray():
    mask = torch.zeros(1, 3, 6, 8)
    mask[..., :4] = 1
    (found,) = painted(as_address(mask))
    assert torch.allclose(found, mask[:, :1])


@pytest.mark.parametrize("mask", [None, "", as_address(torch.zeros(1, 3, 6, 8))])
def test_nothing_painted_is_no_mask(mask):
    assert painted(mask) == ()


@pytest.mark.parametrize("mask", ["data:image/png;base64,#", "data:image/png;base64,AAAA"])
def test_broken_mask_is_refused(mask):
    with pytest.raises(InputError, match="what was painted"):
        painted(mask)


def test_address_holds_the_picture():
    image = torch.zeros(1, 3, 16, 24)
    image[:, 0] = 1
    raw = base64.b64decode(address(image).removeprefix("data:image/jpeg;base64,"))
    decoded = np.asarray(Image.open(io.BytesIO(raw)))
    assert decoded.shape == (16, 24, 3)
    assert np.abs(decoded.astype(int) - (255, 0, 0)).max() <= 3


def test_words_of_a_picture_are_no_html():
    assert '"' not in compared(torch.rand(1, 3, 8, 8), torch.rand(1, 3, 8, 8), 'a "b"')["alt"]
