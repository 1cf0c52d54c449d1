"""Films, read back with PyAV."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from stylenet.errors import InputError
from stylenet.film.timelapse import Film

av = pytest.importorskip("av")


def colors(count: int, height: int, width: int) -> torch.Tensor:
    """Images of one color each, (count, 3, height, width)."""
    generator = torch.Generator().manual_seed(0)
    return torch.rand(count, 3, 1, 1, generator=generator).expand(-1, -1, height, width)


def read(path: Path) -> torch.Tensor:
    """The frames of a film, (N, 3, H, W) in [0, 1], by the formula of BT.709: older PyAV would take BT.601's."""
    with av.open(str(path)) as container:
        return torch.stack([torch.from_numpy(rgb(frame)) for frame in container.decode(video=0)]).float()


def rgb(frame: "av.VideoFrame") -> np.ndarray:
    assert (frame.colorspace, frame.color_range) == (1, 1)  # BT.709, 16 to 235
    height, width = frame.height, frame.width
    luma, *chroma = np.split(frame.to_ndarray().reshape(-1), [height * width, height * width * 5 // 4])
    y = (luma.reshape(height, width) - 16.0) / 219
    halves = (values.reshape(height // 2, width // 2).repeat(2, 0).repeat(2, 1) for values in chroma)
    cb, cr = ((half - 128.0) / 224 for half in halves)
    red, blue = y + 2 * (1 - 0.2126) * cr, y + 2 * (1 - 0.0722) * cb
    return np.stack([red, (y - 0.2126 * red - 0.0722 * blue) / 0.7152, blue])


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".MP4"])
def test_a_film_has_the_frames_the_size_the_rate_and_the_colors_given(tmp_path: Path, suffix: str):
    images = colors(7, 48, 64)
    with Film(tmp_path / f"film{suffix}", fps=12) as film:
        for image in images:
            film.add(image)
    frames = read(tmp_path / f"film{suffix}")
    assert frames.shape == images.shape
    assert (frames - images).abs().max() < 4 / 255
    with av.open(str(tmp_path / f"film{suffix}")) as container:
        video = container.streams.video[0]
        assert (video.codec_context.name, video.pix_fmt, float(video.average_rate)) == ("h264", "yuv420p", 12)
    assert [path.name for path in tmp_path.iterdir()] == [f"film{suffix}"]


def test_a_batch_of_one_is_an_image_and_an_image_may_stay(tmp_path: Path):
    first, last = colors(2, 16, 16)
    with Film(tmp_path / "film.mp4") as film:
        film.add(first[None])
        film.add(last, times=5)
    frames = read(tmp_path / "film.mp4")
    assert len(frames) == 6
    assert (frames[0] - first).abs().max() < 3 / 255
    assert (frames[1:] - last).abs().max() < 3 / 255


@pytest.mark.parametrize(("height", "width"), [(33, 50), (32, 51), (1, 1)])
def test_odd_sizes_repeat_their_edge(tmp_path: Path, height: int, width: int):
    image = torch.linspace(0, 1, height)[:, None].expand(3, height, width)
    with Film(tmp_path / "film.mkv") as film:
        film.add(image)
    frame = read(tmp_path / "film.mkv")[0]
    assert frame.shape == (3, height + height % 2, width + width % 2)
    assert (frame[:, :height, :width] - image).abs().max() < 8 / 255


def test_without_x264_it_is_mpeg4(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(av, "codecs_available", av.codecs_available - {"libx264"})
    images = colors(4, 32, 32)
    with Film(tmp_path / "film.mp4") as film:
        for image in images:
            film.add(image)
    assert (read(tmp_path / "film.mp4") - images).abs().max() < 6 / 255
    with av.open(str(tmp_path / "film.mp4")) as container:
        assert container.streams.video[0].codec_context.name == "mpeg4"


def test_a_failure_leaves_the_old_film_and_nothing_else(tmp_path: Path):
    (tmp_path / "film.mp4").write_text("old")
    film = Film(tmp_path / "film.mp4")
    film.add(torch.rand(3, 16, 16))
    with pytest.raises(KeyError), film:
        raise KeyError
    assert (tmp_path / "film.mp4").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]


def test_a_film_without_frames_is_not_written(tmp_path: Path):
    with Film(tmp_path / "film.mp4"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_images_of_another_size_are_scaled_to_the_first(tmp_path: Path):
    first, last = colors(2, 32, 48)
    with Film(tmp_path / "film.mp4") as film:
        film.add(first)
        film.add(last[:, :16, :24])
    frames = read(tmp_path / "film.mp4")
    assert frames.shape == (2, 3, 32, 48)
    assert (frames[1] - last).abs().max() < 4 / 255


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path):
    (tmp_path / "file").write_text("words")
    (tmp_path / "film.mp4").mkdir()
    for path in (tmp_path / "file" / "film.mp4", tmp_path / "film.mp4"):
        with pytest.raises(InputError, match="cannot write"), Film(path) as film:
            film.add(torch.rand(3, 16, 16))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "film.mp4"]


def test_unknown_suffixes_are_refused(tmp_path: Path):
    with pytest.raises(InputError, match=r"film\.avi: a film ends with one of \.mkv, \.mov, \.mp4"):
        Film(tmp_path / "film.avi")


def test_without_pyav_the_mend_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(InputError, match=r"pip install 'stylenet\[video\]'"):
        Film(tmp_path / "film.mp4")
