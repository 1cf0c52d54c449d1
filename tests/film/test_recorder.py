"""Films of pictures that come when they come."""

import time

import numpy as np
from films import frames_of, pixels_of

from stylenet.film.recorder import Recorder


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
