"""The temporal term: what moves, by how much, and what of it counts."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from stylenet.losses import temporal
from stylenet.losses.temporal import random_motion, temporal_loss, warp


def photographs(count: int = 2, height: int = 40, width: int = 56) -> Tensor:
    coarse = torch.rand(count, 3, 5, 7, generator=torch.Generator().manual_seed(0))
    return F.interpolate(coarse, (height, width), mode="bicubic").clamp(0, 1)


def shifted(height: int, width: int, down: float, right: float) -> Tensor:
    """A grid that takes each place from so many pixels below and right of it."""
    y, x = torch.meshgrid(torch.arange(height) + float(down), torch.arange(width) + float(right), indexing="ij")
    return torch.stack([x, y], -1).unsqueeze(0)


def test_a_shift_by_whole_pixels_is_a_cut_and_the_rest_is_not_seen():
    images = photographs(1)
    moved, seen = warp(images, shifted(40, 56, 3, -5))
    assert torch.allclose(moved[..., :-3, 5:], images[..., 3:, :-5], atol=1e-5)
    assert seen[..., :-3, 5:].eq(1).all()
    assert seen.sum() == 37 * 51


def test_a_shift_by_half_a_pixel_is_the_mean_of_neighbors():
    images = photographs(1)
    moved, _ = warp(images, shifted(40, 56, 0, 0.5))
    assert torch.allclose(moved[..., :-1], (images[..., 1:] + images[..., :-1]) / 2, atol=1e-5)


def test_motions_are_smooth_bounded_and_of_each_photograph_its_own():
    grid = random_motion(64, 192, 256, torch.Generator().manual_seed(0))
    flow = grid - shifted(192, 256, 0, 0)
    assert flow.mean((1, 2)).abs().max() < temporal.SHIFT + 3 * temporal.BEND
    assert 4 < flow.mean((1, 2)).std() < 9  # of a uniform one within 10: 5.8
    steps = torch.cat([flow.diff(dim=1).flatten(), flow.diff(dim=2).flatten()])
    assert steps.abs().max() < 0.5
    assert steps.std() < 0.1
    assert not torch.allclose(flow[0], flow[1], atol=1)


def test_what_acts_on_each_pixel_alone_has_next_to_none():
    torch.manual_seed(0)
    images = photographs()
    found = temporal_loss(images, 1 - images, lambda moved: 1 - moved)
    assert found.shape == (2,)
    assert found.max() < temporal.NOISE


def test_a_pattern_that_stays_where_it_is_costs_what_it_differs_by():
    torch.manual_seed(0)
    images = photographs()
    pattern = torch.rand(1, 3, 40, 56, generator=torch.Generator().manual_seed(1))
    found = temporal_loss(images, pattern.expand_as(images), lambda moved: pattern.expand_as(moved))
    assert (found > 0.15).all()  # of independent values it is a third, and less of interpolated ones


def test_what_is_not_seen_does_not_count(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(temporal, "random_motion", lambda *_: shifted(40, 56, 0, 28).expand(2, -1, -1, -1))
    images = photographs()

    def paint(moved: Tensor) -> Tensor:
        moved = moved.clone()
        moved[..., 28:] = 7  # beyond what was in the picture
        return moved

    assert temporal_loss(images, images, paint).max() < 2 * temporal.NOISE


def test_the_gradient_reaches_both_passes():
    scale, offset = torch.tensor(1.0, requires_grad=True), torch.tensor(0.1, requires_grad=True)
    images = photographs()
    temporal_loss(images, images * scale, lambda moved: moved + offset).mean().backward()
    assert scale.grad != 0
    assert offset.grad != 0
