"""A camera that a film plays, and one that OpenCV opens: the newest frame wins."""

import time
from types import SimpleNamespace

import numpy as np
import pytest
from films import STEADY, frames_of, make_film, pixels_of

from stylenet.errors import InputError
from stylenet.film import camera
from stylenet.film.camera import Camera, Recorder


def level(index, height, width):
    return np.full((height, width, 3), 20 * index, np.uint8)


def levels(frames):
    return [round(255 * float(frame.mean()) / 20) for frame in frames]


@pytest.fixture
def film(tmp_path):
    return str(make_film(tmp_path / "film.mp4", STEADY, sound=None, draw=level))


def test_who_is_quick_sees_the_frames_at_their_times(film):
    began = time.monotonic()
    with Camera(film) as source:
        frames = list(source)
    found = levels(frames)
    assert found == sorted(set(found))
    assert found[-1] == 9
    assert len(found) > 4  # all of them, on an idle machine
    assert frames[0].shape == (1, 3, 48, 64)
    assert time.monotonic() - began >= 0.36


def test_who_is_slow_sees_the_newest_frame(film):
    seen = []
    with Camera(film) as source:
        for frame in source:
            seen.append(frame)
            time.sleep(0.13)
    assert 2 <= len(seen) <= 5
    found = levels(seen)
    assert found[-1] == 9
    assert all(later - earlier >= 2 for earlier, later in zip(found, found[1:-1], strict=False))


def test_leaving_stops_the_reading(film):
    with Camera(film) as source:
        next(iter(source))
    assert not source._thread.is_alive()
    assert source._ended


class Capture:
    def __init__(self, number):
        self.left = iter([np.full((4, 6, 3), (0, 0, 200), np.uint8)] * 2 if number == 1 else [])
        self.isOpened = lambda: number == 1
        self.release = lambda: None

    def read(self):
        pixels = next(self.left, None)
        return pixels is not None, pixels


def test_a_number_is_a_camera_whose_colors_are_turned_round(monkeypatch):
    monkeypatch.setattr(camera, "opencv", lambda: SimpleNamespace(VideoCapture=Capture))
    with Camera("1") as source:
        (*_, frame) = source
    assert frame[0, :, 0, 0].tolist() == pytest.approx([200 / 255, 0, 0])


def test_bad_cameras_are_named(monkeypatch, tmp_path):
    monkeypatch.setattr(camera, "opencv", lambda: SimpleNamespace(VideoCapture=Capture))
    with pytest.raises(InputError, match="camera 7 cannot be opened: plug it in, or give another number or a film"):
        Camera("7")
    with pytest.raises(InputError, match=r"cannot read none\.mp4"):
        Camera("none.mp4")


def test_each_picture_lasts_until_the_next(tmp_path):
    path = tmp_path / "out.mp4"
    with Recorder(path) as film:
        for value, pause in ((40, 0.05), (120, 0.2), (200, 0.1)):
            film.add(np.full((32, 48, 3), value, np.uint8))
            time.sleep(pause)
        assert not path.exists()
    times = [float(frame.pts * frame.time_base) for frame in frames_of(path)]
    assert times[0] == 0
    assert times[1] >= 0.05
    assert times[2] - times[1] >= 0.2
    assert [round(float(frame.mean()), -1) for frame in pixels_of(path)] == [40, 120, 200]


def test_nothing_recorded_is_no_file(tmp_path):
    with Recorder(tmp_path / "out.mp4"):
        pass
    assert list(tmp_path.iterdir()) == []
