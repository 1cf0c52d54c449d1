"""The painter of the shipped style pictures: deterministic, true to its flow field, careful with files."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

STYLES = Path(__file__).parent.parent / "data" / "styles"
NAMES = ("starry_night", "the_scream", "great_wave", "composition_vii", "shipwreck")


@pytest.fixture(scope="module")
def paint():
    sys.path.insert(0, str(STYLES))
    try:
        yield importlib.import_module("paint")
    finally:
        sys.path.remove(str(STYLES))


@pytest.fixture(scope="module")
def brush(paint):
    return sys.modules["brush"]


def dominant_angle(grey):
    """Direction along which a picture changes least, by its structure tensor (Bigun and Granlund, 1987)."""
    down, right = np.gradient(grey)
    return 0.5 * np.arctan2(2 * (down * right).mean(), (right**2 - down**2).mean()) + np.pi / 2


@pytest.mark.parametrize("name", NAMES)
def test_shipped_picture(name):
    path = STYLES / f"{name}.jpg"
    assert path.stat().st_size < 350_000
    with Image.open(path) as picture:
        assert (picture.format, picture.mode, max(picture.size)) == ("JPEG", "RGB", 768)
        pixels = np.asarray(picture, np.float32)
    rows, columns = (side // 4 * 4 for side in pixels.shape[:2])
    blocks = pixels[:rows, :columns].reshape(4, rows // 4, 4, columns // 4, 3)
    assert blocks.std((1, 3)).max(-1).min() > 5, "a sixteenth of the picture is flat"


def small_scene(paint, scale, rng):
    shape = (round(48 * scale), round(64 * scale))
    flow = rng.normal(size=shape).astype(np.float32)
    path = np.array([[5, 5], [50, 40]], np.float32)
    steps = [paint.Layer(6, 30), paint.Line(path, 4, np.ones(3, np.float32))]
    return paint.Scene(rng.random((*shape, 3), np.float32), flow, steps)


def test_same_arguments_paint_the_same_picture(paint, monkeypatch):
    monkeypatch.setitem(paint.SCENES, "small", lambda scale, rng: small_scene(paint, scale, rng))
    first, second = (np.asarray(paint.render("small")) for _ in range(2))
    assert first.shape == (48, 64, 3)
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("name", NAMES)
def test_scene_is_laid_out_the_same_every_time(paint, name):
    first, second = (paint.SCENES[name](0.0625, np.random.default_rng(5)) for _ in range(2))
    assert max(first.flow.shape) == 48
    assert np.isfinite(first.flow).all()
    np.testing.assert_array_equal(first.guide, second.guide)
    assert len(first.steps) == len(second.steps) >= 2


@pytest.mark.parametrize("angle", [0.0, 0.6, 2.0])
def test_strokes_follow_the_flow(paint, angle):
    shape, rng = (120, 120), np.random.default_rng(0)
    guide = np.full((*shape, 3), 0.5, np.float32)
    scene = paint.Scene(guide, np.full(shape, angle, np.float32))
    canvas = np.concatenate([guide, np.zeros((*shape, 1), np.float32)], -1)
    paint.paint_layer(canvas, scene, paint.Layer(8, 60, jitter=(0.2, 0.2, 0.2)), 1.0, rng)
    off = (dominant_angle(canvas[..., :3].mean(-1)) - angle + np.pi / 2) % np.pi - np.pi / 2
    assert abs(off) < np.radians(10)


def test_paths_end_where_the_colour_does(paint, brush):
    guide = np.zeros((20, 80, 3), np.float32)
    guide[:, 40:] = 1
    scene = paint.Scene(guide, np.zeros((20, 80), np.float32))
    paths, length = brush.trace(scene, np.array([[10, 10]], np.float32), 30, 2.0, 0.2)
    assert paths[0, length[0] - 1, 0] < 40 <= paths[0, length[0], 0]


def test_stamp_beyond_the_edge_paints_what_is_inside(paint, brush):
    canvas = np.zeros((20, 20, 4), np.float32)
    path = np.array([[-15, 10], [35, 10]], np.float32)
    brush.stamp(canvas, path, paint.Line(path, 6, np.ones(3, np.float32)), 1.0, np.random.default_rng(0))
    assert canvas[10, :, :3].mean() > 0.5
    assert not canvas[:4].any()
    assert not canvas[17:].any()


def test_command_line_writes_the_picture_and_nothing_else(paint, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(paint, "render", lambda name: Image.new("RGB", (32, 24), "navy"))
    assert paint.main(["great_wave", "--output", str(tmp_path / "new")]) == 0
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["great_wave.jpg"]
    assert capsys.readouterr().out.strip().endswith("great_wave.jpg")


def test_save_keeps_below_the_limit(paint, tmp_path, monkeypatch):
    noise = np.random.default_rng(0).integers(0, 256, (128, 128, 3), dtype=np.uint8)
    monkeypatch.setattr(paint, "MAX_BYTES", 16_000)
    paint.save(Image.fromarray(noise), tmp_path / "noise.jpg")
    assert (tmp_path / "noise.jpg").stat().st_size < 16_000


def test_unknown_name_is_one_line_and_exit_code_2(paint, capsys):
    assert paint.main(["mona_lisa"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "mona_lisa" in error
    assert "great_wave" in error
