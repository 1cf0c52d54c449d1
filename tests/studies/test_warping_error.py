"""The figures of films, against what is known of films that are made for it."""

from pathlib import Path

import numpy as np
import pytest
import torch
from films import make_film
from support import picture

from stylenet.studies.measure import Evaluator
from stylenet.studies.warping_error import FILM_FIGURES, blurred, rate_film, read_frames


@pytest.fixture(scope="module")
def judge():
    return Evaluator("vgg16", "random").judge(picture(9, 32, 32))


def textured(seed, height=72, width=140):
    coarse = torch.rand(1, 3, height // 6, width // 6, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic").clamp(0, 1)


def same(frame):
    return frame


def test_a_picture_that_grows_brighter_errs_by_its_steps(judge):
    steps = iter(range(20))
    frames = [textured(0)] * 13
    rows = rate_film(frames, {"brighter": lambda frame: 0.5 * frame + 0.01 * next(steps), "same": same}, judge)
    assert rows["brighter"]["warping_error"] == pytest.approx(0.01, rel=0.02)
    assert rows["brighter"]["long_range_error"] == pytest.approx(0.1, rel=0.02)
    assert rows["same"]["warping_error"] < 3e-3
    assert set(rows["same"]) == set(FILM_FIGURES)


def test_noise_that_is_new_in_each_frame_errs_by_its_own_size_in_a_film_that_moves(judge):
    scene, generator = textured(0, width=200), torch.Generator().manual_seed(0)
    frames = [0.2 + 0.6 * scene[..., 4 * index : 4 * index + 140] for index in range(4)]

    def noisy(frame):
        return frame + 0.05 * torch.randn(frame.shape, generator=generator)

    rows = rate_film(frames, {"noisy": noisy, "same": same}, judge)
    assert rows["noisy"]["warping_error"] == pytest.approx(0.05 * 2**0.5, rel=0.15)
    assert rows["same"]["warping_error"] < 0.01


def test_strokes_that_ride_on_a_plain_wall_are_not_taken_for_flicker(judge):
    """The flow of Farnebäck finds no motion inside of it, and by itself would give them an error of 0.077."""
    ground, faint, strokes = (textured(seed, 160, 280) for seed in range(3))
    frames, painted = [], []
    for moved in range(0, 24, 6):
        frame = 0.2 + 0.5 * ground
        frame[..., 20:140, 20 + moved : 200 + moved] = 0.9 + 0.02 * faint[..., 20:140, 20:200]
        picture = frame.clone()
        picture[..., 40:120, 40 + moved : 180 + moved] += 0.4 * (strokes[..., 40:120, 40:180] - 1)
        frames.append(frame)
        painted.append(picture)
    pictures = iter(painted)
    rows = rate_film(frames, {"painted": lambda frame: next(pictures), "same": same}, judge)
    assert rows["painted"]["warping_error"] < 1.1 * rows["same"]["warping_error"]


def test_frames_of_which_no_motion_is_known_are_not_compared(judge, monkeypatch):
    steps, apart = iter(range(20)), iter([5, 0, 0])

    def other_flow(here, there):
        return np.full((*here.shape, 2), next(apart), np.float32)

    monkeypatch.setattr("stylenet.studies.warping_error.dis_flow", other_flow)
    rows = rate_film([textured(0)] * 4, {"brighter": lambda frame: 0.5 * frame + 0.01 * next(steps)}, judge)
    assert rows["brighter"]["warping_error"] == pytest.approx(0.01, rel=0.02)


def test_frames_across_a_cut_are_not_compared(judge):
    frames = [textured(0)] * 2 + [textured(1)] * 2
    row = rate_film(frames, {"same": same}, judge)["same"]
    assert row["warping_error"] < 3e-3
    assert np.isnan(row["long_range_error"])


def test_sharpness_is_the_mean_step_between_neighbors(judge):
    stripes = torch.zeros(1, 3, 64, 64)
    stripes[..., ::4] = 0.4  # a step of 0.4 up and one down in four columns, none in rows
    row = rate_film([stripes], {"same": same, "blurred": blurred}, judge)
    assert row["same"]["sharpness"] == pytest.approx(0.4 * (16 + 15) / 63, rel=1e-3)
    assert row["blurred"]["sharpness"] < 0.1 * row["same"]["sharpness"]


def test_every_fifth_frame_is_judged(judge):
    frames = [textured(0, 32, 32)] * 11
    steps = iter(range(11))
    rows = rate_film(frames, {"other": lambda frame: 1 - frame if next(steps) % 5 else frame}, judge)
    assert rows["other"]["content_distance"] == 0
    assert rows["other"]["gram_difference"] > 0


def test_frames_are_read_and_scaled(tmp_path: Path):
    make_film(tmp_path / "film.mp4")
    frames = list(read_frames(tmp_path / "film.mp4", 32, 3))
    assert [tuple(frame.shape) for frame in frames] == [(1, 3, 24, 32)] * 3
    assert len(list(read_frames(tmp_path / "film.mp4", 64))) == 10
    assert abs(float(frames[0][0, 0, -1, -1]) - 40 / 255) < 0.03
