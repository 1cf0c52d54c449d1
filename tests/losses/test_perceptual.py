"""The perceptual loss: its terms, its weights, its targets."""

import copy

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from stylenet.errors import InputError
from stylenet.features.extractor import FeatureExtractor
from stylenet.losses.content import NORMALIZATIONS
from stylenet.losses.perceptual import PerceptualLoss, layer_weights

STYLES, CONTENTS = ("relu1_2", "relu2_1"), ("relu1_2", "relu1_1")
NAMES = {"content/relu1_2", "content/relu1_1", "style/relu1_2", "style/relu2_1", "tv"}


@pytest.fixture(scope="module")
def extractor():
    return FeatureExtractor("vgg16", (*STYLES, *CONTENTS), "random")


@pytest.fixture(scope="module")
def pictures():
    """Return a painting, two photographs and two stylized images."""
    generator = torch.Generator().manual_seed(0)
    painting, photographs, images = (torch.rand(n, 3, 24, 24, generator=generator) for n in (1, 2, 2))
    return painting, photographs, images


@pytest.fixture
def make(extractor, pictures):
    def make(**options):
        return PerceptualLoss(extractor, pictures[0], **{"style_layers": STYLES, "content_layers": CONTENTS} | options)

    return make


def numpy_gram(maps):
    return np.einsum("bihw,bjhw->bij", maps, maps) / maps[0].size


def numpy_variation(images):
    return ((np.diff(images, axis=2) ** 2).mean((1, 2, 3)) + (np.diff(images, axis=3) ** 2).mean((1, 2, 3))).mean()


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_terms_are_the_papers_of_each_layer(normalization, make, extractor, pictures):
    painting, photographs, images = pictures
    p, c, x = ({k: v.double().numpy() for k, v in extractor(batch).items()} for batch in pictures)
    expected = {}
    for layer in STYLES:
        target = numpy_gram(p[layer])
        divisor = {"relative": (target**2).sum(), "johnson": 1, "gatys": 4}[normalization]
        expected[f"style/{layer}"] = ((numpy_gram(x[layer]) - target) ** 2).sum((1, 2)).mean() / divisor
    for layer in CONTENTS:
        energy = (c[layer] ** 2).sum((1, 2, 3))
        divisor = {"relative": energy, "johnson": c[layer][0].size, "gatys": 2}[normalization]
        expected[f"content/{layer}"] = (((x[layer] - c[layer]) ** 2).sum((1, 2, 3)) / divisor).mean()
    unit = numpy_variation(painting.numpy()) if normalization == "relative" else 1
    expected["tv"] = numpy_variation(images.numpy()) / unit
    terms = make(normalization=normalization)(images, photographs)
    assert set(terms) == NAMES
    assert {name: term.item() for name, term in terms.items()} == pytest.approx(expected, rel=1e-4)


def test_the_photograph_has_no_content_loss_and_the_painting_no_style_loss(make, pictures):
    painting, photographs, _ = pictures
    terms = make()(photographs, photographs)
    assert terms["content/relu1_2"] == terms["content/relu1_1"] == 0
    assert terms["style/relu1_2"] > 0.001
    terms = make()(painting, photographs[:1])
    assert terms["style/relu1_2"] < 1e-10
    assert terms["style/relu2_1"] < 1e-10
    assert terms["content/relu1_2"] > 0.01
    assert terms["tv"].item() == pytest.approx(1)


def test_the_weights_of_a_group_are_shared_among_its_layers(make):
    loss = make(style_layers={"relu1_2": 1, "relu2_1": 3}, content_weight=2.0, style_weight=8.0, tv_weight=0.5)
    contents, styles = {"content/relu1_2": 1.0, "content/relu1_1": 1.0}, {"style/relu1_2": 2.0, "style/relu2_1": 6.0}
    assert loss.weights == pytest.approx(contents | styles | {"tv": 0.5})


@pytest.mark.parametrize(
    ("layers", "shares"),
    [
        (["a", "b", "c", "d"], {"a": 0.25, "b": 0.25, "c": 0.25, "d": 0.25}),
        ({"a": 2, "b": 6}, {"a": 0.25, "b": 0.75}),
        ({"a": 0, "b": 6}, {"a": 0, "b": 1}),
        ([], {}),
    ],
)
def test_shares_add_up_to_one(layers, shares):
    assert layer_weights(layers) == shares


@pytest.mark.parametrize("layers", [{"relu1_2": 0.0}, {"relu1_2": 1.0, "relu2_1": -1.0}])
def test_layers_without_weight_are_refused(layers, make):
    with pytest.raises(InputError, match="weights of layers relu1_2.* add up to 0: they must exceed 0"):
        make(style_layers=layers)


def test_the_total_is_the_weighted_sum_of_the_terms(make, pictures):
    contents, styles = {"relu1_2": 3, "relu1_1": 1}, {"relu1_2": 1, "relu2_1": 3}
    loss = make(style_layers=styles, content_layers=contents, content_weight=2.0, style_weight=8.0, tv_weight=0.5)
    terms = loss(pictures[2], pictures[1])
    weights = {"content/relu1_2": 1.5, "content/relu1_1": 0.5, "style/relu1_2": 2, "style/relu2_1": 6, "tv": 0.5}
    expected = sum(weights[name] * term.item() for name, term in terms.items())
    assert loss.total(terms).item() == pytest.approx(expected)


def test_texture_alone_needs_no_content_layer(make, pictures):
    assert set(make(content_layers=())(pictures[2], pictures[1])) == {"style/relu1_2", "style/relu2_1", "tv"}


def test_gradients_reach_the_images_by_every_term_and_no_target(make, pictures):
    painting, photographs, images = (picture.clone().requires_grad_() for picture in pictures)
    loss = make()
    terms = loss(images, photographs)
    for name in NAMES:
        (gradient,) = torch.autograd.grad(terms[name], images, retain_graph=True)
        assert gradient.abs().amax(dim=(1, 2, 3)).min() > 0, name
    loss.total(terms).backward()
    assert photographs.grad is None
    assert not any(buffer.requires_grad for buffer in PerceptualLoss(loss.extractor, painting, STYLES, ()).buffers())
    assert all(parameter.grad is None for parameter in loss.parameters())


def test_photographs_are_not_read_deeper_than_the_content_layers(make, pictures):
    loss = make()
    sizes = []
    deepest = loss.extractor.body.get_submodule("features.5")
    handle = deepest.register_forward_hook(lambda module, args, output: sizes.append(len(output)))
    loss(pictures[2], pictures[1])
    handle.remove()
    assert sizes == [2]


def test_terms_are_in_float32_under_autocast(make, pictures):
    exact = make()(pictures[2], pictures[1])
    with torch.autocast("cpu", torch.bfloat16):
        terms = make()(pictures[2], pictures[1])
    for name in NAMES:
        assert terms[name].dtype == torch.float32, name
        assert_close(terms[name], exact[name], rtol=0.05, atol=0.01)


def test_everything_moves_with_the_module(make, pictures):
    images, photographs = pictures[2].double(), pictures[1].double()
    terms = make().to(torch.float64)(images, photographs)
    assert {term.dtype for term in terms.values()} == {torch.float64}


def test_a_copy_gives_the_same_terms(make, pictures):
    loss = make()
    assert copy.deepcopy(loss)(pictures[2], pictures[1]) == loss(pictures[2], pictures[1])


def test_a_flat_painting_spoils_no_total(extractor, pictures):
    loss = PerceptualLoss(extractor, torch.full((1, 3, 24, 24), 0.5), STYLES, CONTENTS, tv_weight=0.0)
    assert loss.total(loss(pictures[2], pictures[1])).isfinite()


def test_an_unknown_normalization_is_answered_with_the_nearest(make):
    with pytest.raises(InputError, match="unknown normalization 'jonson': did you mean 'johnson'"):
        make(normalization="jonson")


def test_a_painting_too_small_is_refused(extractor):
    with pytest.raises(InputError, match="an image of 8x8 pixels has no features"):
        PerceptualLoss(extractor, torch.rand(1, 3, 8, 8), STYLES, CONTENTS)
