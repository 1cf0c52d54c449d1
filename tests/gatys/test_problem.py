"""What is asked for at full size, and the objective that follows at a smaller one."""

import pytest
import torch
from torch.testing import assert_close

from stylenet.features.extractor import FeatureExtractor
from stylenet.gatys.problem import Problem
from stylenet.losses.options import LossOptions
from stylenet.losses.perceptual import PerceptualLoss
from stylenet.losses.terms import Style
from stylenet.losses.weighting import Fixed


def half(images):
    height, width = images.shape[-2:]
    return torch.nn.functional.interpolate(images, (height // 2, width // 2), mode="bilinear", antialias=True)


@pytest.fixture(scope="module")
def loss():
    options = LossOptions(style_layers=["relu1_1"], content_layers=["relu1_1"])
    return PerceptualLoss(FeatureExtractor("vgg16", ["relu1_1"], "random"), [], options)


@pytest.fixture
def pictures():
    """Return photographs and a painting whose halves fill whole cells."""
    generator = torch.Generator().manual_seed(0)
    return torch.rand(2, 3, 32, 64, generator=generator), torch.rand(1, 3, 48, 40, generator=generator)


def test_the_shortest_side_is_that_of_photographs_and_paintings(loss, pictures):
    photographs, painting = pictures
    assert Problem(photographs, [Style(painting)], loss, Fixed()).shortest_side == 32
    assert Problem(photographs, [Style(painting), Style(painting[..., :24])], loss, Fixed()).shortest_side == 24


def test_the_objective_at_half_the_size_is_the_loss_of_halved_pictures(loss, pictures):
    photographs, painting = pictures
    objective = Problem(photographs, [Style(painting)], loss, Fixed()).objective(2)
    free = torch.rand(2, 3, 16, 32, generator=torch.Generator().manual_seed(1))
    alone = PerceptualLoss(loss.extractor, half(painting), loss.options)
    expected = alone.total(alone.per_item(free, alone.targets(half(photographs))))
    assert_close(objective(free)[0], expected.detach())
    assert objective.size == (16, 32)


def test_a_painting_belongs_wherever_images_may_change(loss, pictures):
    photographs, painting = pictures
    only = (torch.arange(64) < 32).float().expand(1, 1, 32, 64)
    objective = Problem(photographs, [Style(painting)] * 2, loss, Fixed(), only).objective(2)
    assert_close(objective.targets.masks, half(only).expand(-1, 2, -1, -1))
    masks = torch.rand(1, 2, 32, 64)
    objective = Problem(photographs, [Style(painting)] * 2, loss, Fixed(), only, masks).objective(2)
    assert_close(objective.targets.masks, half(masks))
