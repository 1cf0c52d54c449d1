import io
import os
import struct
import sys
import zlib

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image, ImageOps

from stylenet.errors import InputError
from stylenet.images import SUFFIXES, decode, list_images, load_image, resize, save_image, to_uint8, written_beside


def picture(height=24, width=32, mode="RGB"):
    """A smooth picture with some noise, as photographs are."""
    small = np.random.default_rng(0).integers(0, 256, (5, 6, 3)).astype(np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC).convert(mode)


def encoded(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def as_tensor(image):
    return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)[None].float() / 255


def png(width, height, depth, color, rows=b""):
    """A PNG written by hand."""
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows, 9)),
    ]
    body = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in [*chunks, (b"IEND", b"")]
    )
    return b"\x89PNG\r\n\x1a\n" + body


def close(actual, expected, tolerance):
    assert actual.shape == expected.shape
    assert actual.dtype == torch.float32
    assert (actual - expected).abs().max() <= tolerance + 1e-6


P3 = np.array([[0.51512, 0.29198, 0.15710], [0.24120, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]])
"""From linear Display P3 to XYZ of D50, a primary a column: SMPTE EG 432-1, adapted by Bradford's matrix."""
SRGB = np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])
"""The same of sRGB, IEC 61966-2-1."""


def profile(primaries, gamma):
    """A color profile of ICC's version 2: three primaries and one curve."""

    def xyz(numbers):
        return b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(65536 * number)) for number in numbers)

    curve = b"curv\0\0\0\0" + struct.pack(">IHxx", 1, round(256 * gamma))
    text = b"desc\0\0\0\0" + struct.pack(">I", 8) + b"Phone P3" + bytes(80)
    tags = {b"desc": text, b"wtpt": xyz((0.9642, 1, 0.8249))}
    tags |= {name + b"XYZ": xyz(column) for name, column in zip((b"r", b"g", b"b"), primaries.T, strict=True)}
    tags |= {name + b"TRC": curve for name in (b"r", b"g", b"b")}
    table, body = struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        table += struct.pack(">4sII", name, 128 + 4 + 12 * len(tags) + len(body), len(data))
        body += data
    head = bytes(4) + struct.pack(">I4s4s4s", 0x02100000, b"mntr", b"RGB ", b"XYZ ") + bytes(12) + b"acsp" + bytes(28)
    head += struct.pack(">iii", 63190, 65536, 54061) + bytes(48)
    return struct.pack(">I", 128 + len(table) + len(body)) + head + table + body


def test_jpeg_has_the_same_pixels_before_torchvision_is_loaded(monkeypatch):
    raw = encoded(picture(41, 53), "JPEG", quality=80)
    expected = torchvision.io.decode_image(torch.frombuffer(bytearray(raw), dtype=torch.uint8))
    assert torch.equal(decode(raw, "a.jpg"), expected[None] / 255)
    monkeypatch.delitem(sys.modules, "torchvision")
    assert torch.equal(decode(raw, "a.jpg"), expected[None] / 255)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_colors_of_a_profile_become_those_of_srgb(kind, mode):
    if (kind, mode) == ("JPEG", "RGBA"):
        pytest.skip("JPEG has no alpha")
    image = Image.fromarray((60 + 0.5 * np.asarray(picture())).astype(np.uint8)).convert(mode)
    options = {"quality": 100, "subsampling": 0} if kind == "JPEG" else {}
    linear = (np.asarray(image.convert("RGB")) / 255) ** 2.2 @ (np.linalg.inv(SRGB) @ P3).T
    expected = np.where(linear > 0.0031308, 1.055 * linear.clip(0) ** (1 / 2.4) - 0.055, 12.92 * linear).clip(0, 1)
    actual = decode(encoded(image, kind, icc_profile=profile(P3, 2.2), **options), "phone")
    close(actual, torch.from_numpy(expected).permute(2, 0, 1)[None].float(), (8 if kind == "JPEG" else 2) / 255)
    assert (actual - as_tensor(image)).abs().max() > 10 / 255  # P3's colors are stronger


@pytest.mark.parametrize("mode", ["L", "CMYK", "P"])
def test_a_profile_of_other_colors_than_the_images_is_left_out(mode):
    image = picture(mode=mode)
    kind = "TIFF" if mode == "CMYK" else "PNG"
    expected = decode(encoded(image, kind), "plain")
    if mode == "P":  # its colors are of three channels, as the profile's
        assert decode(encoded(image, kind, icc_profile=profile(P3, 2.2)), "phone").shape == expected.shape
    else:
        close(decode(encoded(image, kind, icc_profile=profile(P3, 2.2)), "phone"), expected, 0)


def test_a_broken_profile_does_no_harm():
    image = picture()
    close(decode(encoded(image, "PNG", icc_profile=b"nonsense"), "odd"), as_tensor(image), 0)


def test_heic_of_a_phone():
    heif = pytest.importorskip("pillow_heif", reason="the extra heic")
    image = picture()
    buffer = io.BytesIO()
    heif.from_pillow(image).save(buffer, quality=95)
    close(decode(buffer.getvalue(), "phone.heic"), as_tensor(image), 40 / 255)


def test_heic_without_its_reader_names_the_mend(monkeypatch):
    monkeypatch.setattr(Image, "ID", [name for name in Image.ID if name != "HEIF"])
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    raw = struct.pack(">I", 24) + b"ftypheic" + bytes(12)
    with pytest.raises(InputError, match="it is HEIC; install pillow-heif"):
        decode(raw, "phone.heic")


def test_a_tiff_that_pillow_does_not_read_names_the_mend():
    entries = [(256, 4, 2), (257, 4, 1), (258, 3, 32), (259, 3, 1), (262, 3, 2), (277, 3, 3), (339, 3, 3)]
    table = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    raw = b"II*\0" + struct.pack("<IH", 8, len(entries)) + table + bytes(40)
    with pytest.raises(InputError, match="it is a TIFF of an unusual kind; save it with 8 or 16 bits a channel"):
        decode(raw, "float.tif")


def test_what_is_no_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(InputError, match="pipe.jpg: it is no file"):
        load_image(tmp_path / "pipe.jpg")


def test_a_file_too_large_for_any_image_is_not_read(tmp_path):
    with (tmp_path / "sparse.jpg").open("wb") as file:
        file.truncate(2 << 30)
    with pytest.raises(InputError, match="sparse.jpg: it is larger than any image"):
        load_image(tmp_path / "sparse.jpg")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_exif_orientation_is_honoured(orientation, mode):
    exif = Image.Exif()
    exif[0x0112] = orientation
    raw = encoded(picture(mode=mode), "JPEG", quality=95, exif=exif)
    close(decode(raw, "x"), as_tensor(ImageOps.exif_transpose(Image.open(io.BytesIO(raw)))), 2 / 255)


@pytest.mark.parametrize(
    "options", [{"quality": 95}, {"quality": 40, "subsampling": 2}, {"progressive": True}, {"subsampling": 0}]
)
def test_jpeg_equals_pillows(options):
    raw = encoded(picture(41, 53), "JPEG", **options)
    close(decode(raw, "x"), as_tensor(Image.open(io.BytesIO(raw))), 2 / 255)


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_jpeg_of_other_colors(mode):
    raw = encoded(picture(mode=mode), "JPEG", quality=95)
    close(decode(raw, "x"), as_tensor(Image.open(io.BytesIO(raw))), 0)
    close(decode(raw, "x"), as_tensor(picture(mode=mode)), 12 / 255)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM"])
def test_lossless_formats(kind):
    close(decode(encoded(picture(), kind), "x"), as_tensor(picture()), 0)


def test_webp():
    close(decode(encoded(picture(), "WEBP", lossless=True), "x"), as_tensor(picture()), 0)


@pytest.mark.parametrize("brightest", [3, 200, 300, 65535])
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_gray_is_scaled_by_its_depth(brightest, kind):
    values = np.linspace(0, brightest, 24 * 32).reshape(24, 32).astype(np.uint16)
    expected = torch.from_numpy(values.astype(np.float32) / 65535).expand(1, 3, -1, -1)
    close(decode(encoded(Image.fromarray(values), kind), "x"), expected, 0.5 / 255)


def test_16_bit_gray_as_older_pillow_opens_it(monkeypatch):
    """Pillow 10.3 gives mode I for a 16-bit PNG, without a word on its depth."""
    values = np.full((4, 4), 100, np.uint16)
    raw, real = encoded(Image.fromarray(values), "PNG"), Image.open

    def older(file):
        opened = real(file)
        converted = Image.fromarray(np.asarray(opened).astype(np.int32))
        converted.format = opened.format
        return converted

    monkeypatch.setattr(Image, "open", older)
    close(decode(raw, "x"), torch.full((1, 3, 4, 4), 0.0), 1 / 255)


@pytest.mark.parametrize("white", [1.0, 255.0, 65535.0])
def test_float_gray(white):
    values = np.linspace(0, white, 64, dtype=np.float32).reshape(8, 8)
    expected = torch.from_numpy(values / white).expand(1, 3, -1, -1)
    close(decode(encoded(Image.fromarray(values), "TIFF"), "x"), expected, 0.5 / 255)


@pytest.mark.parametrize("top", [40, 65535])
def test_16_bit_rgb(top):
    values = np.random.default_rng(0).integers(0, top, (6, 5, 3)).astype(">u2")
    raw = png(5, 6, 16, 2, b"".join(b"\0" + row.tobytes() for row in values))
    expected = torch.from_numpy(values.astype(np.float32) / 65535).permute(2, 0, 1)[None]
    close(decode(raw, "x"), expected, 1 / 255)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_alpha_is_laid_over_white(mode, kind):
    image = picture(mode="L").convert(mode) if mode == "LA" else picture(mode=mode)
    alpha = np.linspace(0, 255, 24 * 32).reshape(24, 32).astype(np.uint8)
    image.putalpha(Image.fromarray(alpha))
    opaque = as_tensor(image.convert("RGBA").convert("RGB"))
    weight = torch.from_numpy(alpha) / 255
    close(decode(encoded(image, kind), "x"), opaque * weight + 1 - weight, 1 / 255)


def test_transparent_colors_become_white():
    image = Image.fromarray(np.arange(16, dtype=np.uint8).reshape(4, 4), "L").convert("P")
    image.putpalette([0, 128, 255] * 256)
    for transparency in (3, bytes([255, 255, 255, 0])):
        pixels = decode(encoded(image, "PNG", transparency=transparency), "x")
        expected = torch.tensor([0, 128, 255])[None, :, None, None].expand(1, 3, 4, 4) / 255
        expected = expected.clone()
        expected[..., 0, 3] = 1
        close(pixels, expected, 0)
    color = picture().getpixel((5, 5))
    assert torch.equal(decode(encoded(picture(), "PNG", transparency=color), "x")[0, :, 5, 5], torch.ones(3))


def test_1_bit():
    image = Image.fromarray(np.eye(9, dtype=bool))
    close(decode(encoded(image, "PNG"), "x"), torch.eye(9).expand(1, 3, 9, 9), 0)


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
def test_first_frame_of_an_animation(kind):
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    raw = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    close(decode(raw, "x"), as_tensor(frames[0]), 3 / 255)


def jpeg_with_thumbnail():
    thumbnail = encoded(picture(12, 16), "JPEG")
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0" + thumbnail
    return encoded(picture(120, 160), "JPEG", quality=90, exif=exif)


def test_truncated_jpeg_is_refused():
    raw = encoded(picture(), "JPEG")
    for cut in (2, 10, len(raw) // 3, len(raw) // 2, len(raw) - 40, len(raw) - 2):
        with pytest.raises(InputError, match="photo"):
            decode(raw[:cut], "photo")


def test_truncated_jpeg_with_a_whole_thumbnail_is_refused():
    raw = jpeg_with_thumbnail()
    decode(raw, "photo")
    cut = raw[: int(len(raw) * 0.8)]
    assert b"\xff\xd9" in cut
    with pytest.raises(InputError, match="photo is broken.*truncated"):
        decode(cut, "photo")


@pytest.mark.parametrize("rest", [b"\0" * 100_000, b"\xff\xd8garbage", bytes(range(256)) * 40])
def test_bytes_after_the_end_of_a_jpeg_do_no_harm(rest):
    raw = encoded(picture(), "JPEG")
    assert torch.equal(decode(raw + rest, "x"), decode(raw, "x"))


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF", "TIFF", "BMP"])
def test_other_truncated_images_are_refused(kind):
    raw = encoded(picture(), kind)
    with pytest.raises(InputError, match="photo"):
        decode(raw[: len(raw) * 2 // 3], "photo")


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "0 bytes"),
        (b"just some words", "not an image"),
        (b"P6 4x 4 255 ", "broken"),
        (b"\xff\xd8", "not an image"),
    ],
)
def test_no_image(raw, message):
    with pytest.raises(InputError, match=message) as caught:
        decode(raw, "photo.jpg")
    assert "photo.jpg" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_huge_image_is_refused_by_its_header(tmp_path):
    path = tmp_path / "bomb.png"
    path.write_bytes(png(60_000, 60_000, 8, 2, b"\0" * 10_000_000))
    assert path.stat().st_size < 20_000
    with pytest.raises(InputError, match="bomb.png has too many pixels, over 178,956,970: scale it down"):
        load_image(path)
    with pytest.raises(InputError, match="over 100"):
        decode(encoded(picture(), "PNG"), "x", max_pixels=100)


@pytest.mark.parametrize("name", ["missing.jpg", "."])
def test_unreadable(tmp_path, name):
    with pytest.raises(InputError, match="cannot read"):
        load_image(tmp_path / name)


@pytest.mark.parametrize("suffix", sorted(SUFFIXES))
@pytest.mark.parametrize("size", [(1, 1), (24, 31)])
def test_every_suffix_saves_and_loads(tmp_path, suffix, size):
    image = as_tensor(picture(*size))
    save_image(image, tmp_path / f"new/out{suffix.upper()}")
    loaded = load_image(tmp_path / f"new/out{suffix.upper()}")
    lossy = suffix in (".jpg", ".jpeg", ".webp", ".gif")
    close(loaded, image, 1 if lossy else 0)
    assert (loaded - image).abs().mean() < 0.06
    assert len(list((tmp_path / "new").iterdir())) == 1


def test_saving_rounds_and_clamps(tmp_path):
    values = torch.tensor([-0.5, 0.4 / 255, 0.6 / 255, 2.0])
    assert to_uint8(values).tolist() == [0, 0, 1, 255]


@pytest.mark.parametrize(
    ("name", "message"), [("out.xyz", "use one of"), ("out", "use one of"), ("file/out.png", "cannot write")]
)
def test_unwritable(tmp_path, name, message):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=message):
        save_image(torch.zeros(1, 3, 4, 4), tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(("suffix", "width"), [(".webp", 16_400), (".gif", 65_600), (".jpg", 65_600)])
def test_too_wide_for_its_format(tmp_path, suffix, width):
    with pytest.raises(InputError, match="cannot write"):
        save_image(torch.zeros(1, 3, 1, width), tmp_path / f"out{suffix}")
    assert not list(tmp_path.iterdir())


def test_what_fails_halfway_leaves_the_old_file(tmp_path):
    (tmp_path / "out").write_text("old")

    def fail():
        with written_beside(tmp_path / "out") as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


def test_list_images(tmp_path):
    for name in ("b.JPG", "a/c.png", "notes.txt", "d.jpg/e.webp"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    found = [str(path.relative_to(tmp_path)) for path in list_images(tmp_path)]
    assert found == ["a/c.png", "b.JPG", "d.jpg/e.webp"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no images"):
        list_images(tmp_path / "empty")
    with pytest.raises(InputError, match="no such folder"):
        list_images(tmp_path / "nowhere")
    (tmp_path / "photo.jpg").touch()
    with pytest.raises(InputError, match="photo.jpg is a file: give the folder it lies in"):
        list_images(tmp_path / "photo.jpg")


@pytest.mark.parametrize(
    ("shape", "size", "side", "expected"),
    [
        ((30, 40), 15, "short", (15, 20)),
        ((30, 40), 20, "long", (15, 20)),
        ((1000, 1), 10, "long", (10, 1)),
        ((3, 4), 8, "long", (6, 8)),
    ],
)
def test_resize(shape, size, side, expected):
    scaled = resize(torch.rand(1, 3, *shape), size, side=side)
    assert scaled.shape[-2:] == expected
    assert 0 <= scaled.min() <= scaled.max() <= 1
