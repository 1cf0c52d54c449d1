"""The loss over an image pyramid is the mean of losses of smaller images."""

import pytest
import torch
from torch.nn.functional import interpolate
from torch.testing import assert_close

from stylenet.features.extractor import FeatureExtractor
from stylenet.images import to_size
from stylenet.losses.multiscale import MultiScaleLoss, perceptual_loss
from stylenet.losses.options import LossOptions
from stylenet.losses.perceptual import PerceptualLoss

LAYERS = ["relu1_2", "relu2_1"]


def options(scales):
    return LossOptions(style_layers=LAYERS, content_layers=["relu2_1"], scales=scales, laplacian_weight=1.0)


@pytest.fixture(scope="module")
def extractor():
    return FeatureExtractor("vgg16", LAYERS, "random")


@pytest.fixture(scope="module")
def pictures():
    generator = torch.Generator().manual_seed(0)
    return [torch.rand(n, 3, 96, 128, generator=generator) for n in (1, 2, 2)]


def half(images):
    return interpolate(images, (48, 64), mode="bilinear", antialias=True)


def test_each_level_is_the_loss_of_smaller_images(extractor, pictures):
    painting, photographs, images = pictures
    loss = MultiScaleLoss(extractor, painting, options(2))
    terms = loss(images, photographs)
    fine = PerceptualLoss(extractor, painting, options(1))
    coarse = PerceptualLoss(extractor, half(painting), options(1))
    expected = {f"{name}/1": term for name, term in fine(images, photographs).items()}
    expected |= {f"{name}/2": term for name, term in coarse(half(images), half(photographs)).items()}
    assert set(terms) == set(expected) == set(loss.weights)
    for name, term in terms.items():
        assert_close(term, expected[name])
    mean = (fine.total(fine(images, photographs)) + coarse.total(coarse(half(images), half(photographs)))) / 2
    assert_close(loss.total(terms), mean)


def test_gradients_reach_every_pixel(extractor, pictures):
    image = pictures[2].clone().requires_grad_()
    loss = MultiScaleLoss(extractor, pictures[0], options(2))
    terms = loss.per_item(image, loss.targets(pictures[1]))
    torch.stack([terms[name].sum() for name in terms if name.endswith("/2")]).sum().backward()
    assert (image.grad != 0).float().mean() > 0.99


def test_masks_and_snapshots_are_scaled_along(extractor, pictures):
    choice = LossOptions(style_layers=LAYERS, content_layers=["relu2_1"], scales=2, combined_weight=1.0)
    loss = MultiScaleLoss(extractor, pictures[0], choice)
    targets = loss.with_snapshot(loss.targets(pictures[1], torch.ones(1, 1, 96, 128)), pictures[2])
    terms = loss.per_item(pictures[2], targets)
    assert terms["combined/relu2_1/2"].abs().max() < 1e-10
    free = loss.per_item(pictures[2], loss.targets(pictures[1]))
    assert_close(terms["style/relu2_1/2"], free["style/relu2_1/2"], rtol=1e-4, atol=0)


def test_one_scale_is_the_plain_loss(extractor, pictures):
    assert type(perceptual_loss(extractor, pictures[0], options(1))) is PerceptualLoss
    assert type(perceptual_loss(extractor, pictures[0], options(3))) is MultiScaleLoss


def test_scaling_keeps_values_in_range_and_same_sizes_as_they_are():
    images = torch.rand(1, 3, 9, 8)
    assert to_size(images, (9, 8)) is images
    assert to_size(images, (27, 20)).shape == (1, 3, 27, 20)
    assert 0 <= to_size(images, (27, 20)).min() <= to_size(images, (4, 4)).max() <= 1
