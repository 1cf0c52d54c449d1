"""Figures of a stylized image, and of the untouched photograph."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torchmetrics.functional import mean_squared_error
from torchmetrics.functional.image import structural_similarity_index_measure

from stylenet.features.extractor import FeatureExtractor
from stylenet.metrics import Judge, mse, ssim

STYLES, CONTENTS = ("relu1_2", "relu2_2"), ("relu2_1", "relu1_1")


@pytest.fixture(scope="module")
def pictures():
    """Return a painting, two photographs and two stylized images."""
    generator = torch.Generator().manual_seed(0)
    return [torch.rand(n, 3, 32, 32, generator=generator) for n in (1, 2, 2)]


@pytest.fixture(scope="module")
def extractor():
    return FeatureExtractor("vgg16", (*STYLES, *CONTENTS), "random")


@pytest.fixture(scope="module")
def judge(extractor, pictures):
    return Judge(extractor, pictures[0], STYLES, CONTENTS)


def numpy_gram(maps):
    return np.einsum("bihw,bjhw->bij", maps, maps) / maps[0].size


def norm(array):
    return np.sqrt((array**2).reshape(len(array), -1).sum(1))


def test_figures_against_numpy(judge, extractor, pictures):
    p, c, x = ({k: v.double().numpy() for k, v in extractor(batch).items()} for batch in pictures)
    style = [norm(numpy_gram(x[n]) - numpy_gram(p[n])) / norm(numpy_gram(p[n])) for n in STYLES]
    content = [norm(x[n] - c[n]) / norm(c[n]) for n in CONTENTS]
    figures = judge(pictures[2], pictures[1])
    assert set(figures) == {"gram_difference", "content_distance"}
    assert_allclose(figures["gram_difference"], np.mean(style, 0), rtol=1e-3)
    assert_allclose(figures["content_distance"], np.mean(content, 0), rtol=1e-4)


def test_the_photograph_keeps_its_content_and_the_painting_its_style(judge, pictures):
    painting, photographs, _ = pictures
    row = judge(photographs, photographs)
    assert torch.equal(row["content_distance"], torch.zeros(2))
    assert row["gram_difference"].min() > 0.01
    assert_allclose(ssim(photographs, photographs), [1, 1], rtol=1e-5)
    assert judge(painting, photographs[:1])["gram_difference"].item() == pytest.approx(0, abs=1e-5)


def test_a_photograph_without_features_gives_finite_figures(pictures):
    extractor = FeatureExtractor("vgg16", ("relu1_1",), "random")
    gray = extractor.mean.expand(1, 3, 32, 32)  # random biases are 0: the mean color has no features
    figures = Judge(extractor, pictures[0], ("relu1_1",), ("relu1_1",))(gray, gray)
    assert figures["content_distance"] == 0
    assert figures["gram_difference"].item() == pytest.approx(1)


def test_no_figure_holds_a_graph(judge, pictures):
    figures = judge(pictures[2].clone().requires_grad_(), pictures[1])
    assert not any(figure.requires_grad for figure in figures.values())


def test_ssim_of_flat_images_is_its_luminance_term():
    dark, light = torch.full((1, 3, 16, 16), 0.2), torch.full((1, 3, 16, 16), 0.6)
    expected = (2 * 0.2 * 0.6 + 0.01**2) / (0.2**2 + 0.6**2 + 0.01**2)  # Wang et al. 2004, eq. 6
    assert ssim(dark, light).item() == pytest.approx(expected, rel=1e-3)


def test_ssim_is_each_images_own(pictures):
    _, photographs, images = pictures
    noisy = torch.stack([photographs[0], 0.8 * photographs[1] + 0.2 * images[1]])
    values = ssim(noisy, photographs)
    assert values.shape == (2,)
    for value, a, b in zip(values, noisy, photographs, strict=True):
        expected = structural_similarity_index_measure(a[None], b[None], data_range=1.0)
        assert value.item() == pytest.approx(expected.item(), rel=1e-4)
    assert 0.5 < values[1] < 0.99


def test_ssim_agrees_with_scikit_image():
    metrics = pytest.importorskip("skimage.metrics")
    photograph, other = torch.rand(2, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    image = 0.7 * photograph + 0.3 * other
    wang = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1.0}
    expected = metrics.structural_similarity(image.numpy(), photograph.numpy(), channel_axis=0, **wang)
    assert ssim(image[None], photograph[None]).item() == pytest.approx(expected, abs=2e-3)  # it leaves out the border


def test_ssim_keeps_its_digits_under_autocast(pictures):
    image, photograph = 0.99 * pictures[1], pictures[1]
    with torch.autocast("cpu", torch.bfloat16):
        inside = ssim(image, photograph)
    assert torch.equal(inside, ssim(image, photograph))


def test_mse_is_each_images_own(pictures):
    _, references, images = pictures
    values = mse(images, references)
    assert values.shape == (2,)
    for value, image, reference in zip(values, images, references, strict=True):
        assert value.item() == pytest.approx(mean_squared_error(image, reference).item(), rel=1e-5)
    assert torch.equal(mse(images, images), torch.zeros(2))


def test_mse_of_halves_is_that_of_their_values(pictures):
    _, references, images = (batch.bfloat16() for batch in pictures)
    expected = ((images.double() - references.double()) ** 2).mean((1, 2, 3))
    assert_allclose(mse(images, references), expected, rtol=1e-5)


def test_layers_with_dots_in_their_names_are_judged(pictures):
    extractor = FeatureExtractor("squeezenet1_1", ["features.1", "features.4"], "random")
    figures = Judge(extractor, pictures[0], ("features.1", "features.4"), ("features.4",))(*pictures[1:])
    assert all((value > 0).all() for value in figures.values())
