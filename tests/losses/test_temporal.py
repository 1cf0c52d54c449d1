"""The temporal term: what moves, by how much, and what of it counts."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter
from torch import Tensor
from torch.nn import functional as F

from stylenet.losses import temporal
from stylenet.losses.temporal import compressed, random_motion, softened, temporal_loss, warp


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


@pytest.fixture
def uncompressed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(temporal, "compressed", lambda image, generator: image)


def test_what_acts_on_each_pixel_alone_has_next_to_none(uncompressed: None):
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


def test_what_is_not_seen_does_not_count(monkeypatch: pytest.MonkeyPatch, uncompressed: None):
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


@pytest.mark.parametrize("quality", [25, 90])
def test_images_are_compressed_as_jpegs_are(monkeypatch: pytest.MonkeyPatch, quality: int):
    monkeypatch.setattr(temporal, "QUALITY", (quality, quality))
    image = photographs(1)[0]
    pixels = (image * 255).round().byte().permute(1, 2, 0).numpy()
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "jpeg", quality=quality)
    expected = torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1) / 255
    assert torch.allclose(compressed(image), expected, atol=2.5 / 255)
    assert not torch.allclose(compressed(image), image, atol=2.5 / 255)


def test_each_image_is_compressed_by_a_quality_of_its_own():
    image = photographs(1)[0]
    random = torch.Generator().manual_seed(0)
    errors = [float((compressed(image, random) - image).abs().mean()) for _ in range(20)]
    assert max(errors) > 3 * min(errors)


def test_a_network_that_follows_traces_of_compression_is_told_so(monkeypatch: pytest.MonkeyPatch):
    def strokes(moved: Tensor) -> Tensor:  # from the differences of neighbors
        return 20 * (moved - moved.roll(1, -1))

    def found() -> Tensor:
        return temporal_loss(images, strokes(images), strokes, torch.Generator().manual_seed(0)).mean()

    images = F.interpolate(photographs(), scale_factor=4, mode="bicubic")  # smooth
    compressed_too = found()
    monkeypatch.setattr(temporal, "compressed", lambda image, generator: image)
    assert compressed_too > 1.5 * found()


def test_every_second_photograph_is_softened():
    images = photographs(1, 64, 80).expand(200, -1, -1, -1)
    soft = softened(images, torch.Generator().manual_seed(0))
    same = (soft == images).flatten(1).all(1)
    assert 70 < same.sum() < 130
    chance, share = torch.rand(200, 2, generator=torch.Generator().manual_seed(0))[index := int(same.int().argmin())]
    least, most = temporal.BLUR
    deviation = least + (most - least) * float(share)
    assert chance < 0.5
    expected = gaussian_filter(images[index].numpy(), (0, deviation, deviation), mode="mirror", truncate=3)
    assert np.abs(soft[index].numpy() - expected).max() < 0.01


def test_photographs_too_small_to_be_blurred_stay_as_they_are():
    images = torch.rand(40, 3, 1, 2)
    assert torch.equal(softened(images), images)
