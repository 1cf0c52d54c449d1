"""Stabilized films: what is carried along, and what is not."""

import numpy as np
import pytest
import torch
from support import picture

from stylenet.film.stabilize import Stabilizer


def flickering(seed=0):
    """A network that paints other noise each time."""
    generator = torch.Generator().manual_seed(seed)
    return lambda frame: (frame + 0.2 * torch.randn(frame.shape, generator=generator)).clamp(0, 1)


def panned(count, step=3, height=64, width=96):
    """A camera that moves over a scene: (frames, and how far it has moved)."""
    scene = picture(0, height, width + step * count)
    return [scene[..., step * index : step * index + width] for index in range(count)]


def flicker(frames, step):
    """Root mean square difference of frames from those before, moved by a known step, away from the borders."""
    inner = slice(10, -10)
    pairs = zip(frames, frames[1:], strict=False)
    gaps = [(now[..., inner, :-step] - last[..., inner, step:])[..., inner] for last, now in pairs]
    return float(torch.stack(gaps).square().mean().sqrt())


def test_a_still_scene_is_blended_with_the_last_output():
    frame = picture(0)
    given = [0.25 + 0.5 * picture(seed) for seed in range(3)]
    left = iter(given)
    stabilizer = Stabilizer(lambda _: next(left), 0.75)
    outputs = [stabilizer(frame) for _ in given]
    expected = given[0]
    torch.testing.assert_close(outputs[0], expected)
    for output, new in zip(outputs[1:], given[1:], strict=True):
        expected = 0.25 * new + 0.75 * expected
        inner = slice(2, -2)  # what flow there is at a border comes from beyond it
        torch.testing.assert_close(output[..., inner, inner], expected[..., inner, inner], atol=0.01, rtol=0)


def test_a_moving_scene_flickers_less_and_stays_in_its_place():
    frames, paint = panned(8), flickering()
    alone = [paint(frame) for frame in frames]
    stabilizer = Stabilizer(flickering(), 0.8)
    steady = [stabilizer(frame) for frame in frames]
    assert flicker(steady[3:], 3) < 0.5 * flicker(alone[3:], 3)
    assert (steady[-1] - frames[-1]).square().mean() < 0.5 * (alone[-1] - frames[-1]).square().mean()


def test_more_strength_flickers_less():
    found = []
    for strength in (0.0, 0.4, 0.8):
        stabilizer = Stabilizer(flickering(), strength)
        found.append(flicker([stabilizer(frame) for frame in panned(6)], 3))
    assert found == sorted(found, reverse=True)
    paint = flickering()
    assert found[0] == pytest.approx(flicker([paint(frame) for frame in panned(6)], 3), rel=1e-6)


def test_nothing_is_carried_over_a_cut():
    paint, stabilizer = flickering(), Stabilizer(flickering(), 0.8)
    after = [1 - 0.8 * frame for frame in panned(2, height=64)]
    for frame in panned(3):
        paint(frame), stabilizer(frame)
    torch.testing.assert_close(stabilizer(after[0]), paint(after[0]))
    assert not torch.equal(stabilizer(after[1]), paint(after[1]))


def test_flat_scenes_that_agree_in_nothing_but_their_lack_of_motion_are_a_cut():
    stabilizer = Stabilizer(lambda frame: 0.5 * frame, 0.8)
    stabilizer(torch.full((1, 3, 40, 60), 0.9))
    dark = torch.full((1, 3, 40, 60), 0.2)
    torch.testing.assert_close(stabilizer(dark), 0.5 * dark)


def test_what_comes_into_sight_is_painted_anew():
    def scene(left):
        frame = 0.3 * picture(0, 64, 96)
        frame[..., 20:44, left : left + 24] = 0.7 + 0.3 * picture(1, 24, 24)
        return frame

    stabilizer = Stabilizer(lambda frame: 0.9 * frame, 0.8)
    for left in (10, 16, 22):
        output = stabilizer(scene(left))
    uncovered = (slice(None), slice(None), slice(20, 44), slice(16, 22))
    assert (output - 0.9 * scene(22))[uncovered].abs().max() < 0.1  # of a square that is 0.7 brighter


def test_what_a_mask_leaves_out_stays_the_frame():
    paint = flickering()

    def masked(frame):
        painted = paint(frame)
        painted[..., 48:] = frame[..., 48:]
        return painted

    stabilizer = Stabilizer(masked, 0.8)
    for frame in panned(4):
        output = stabilizer(frame)
    assert torch.equal(output[..., 48:], frame[..., 48:])
    assert not torch.equal(output[..., :48], frame[..., :48])


@pytest.mark.parametrize("size", [(1, 1), (9, 200), (33, 35)])
def test_outputs_have_the_size_and_range_of_the_frames(size):
    stabilizer = Stabilizer(flickering(), 1.0)
    for seed in range(3):
        output = stabilizer(picture(seed, *size))
        assert output.shape == (1, 3, *size)
        assert 0 <= output.min() <= output.max() <= 1
        assert np.isfinite(output.numpy()).all()
