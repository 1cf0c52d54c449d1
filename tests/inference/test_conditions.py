"""What networks are told of style options, and what is done to their images instead; and the outcome, by formulas."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from stylenet.data.styles import load_style
from stylenet.errors import InputError
from stylenet.inference.conditions import find_styles
from stylenet.inference.style_options import StyleOptions
from stylenet.inference.stylizer import Stylizer
from stylenet.networks.adain import AdaIN
from stylenet.networks.checkpoint import describe, save_network
from stylenet.networks.johnson import JohnsonNet

NAMES = {"styles": ["wave", "quilt", "night"]}


class Negative(nn.Module):
    """A network of one or many styles that keeps what it was given."""

    def __init__(self, num_styles=1):
        super().__init__()
        self.num_styles = num_styles
        self.given = []

    def forward(self, images, **options):
        self.given.append((images, options))
        return 1 - images


class Watched(AdaIN):
    """An AdaIN that keeps the paintings it was shown."""

    def __init__(self):
        super().__init__("vgg16", "bundled", width=4)
        self.shown = []

    def palette(self, paintings):
        self.shown.append(paintings)
        return super().palette(paintings)


FOUR = {
    "exchange": ("relu4_1", "relu3_1", "relu2_1", "relu1_1"),
    "scales": {"relu4_1": 334.0, "relu3_1": 518.0, "relu2_1": 331.0, "relu1_1": 41.7},
}


@pytest.fixture(scope="module", params=[{}, FOUR], ids=["one layer", "four layers"])
def adain(request):
    """An AdaIN with random weights whose images are neither flat nor clamped."""
    generator = torch.Generator().manual_seed(0)
    network = AdaIN("vgg16", "bundled", width=4, **request.param)  # in training mode it clamps nothing
    for tensor in network.parameters():
        tensor.requires_grad_(False).normal_(generator=generator).mul_((2 / tensor[0].numel()) ** 0.5)
        if tensor.dim() == 1:
            tensor.zero_()
    last, image = network.decoder[-1], network.decode(network.encode(rand(64, 64)))
    last.weight.mul_(0.1 / image.std())
    last.bias.fill_(0.5)
    return network.eval()


def rand(*size, seed=0):
    return torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(seed))


def left(height, width):
    mask = torch.zeros(1, 1, height, width)
    mask[..., : width // 2] = 1
    return mask


def moments(features):
    """Mean and deviation of each channel, by NumPy."""
    values = features.double().numpy()
    return values.mean((2, 3), keepdims=True), np.sqrt(values.var((2, 3), keepdims=True) + 1e-5)


@torch.no_grad()
def by_hand(network, image, paintings, shares, alpha=1.0):
    """What AdaIN makes of an image whose sides are multiples of 8: equations 8 and 14, and what is lost between."""
    features, seen = network.encode(image), [network.encode(painting) for painting in paintings]
    blended = {}
    for layer, maps in features.items():
        mean, deviation = moments(maps)
        styles = [moments(found[layer]) for found in seen]
        new_mean = sum(share * style[0] for share, style in zip(shares, styles, strict=True))
        new_deviation = sum(share * style[1] for share, style in zip(shares, styles, strict=True))
        values = maps.double().numpy()
        moved = (values - mean) / deviation * new_deviation + new_mean
        blended[layer] = torch.from_numpy(alpha * moved + (1 - alpha) * values).float()
    lost = image - network.decode(features)  # what the decoder loses
    return (network.decode(blended) + (1 - alpha) * lost).clamp(0, 1)


# Networks for any style


@pytest.mark.parametrize("alpha", [0.0, 0.4, 1.0])
def test_paintings_of_several_sizes_blend_by_their_moments(adain, alpha):
    image, paintings = rand(32, 40), (rand(24, 32, seed=1) ** 3, rand(56, 40, seed=2) / 3)
    options = StyleOptions(paintings, shares=(3, 7), alpha=alpha)
    expected = by_hand(adain, image, paintings, (0.3, 0.7), alpha)
    assert (Stylizer(adain, "cpu", options)(image) - expected).abs().max() < 1e-4


def test_alpha_0_is_the_photograph(adain):
    image = rand(31, 34)
    assert (Stylizer(adain, "cpu", StyleOptions((rand(32, 32, seed=1),), alpha=0))(image) - image).abs().max() < 1e-6


@pytest.mark.parametrize("size", [(1, 1), (33, 70), (24, 9)])
def test_any_size_comes_back(adain, size):
    options = StyleOptions(
        (rand(32, 32, seed=1), rand(32, 32, seed=2)), masks=(left(5, 6),), preserve_color="luminance"
    )
    assert Stylizer(adain, "cpu", options)(rand(*size)).shape == (1, 3, *size)


def test_a_mask_splits_two_paintings(adain):
    image, paintings = rand(16, 256), (rand(32, 32, seed=1) ** 3, rand(32, 32, seed=2) / 3)
    one, other = (Stylizer(adain, "cpu", StyleOptions((painting,)))(image) for painting in paintings)
    both = Stylizer(adain, "cpu", StyleOptions(paintings, masks=(left(16, 256),)))(image)
    assert (both - one)[..., :80].abs().max() < 1e-5  # beyond what the decoder sees of the other half
    assert (both - other)[..., -80:].abs().max() < 1e-5
    assert (one - other).abs().max() > 1e-2


def test_moments_are_computed_once():
    network = Watched()
    stylizer = Stylizer(network, "cpu", StyleOptions((rand(16, 16, seed=1), rand(24, 16, seed=2))))
    for seed in (3, 4):
        stylizer(rand(16, 16, seed=seed))
    assert [painting.shape[-2:] for painting in network.shown] == [(16, 16), (24, 16)]


def test_coral_gives_paintings_the_colors_of_each_photograph():
    network = Watched()
    stylizer = Stylizer(network, "cpu", StyleOptions((rand(40, 40, seed=1),), preserve_color="coral"))
    assert network.shown == []
    photographs = [0.4 + 0.2 * rand(16, 16, seed=3), 0.5 + 0.1 * rand(16, 16, seed=4) ** 2]  # of which none is clamped
    for number, photograph in enumerate(photographs, start=1):
        stylizer(photograph)
        assert len(network.shown) == number
        painting, wanted = (x.double().flatten(2)[0].numpy() for x in (network.shown[-1], photograph))
        assert np.abs(painting.mean(1) - wanted.mean(1)).max() < 1e-3
        assert np.abs(np.cov(painting, bias=True) - np.cov(wanted, bias=True)).max() < 1e-3


def test_larger_strokes_are_those_of_a_larger_painting(adain, tmp_path):
    painting = str(tmp_path / "painting.png")
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)).save(painting)
    (style,) = find_styles(adain, {}, [painting], 48, 1.5)
    assert torch.equal(style, load_style(painting, 72))
    (style,) = find_styles(adain, {}, [painting], None, 0.25)
    assert style.shape[-2:] == (128, 171)


def test_a_painting_that_does_not_fit_is_one_line(monkeypatch, adain):
    def full(self, paintings):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(AdaIN, "palette", full)
    message = "a painting of 9x8 pixels does not fit into the memory of cpu: give a smaller --style-size"
    with pytest.raises(InputError, match=message):
        Stylizer(adain, "cpu", StyleOptions((rand(4, 5), rand(8, 9))))


# Networks of one style, and of many


def test_a_network_of_one_style_is_given_images_alone():
    network, image = Negative(), rand(5, 7)
    assert torch.equal(Stylizer(network, "cpu")(image), 1 - image)
    assert network.given[0][1] == {}


def test_shares_become_rows_of_the_mixture():
    network = Negative(num_styles=4)
    Stylizer(network, "cpu", StyleOptions((2, 0), shares=(1, 3)))(rand(5, 7))
    assert network.given[0][1]["mixture"].tolist() == [[0.75, 0, 0.25, 0]]


def test_a_style_given_twice_has_both_shares():
    network = Negative(num_styles=2)
    Stylizer(network, "cpu", StyleOptions((1, 0, 1), shares=(1, 2, 1)))(rand(5, 7))
    assert network.given[0][1]["mixture"].tolist() == [[0.5, 0.5]]


def test_masks_become_maps_of_the_rows_at_the_size_of_the_image():
    network = Negative(num_styles=3)
    Stylizer(network, "cpu", StyleOptions((2, 0), masks=(left(16, 20),), stroke_scale=2))(rand(16, 20))
    expected = torch.zeros(1, 3, 8, 10)
    expected[:, 2, :, :5] = expected[:, 0, :, 5:] = 1
    mixture = network.given[0][1]["mixture"]
    assert mixture.shape == expected.shape
    assert (mixture - expected)[..., [0, 1, 2, 3, 6, 7, 8, 9]].abs().max() == 0  # soft at the edge alone


def test_rows_mix_as_the_network_mixes_them():
    torch.manual_seed(0)
    network, image = JohnsonNet(width=2, blocks=1, num_styles=3), rand(18, 21)
    with torch.no_grad():
        expected = network.eval()(image, torch.tensor([[0.0, 0.25, 0.75]]))
    assert torch.allclose(Stylizer(network, "cpu", StyleOptions((2, 1), shares=(3, 1)))(image), expected, atol=1e-5)


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_alpha_blends_with_the_photograph(alpha):
    image = rand(5, 7)
    expected = alpha * (1 - image) + (1 - alpha) * image
    assert (Stylizer(Negative(), "cpu", StyleOptions(alpha=alpha))(image) - expected).abs().max() < 1e-6


def test_coral_gives_the_output_the_colors_of_the_photograph():
    photograph = 0.2 + 0.2 * rand(20, 20)
    stylized = Stylizer(Negative(), "cpu", StyleOptions(preserve_color="coral"))(photograph)
    found, wanted = (x.double().flatten(2)[0].numpy() for x in (stylized, photograph))
    assert np.abs(found.mean(1) - wanted.mean(1)).max() < 1e-4
    assert np.abs(np.cov(found) - np.cov(wanted)).max() < 1e-4


@pytest.mark.parametrize("alpha", [1.0, 0.5])
def test_luminance_keeps_the_chroma_of_the_photograph(alpha):
    photograph = 0.3 + 0.3 * rand(150, 9)  # several bands
    before = photograph.clone()
    stylized = Stylizer(Negative(), "cpu", StyleOptions(preserve_color="luminance", alpha=alpha))(photograph)
    assert torch.equal(photograph, before)
    yiq = np.array([[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])
    found, wanted = (np.einsum("ij,jhw->ihw", yiq, x[0].numpy()) for x in (stylized, photograph))
    assert np.abs(found[1:] - wanted[1:]).max() < 1e-4
    assert np.abs(found[0] - (alpha * (1 - wanted[0]) + (1 - alpha) * wanted[0])).max() < 1e-4


def test_black_stays_the_photograph_whatever_else_is_asked_for():
    photograph, mask = rand(8, 10), left(8, 10)
    options = StyleOptions(masks=(mask,), preserve_color="coral", alpha=0.9, stroke_scale=1.5)
    stylized = Stylizer(Negative(), "cpu", options)(photograph)
    assert torch.equal(stylized[..., 5:], photograph[..., 5:])
    assert (stylized - photograph)[..., :5].abs().mean() > 0.05


def test_soft_masks_blend():
    photograph, mask = rand(8, 10), torch.full((1, 1, 4, 4), 0.25)
    stylized = Stylizer(Negative(), "cpu", StyleOptions(masks=(mask,)))(photograph)
    assert (stylized - (0.25 * (1 - photograph) + 0.75 * photograph)).abs().max() < 1e-6


@pytest.mark.parametrize(("scale", "size"), [(2.0, (8, 12)), (0.5, (34, 50)), (4.0, (4, 6)), (1.0, (17, 25))])
def test_strokes_are_scaled_by_what_the_network_sees(scale, size):
    network = Negative()
    stylized = Stylizer(network, "cpu", StyleOptions(stroke_scale=scale))(rand(17, 25))
    assert network.given[0][0].shape == (1, 3, *size)
    assert stylized.shape == (1, 3, 17, 25)
    assert 0 <= stylized.min() <= stylized.max() <= 1


def test_a_pixel_has_large_strokes_too():
    assert Stylizer(Negative(), "cpu", StyleOptions(stroke_scale=4))(rand(1, 1)).shape == (1, 3, 1, 1)


# Styles that are given


def test_names_are_rows():
    assert find_styles(Negative(3), NAMES, ["night", "wave"], None, 1) == (2, 0)


@pytest.mark.parametrize(
    ("styles", "given", "size", "message"),
    [
        (1, ["wave"], None, "this network has one style, the one it was trained for: leave --style out"),
        (3, [], None, "this network has 3 styles: give --style=NAME, of wave, quilt, night"),
        (3, ["wave", "quit"], None, "unknown style of this network 'quit': did you mean 'quilt'"),
        (3, ["wave"], 256, "--style-size is for networks of any style"),
        (1, [], 256, "--style-size is for networks of any style"),
    ],
)
def test_styles_that_do_not_fit_the_network(styles, given, size, message):
    with pytest.raises(InputError, match=message):
        find_styles(Negative(styles), NAMES, given, size, 1)


def test_a_network_for_any_style_needs_one(adain):
    with pytest.raises(InputError, match="this network paints in any style: give --style=PAINTING"):
        find_styles(adain, {}, [], None, 1)


@pytest.mark.parametrize(
    ("network", "styles", "message"),
    [
        (Negative(), (0,), "1 learnt styles have none"),
        (Negative(), (rand(16, 16),), "1 learnt styles have none"),
        (Negative(3), (), "3 learnt styles have their rows"),
        (Negative(3), (3,), "3 learnt styles have their rows"),
        (Negative(3), (rand(16, 16),), "3 learnt styles have their rows"),
        ("adain", (), "any style have paintings"),
        ("adain", (0,), "any style have paintings"),
    ],
)
def test_style_options_of_another_kind_of_network(adain, network, styles, message):
    with pytest.raises(InputError, match=message):
        Stylizer(adain if network == "adain" else network, "cpu", StyleOptions(styles))


def test_a_checkpoint_names_its_styles(tmp_path):
    network = JohnsonNet(width=2, blocks=1, num_styles=3)
    save_network(network, tmp_path / "many.safetensors", describe(network, **NAMES))
    stylizer = Stylizer.from_checkpoint(tmp_path / "many.safetensors", "cpu", styles=["quilt", "wave"], shares=(1, 4))
    assert stylizer.options == StyleOptions((1, 0), shares=(1, 4))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
@pytest.mark.parametrize("way", [None, "coral", "luminance"])
@pytest.mark.parametrize("tile", [None, 64])
def test_cuda_does_as_the_cpu(adain, way, tile):
    torch.manual_seed(0)
    many, image, mask = JohnsonNet(width=2, blocks=1, num_styles=3), rand(90, 130), left(20, 30)
    paintings = (rand(40, 32, seed=1), rand(32, 32, seed=2))
    for network, styles in ((adain, paintings), (many, (2, 0))):
        options = StyleOptions(styles, shares=(1, 3), masks=(mask,), alpha=0.8, preserve_color=way, stroke_scale=1.5)
        expected = Stylizer(network, "cpu", options)(image)
        stylized = Stylizer(network, "cuda", options, tile)(image)
        assert stylized.device.type == "cpu"
        assert (stylized - expected).abs().max() < 0.02
        network.to("cpu")
