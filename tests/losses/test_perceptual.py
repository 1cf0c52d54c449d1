"""The perceptual loss: its terms, its weights, its targets."""

import copy

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from stylenet.errors import InputError
from stylenet.features.extractor import FeatureExtractor
from stylenet.losses.content import NORMALIZATIONS
from stylenet.losses.multiscale import perceptual_loss
from stylenet.losses.options import LossOptions
from stylenet.losses.perceptual import PerceptualLoss
from stylenet.losses.terms import Style

STYLES, CONTENTS = ("relu1_2", "relu2_1"), ("relu1_2", "relu1_1")
NAMES = {"content/relu1_2", "content/relu1_1", "style/relu1_2", "style/relu2_1", "tv"}


def loss_options(**options):
    return LossOptions(**{"style_layers": STYLES, "content_layers": CONTENTS} | options)


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
        return PerceptualLoss(extractor, pictures[0], loss_options(**options))

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
    ("layers", "message"),
    [
        ({"relu1_2": 0.0}, "weights of layers relu1_2 add up to 0: they must exceed 0"),
        ({"relu1_2": 3.0, "relu2_1": -1.0}, "the weight of layer relu2_1 is -1.0: give 0 or more"),
        ({"relu1_2": float("inf")}, "the weight of layer relu1_2 is inf"),
    ],
)
def test_weights_of_layers_that_make_no_sense_are_refused(layers, message, make):
    with pytest.raises(InputError, match=message):
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
    assert not any(buffer.requires_grad for buffer in PerceptualLoss(loss.extractor, painting, loss.options).buffers())
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
    terms = copy.deepcopy(make()).to(torch.float64)(images, photographs)  # the extractor is shared with other tests
    assert {term.dtype for term in terms.values()} == {torch.float64}


def test_a_copy_gives_the_same_terms(make, pictures):
    loss = make()
    assert copy.deepcopy(loss)(pictures[2], pictures[1]) == loss(pictures[2], pictures[1])


def test_a_flat_painting_spoils_no_total(extractor, pictures):
    loss = PerceptualLoss(extractor, torch.full((1, 3, 24, 24), 0.5), loss_options(tv_weight=0.02))
    assert loss.total(loss(pictures[2], pictures[1])).isfinite()


def test_a_painting_too_small_is_refused(extractor):
    with pytest.raises(InputError, match="an image of 8x8 pixels has no features"):
        PerceptualLoss(extractor, torch.rand(1, 3, 8, 8), loss_options())


def test_forward_is_the_mean_over_the_batch(make, pictures):
    loss = make(secondary_layers=["relu2_1"], secondary_weight=0.1)
    terms = loss(pictures[2], pictures[1])
    singles = [loss(image, photo) for image, photo in zip(pictures[2].split(1), pictures[1].split(1), strict=True)]
    for name, term in terms.items():
        assert_close(term, (singles[0][name] + singles[1][name]) / 2)


def test_terms_without_weight_are_left_out(make, pictures):
    assert set(make(content_weight=0.0, tv_weight=0.0)(pictures[2], pictures[1])) == {"style/relu1_2", "style/relu2_1"}
    content = make(style_weight=0.0, tv_weight=0.0)
    assert set(content(pictures[2], pictures[1])) == {"content/relu1_2", "content/relu1_1"}
    with pytest.raises(AttributeError):
        content.extractor.body.get_submodule("features.5")  # nothing deeper than relu1_2 is computed


def test_secondary_content_is_content_at_other_layers(make, pictures):
    loss = make(secondary_layers=["relu2_1"], secondary_weight=0.1)
    reference = make(content_layers=["relu2_1"])
    assert loss.weights["secondary/relu2_1"] == 0.1
    assert loss(pictures[2], pictures[1])["secondary/relu2_1"] == reference(pictures[2], pictures[1])["content/relu2_1"]


def test_the_combined_term_begins_with_the_snapshot(make, pictures):
    _, photographs, images = pictures
    loss = make(combined_weight=0.5)
    before = loss.targets(photographs)
    assert not any(name.startswith("combined/") for name in loss.per_item(images, before))
    after = loss.with_snapshot(before, images)
    terms = loss.per_item(images, after)
    assert terms["combined/relu1_2"].tolist() == [0, 0]
    assert_close(
        loss.per_item(photographs, after)["combined/relu1_1"],
        loss.per_item(photographs, loss.targets(images))["content/relu1_1"],
    )


def test_pseudo_labels_are_reconstructed_in_pixels_and_features(make, pictures):
    _, photographs, images = pictures
    loss = make(pixel_weight=1.0, perceptual_weight=1.0, normalization="johnson")
    terms = loss(images, photographs, labels=images.flip(0))
    assert terms["pixel"].item() == pytest.approx(((images - images.flip(0)) ** 2).mean().item())
    assert terms["perceptual/relu1_1"] == make(normalization="johnson")(images, images.flip(0))["content/relu1_1"]
    with pytest.raises(InputError, match="need pseudo-labels"):
        loss(images, photographs)


def test_several_styles_are_weighted(make, extractor, pictures):
    painting, photographs, images = pictures
    other = painting.flip(1)
    both = PerceptualLoss(extractor, [Style(painting, 3.0), Style(other, 1.0)], loss_options())
    first, second = make(), PerceptualLoss(extractor, other, loss_options())
    name = "style/relu2_1"
    expected = 0.75 * first(images, photographs)[name] + 0.25 * second(images, photographs)[name]
    assert_close(both(images, photographs)[name], expected)


def test_masks_put_each_style_where_it_was_asked(extractor, pictures):
    """The left half is one painting and the right half another: the masked loss of that image is nearly nothing."""
    left, right = pictures[0], pictures[0].flip(1) * 0.5
    styles = [Style(image.repeat(1, 1, 2, 2)) for image in (left, right)]
    collage = torch.cat([left.repeat(1, 1, 2, 1), right.repeat(1, 1, 2, 1)], -1)
    masks = torch.zeros(1, 2, 48, 48)
    masks[:, 0, :, :24], masks[:, 1, :, 24:] = 1, 1
    loss = PerceptualLoss(extractor, styles, loss_options(tv_weight=0.0))
    asked = loss.per_item(collage, loss.targets(collage, masks))["style/relu1_2"]
    swapped = loss.per_item(collage, loss.targets(collage, masks.flip(1)))["style/relu1_2"]
    everywhere = loss.per_item(collage, loss.targets(collage))["style/relu1_2"]
    assert asked < 0.1 * swapped
    assert asked < 0.2 * everywhere
    with pytest.raises(InputError, match="1 masks for 2 styles"):
        loss.targets(collage, masks[:, :1])


def test_a_part_of_a_painting_may_be_the_style(extractor, pictures):
    painting = torch.cat([pictures[0], torch.ones(1, 3, 24, 24)], -1)
    mask = torch.cat([torch.ones(1, 1, 24, 24), torch.zeros(1, 1, 24, 24)], -1)
    part = PerceptualLoss(extractor, [Style(painting, mask=mask)], loss_options())
    whole = PerceptualLoss(extractor, painting, loss_options())
    terms = [loss(pictures[0], pictures[0])["style/relu1_2"] for loss in (part, whole)]
    assert terms[0] < 0.1 * terms[1]


def test_restyled_has_other_paintings_and_the_same_extractor(make, pictures):
    loss = make()
    other = loss.restyled([Style(pictures[2][:1])])
    assert other(pictures[2][:1], pictures[1][:1])["style/relu1_2"] < 1e-10
    assert (
        other.extractor.body.features.get_submodule("0").weight.data_ptr()
        == loss.extractor.body.features.get_submodule("0").weight.data_ptr()
    )


@pytest.mark.parametrize("scales", [1, 2])
@pytest.mark.parametrize("statistic", ["gram", "moments"])
def test_each_photograph_may_have_a_painting_of_its_own(statistic, scales, extractor, pictures):
    photographs, images = (batch.repeat(1, 1, 2, 2) for batch in pictures[1:])
    paintings = photographs.flip(0)
    options = loss_options(statistic=statistic, scales=scales)
    loss = perceptual_loss(extractor, [], options)
    terms = loss.per_item(images, loss.targets(photographs, styles=loss.statistics(paintings)))
    for item in range(2):
        one = slice(item, item + 1)
        single = perceptual_loss(extractor, paintings[one], options)
        expected = single.per_item(images[one], single.targets(photographs[one]))
        assert_close({name: term[one] for name, term in terms.items()}, expected)
