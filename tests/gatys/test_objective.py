"""What is asked for at full size, and the objective that follows at a smaller one."""

import pytest
import torch
from torch.testing import assert_close

from stylenet.errors import InputError
from stylenet.features.extractor import FeatureExtractor
from stylenet.gatys.objective import Problem, Stage, extended, plan
from stylenet.losses.multiscale import perceptual_loss
from stylenet.losses.options import LossOptions
from stylenet.losses.perceptual import PerceptualLoss
from stylenet.losses.terms import Style


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


def fitting(loss, photographs, *paintings):
    problem = Problem(photographs, [Style(painting) for painting in paintings], loss, None)
    return [stage.divisor for stage in problem.stages(4, 3)]


def test_photographs_and_paintings_must_have_features(loss, pictures):
    photographs, painting = pictures
    assert fitting(loss, photographs, painting) == [2, 1]
    assert fitting(loss, photographs, painting, painting[..., :24]) == [1]


@pytest.mark.parametrize(
    ("options", "side", "expected"),
    [
        ({"scales": 2}, 64, [2, 1]),  # the coarser level has 32 and 16 pixels
        ({"scales": 3}, 64, [1]),
        ({"laplacian_weight": 0.5}, 64, [1]),  # three squares of 16 pixels
        ({"statistic": "patches", "style_layers": ["relu4_1"]}, 32, [1]),  # a map of 4x4; 2x2 is no patch
    ],
)
def test_every_term_of_the_loss_must_have_its_size(options, side, expected):
    options = LossOptions(**{"style_layers": ["relu1_1"], "content_layers": ["relu1_1"]} | options)
    extractor = FeatureExtractor("vgg16", options.layers, "random")
    images = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0))
    assert fitting(perceptual_loss(extractor, images, options), images, images) == expected


def test_the_objective_at_half_the_size_is_the_loss_of_halved_pictures(loss, pictures):
    photographs, painting = pictures
    objective = Problem(photographs, [Style(painting)], loss, None).objective(2)
    free = torch.rand(2, 3, 16, 32, generator=torch.Generator().manual_seed(1))
    alone = PerceptualLoss(loss.extractor, half(painting), loss.options)
    expected = alone.total(alone.per_item(free, alone.targets(half(photographs))))
    assert_close(objective(free)[0], expected.detach())
    assert objective.size == (16, 32)


def test_a_painting_belongs_wherever_images_may_change(loss, pictures):
    photographs, painting = pictures
    only = (torch.arange(64) < 32).float().expand(1, 1, 32, 64)
    objective = Problem(photographs, [Style(painting)] * 2, loss, None, only).objective(2)
    assert_close(objective.targets.masks, half(only).expand(-1, 2, -1, -1))
    masks = torch.rand(1, 2, 32, 64)
    objective = Problem(photographs, [Style(painting)] * 2, loss, None, only, masks).objective(2)
    assert_close(objective.targets.masks, half(masks))


def test_sizes_go_from_coarse_to_fine_with_half_the_steps():
    assert plan(101, 3, 512, 16) == [Stage(4, 51), Stage(2, 51), Stage(1, 101)]
    assert plan(100, 1, 512, 16) == [Stage(1, 100)]


def test_sizes_without_features_are_left_out():
    assert plan(10, 4, 100, 32) == [Stage(2, 5), Stage(1, 10)]


@pytest.mark.parametrize(("steps", "levels", "message"), [(0, 1, "steps is 0"), (1, 0, "pyramid is 0")])
def test_no_steps_and_no_sizes_are_refused(steps, levels, message):
    with pytest.raises(InputError, match=message):
        plan(steps, levels, 100, 16)


@pytest.mark.parametrize(("size", "wide"), [((33, 48), (48, 48)), ((5, 7), (16, 16)), ((16, 32), (16, 32))])
def test_borders_are_mirrored_up_to_whole_cells(size, wide):
    images = torch.rand(2, 3, *size)
    result = extended(images)
    assert result.shape[-2:] == wide
    assert torch.equal(result[..., : size[0], : size[1]], images)
    if size == (33, 48):
        assert torch.equal(result[..., 33, :], images[..., 31, :])
