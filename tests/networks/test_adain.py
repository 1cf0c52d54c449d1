"""AdaIN against its formulas in NumPy, and the decoders of naoto0804/pytorch-AdaIN against their forward pass."""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.testing import assert_close

from stylenet.errors import InputError
from stylenet.networks.adain import AdaIN, Features
from stylenet.networks.checkpoint import describe, load_network, save_network
from stylenet.networks.decoder import ENCODERS

LAYERS = ("relu4_1", "relu3_1", "relu2_1", "relu1_1")
STRIDES = dict(zip(LAYERS, (8, 4, 2, 1), strict=True))
SCALES = {"relu4_1": 334.0, "relu3_1": 518.0, "relu2_1": 331.0, "relu1_1": 41.7}


def made(exchange: str) -> AdaIN:
    """An AdaIN of one layer, as in the paper, or of four, with features scaled to be near 1."""
    torch.manual_seed(0)
    if exchange == "one layer":
        return AdaIN("vgg16", "bundled", width=8, scales=SCALES).eval()
    return AdaIN("vgg16", "bundled", width=8, padding="reflect", exchange=LAYERS, scales=SCALES).eval()


@pytest.fixture(scope="module", params=["one layer", "four layers"])
def network(request):
    return made(request.param)


@pytest.fixture(scope="module")
def deep():
    return made("four layers")


@pytest.fixture(scope="module")
def pictures():
    generator = torch.Generator().manual_seed(0)
    return torch.rand(2, 3, 40, 48, generator=generator), torch.rand(2, 3, 32, 32, generator=generator)


def arrays(features: Features) -> dict[str, np.ndarray]:
    return {layer: maps.double().numpy() for layer, maps in features.items()}


def numpy_moments(maps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means and deviations of the channels of (C, h, w), (C,) each."""
    return maps.mean((1, 2)), np.sqrt(maps.var((1, 2)) + 1e-5)


def numpy_transfer(maps, paintings, shares):
    """Eq. 8, with the moments of several paintings mixed; `shares` is (N,) or (N, h, w)."""
    mean, deviation = maps.mean((1, 2), keepdims=True), np.sqrt(maps.var((1, 2), keepdims=True) + 1e-5)
    result = np.zeros_like(maps)
    for share, painting in zip(shares, paintings, strict=True):
        new_mean = painting.mean((1, 2), keepdims=True)
        new_deviation = np.sqrt(painting.var((1, 2), keepdims=True) + 1e-5)
        result += share * ((maps - mean) / deviation * new_deviation + new_mean)
    return result


@pytest.mark.parametrize("shares", [None, (0.5, 0.5), (0.2, 0.8), (1.0, 0.0)])
def test_features_get_the_mixed_moments_of_the_paintings(shares, network, pictures):
    photographs, paintings = pictures
    features, palette = network.encode(photographs), network.palette(paintings)
    result = network.transfer(features, palette, None if shares is None else torch.tensor([shares]))
    sources = arrays(network.encode(paintings))
    assert tuple(result) == network.exchange
    for layer, given in arrays(features).items():
        for maps, found in zip(given, result[layer], strict=True):
            expected = numpy_transfer(maps, sources[layer], (0.5, 0.5) if shares is None else shares)
            assert_close(found.double(), torch.from_numpy(expected), atol=1e-4, rtol=1e-4)


def test_a_map_of_shares_mixes_the_moments_at_each_place(network, pictures):
    photographs, paintings = pictures
    left = torch.zeros(1, 1, 40, 48)
    left[..., :24] = 1
    mixture = torch.cat([left, 1 - left], 1)
    result = network.transfer(network.encode(photographs), network.palette(paintings), mixture)
    sources = arrays(network.encode(paintings))
    for layer, maps in arrays(network.encode(photographs)).items():
        height, width = maps.shape[-2:]
        halves = np.zeros((2, height, width))
        halves[0, :, : width // 2], halves[1, :, width // 2 :] = 1, 1
        expected = numpy_transfer(maps[0], sources[layer], halves)
        assert_close(result[layer][0].double(), torch.from_numpy(expected), atol=1e-4, rtol=1e-4)


def test_in_each_layer_the_moments_become_those_of_the_painting(deep, pictures):
    photographs = pictures[0]
    painting = pictures[1][:1] * torch.tensor([0.9, 0.5, 0.2])[:, None, None]  # reddish
    features = deep.encode(photographs)
    result = arrays(deep.transfer(features, deep.palette(painting)))
    assert tuple(result) == LAYERS
    painted = arrays(deep.encode(painting))
    for layer, given in arrays(features).items():
        mean, deviation = numpy_moments(painted[layer][0])
        for before, after in zip(given, result[layer], strict=True):
            alive = before.var((1, 2)) > 1e-2  # 1e-5 is added to variances
            assert alive.mean() > 0.5, layer
            assert np.allclose(after.mean((1, 2)), mean, rtol=1e-4, atol=1e-4), layer
            assert np.allclose(after.std((1, 2))[alive], deviation[alive], rtol=1e-3, atol=0), layer
            assert not np.allclose(before.mean((1, 2)), mean, rtol=0.1, atol=0.1)


def test_the_palette_has_the_moments_of_each_layer_in_turn(deep, pictures):
    palette = deep.palette(pictures[1])
    assert palette.shape == (1, 2, 2, 512 + 256 + 128 + 64)
    for number in range(2):
        each = [numpy_moments(maps[number]) for maps in arrays(deep.encode(pictures[1])).values()]
        expected = np.stack([np.concatenate(parts) for parts in zip(*each, strict=True)])
        assert_close(palette[0, number].double(), torch.from_numpy(expected), atol=1e-4, rtol=1e-4)


def test_features_are_those_of_the_encoder_over_constants(network, pictures):
    raw, features = network.encoder(pictures[0]), network.encode(pictures[0])
    for layer, maps in features.items():
        assert maps.shape[2:] == (40 // STRIDES[layer], 48 // STRIDES[layer])
        assert_close(SCALES[layer] * maps, raw[layer])


def test_without_scales_features_are_as_the_encoder_has_them(pictures):
    plain = AdaIN("vgg16", "bundled", width=2, exchange=("relu1_1",))
    assert plain.exchange == ("relu4_1", "relu1_1")  # the deepest is always among them
    for layer, maps in plain.encode(pictures[0]).items():
        assert torch.equal(maps, plain.encoder(pictures[0])[layer])


def decoded_by_hand(state: dict[str, torch.Tensor], features: Features) -> torch.Tensor:
    """What the decoder makes of features: a block's first convolution follows an upsampling, and the lateral it."""

    def convolved(x: torch.Tensor, place: int) -> torch.Tensor:
        x = F.pad(x, (1, 1, 1, 1), mode="reflect")
        return F.conv2d(x, state[f"decoder.{place}.weight"], state[f"decoder.{place}.bias"])

    x, place = convolved(features["relu4_1"], 0).relu(), 2
    for layer, depth in (("relu3_1", 3), ("relu2_1", 2), ("relu1_1", 2)):
        x = convolved(F.interpolate(x, scale_factor=2, mode="nearest"), place)
        if f"laterals.{layer}.weight" in state:
            weight, bias = state[f"laterals.{layer}.weight"], state[f"laterals.{layer}.bias"]
            x = x + F.conv2d(features[layer], weight, bias)
        x, place = x.relu(), place + 2
        for _ in range(1, depth):
            x, place = convolved(x, place), place + 2
            x = x if place == 16 else x.relu()  # linear at the end
    return x


@torch.no_grad()
def test_exchanged_maps_of_shallower_layers_join_where_the_decoder_reaches_their_size(network, pictures):
    photographs, paintings = pictures
    shaken = copy.deepcopy(network).train()  # not clamped
    for parameter in shaken.parameters():
        parameter.add_(0.02 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
    wanted = shaken.transfer(shaken.encode(photographs), shaken.palette(paintings))
    expected = decoded_by_hand(shaken.state_dict(), wanted)
    assert expected.shape == photographs.shape
    assert expected.std() > 0.02
    assert_close(shaken.decode(wanted), expected, atol=1e-4, rtol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("exchange", ["one layer", "four layers"])
def test_an_untrained_decoder_gives_about_the_middle_of_gray(exchange, pictures):
    untrained = made(exchange).train()  # not clamped
    images = untrained.decode(untrained.encode(pictures[0]))
    assert (images - 0.5).abs().mean() < 0.2
    assert abs(images.mean() - 0.5) < 0.15
    raw = {layer: SCALES[layer] * maps for layer, maps in untrained.encode(pictures[0]).items()}
    assert (untrained.decode(raw) - 0.5).abs().mean() > 5  # what features that are not scaled would give


def test_each_photograph_may_have_a_palette_of_its_own(network, pictures):
    photographs, paintings = pictures
    both = network(photographs, network.palette(paintings).transpose(0, 1))
    for photograph, painting, image in zip(photographs, paintings, both, strict=True):
        assert_close(network(photograph[None], network.palette(painting[None]))[0], image, atol=1e-5, rtol=1e-4)


def test_statistics_of_the_whole_serve_its_parts(network, pictures):
    photographs, paintings = pictures
    features, palette = network.encode(photographs), network.palette(paintings)
    whole = network.transfer(features, palette)
    statistics = []
    for maps in features.values():
        variance, mean = torch.var_mean(maps, (2, 3), correction=0)
        statistics.append(torch.stack([mean, (variance + 1e-5).sqrt()], 1))
    cells = {layer: (2 * 8 // STRIDES[layer], 3 * 8 // STRIDES[layer]) for layer in features}
    parts = {layer: maps[..., : cells[layer][0], : cells[layer][1]] for layer, maps in features.items()}
    found = network.transfer(parts, palette, statistics=torch.cat(statistics, 2))
    for layer, (height, width) in cells.items():
        assert_close(found[layer], whole[layer][..., :height, :width], atol=1e-4, rtol=1e-4)


def test_alpha_blends_in_feature_space(network, pictures):
    photographs, paintings = pictures
    palette = network.palette(paintings)
    features = network.encode(photographs)
    papers = copy.deepcopy(network)
    papers.arguments["faithful"] = False
    assert_close(papers(photographs, palette, alpha=0.0), network.decode(features))
    wanted = network.transfer(features, palette)
    mixed = network.decode({layer: 0.7 * maps + 0.3 * wanted[layer] for layer, maps in features.items()})
    assert_close(papers(photographs, palette, alpha=0.3), mixed, atol=1e-5, rtol=1e-4)
    lost = photographs - network.decode(features)
    assert_close(network(photographs, palette, alpha=0.3), (mixed + 0.7 * lost).clamp(0, 1), atol=1e-5, rtol=1e-4)


def test_no_strength_gives_the_photograph_back(network, pictures):
    photographs, paintings = pictures
    assert_close(network(photographs, network.palette(paintings), alpha=0.0), photographs, atol=1e-6, rtol=0)


@pytest.mark.parametrize("size", [(1, 1), (16, 16), (33, 47), (5, 64)])
def test_the_size_given_comes_back(size, network, pictures):
    image = network(torch.rand(1, 3, *size), network.palette(pictures[1]))
    assert image.shape == (1, 3, *size)
    assert image.min() >= 0
    assert image.max() <= 1


@pytest.mark.parametrize("backbone", ENCODERS)
@pytest.mark.parametrize("exchange", [LAYERS[:1], LAYERS])
def test_every_encoder_has_a_decoder(backbone, exchange):
    network = AdaIN(backbone, "random", exchange=exchange)
    images = torch.rand(1, 3, 32, 40)
    assert network(images, network.palette(images)).shape == images.shape


def test_the_decoder_of_vgg19_is_the_authors_size():
    assert sum(p.numel() for p in AdaIN("vgg19", "random").decoder.parameters()) == 3_505_219  # PEERS' figure


def test_another_encoder_is_refused():
    with pytest.raises(InputError, match="no decoder for resnet50: take one of vgg16"):
        AdaIN("resnet50", "random")


@pytest.mark.parametrize("layer", ["relu4_2", "relu5_1", "conv1_1"])
def test_another_layer_to_exchange_is_refused(layer):
    with pytest.raises(InputError, match=f"unknown layer to exchange '{layer}': .*known are relu1_1, .*relu4_1"):
        AdaIN("vgg16", "random", exchange=("relu4_1", layer))


def test_the_encoder_is_in_no_state_dict_and_moves_along(network):
    moved = copy.deepcopy(network).double()
    own = {name.split(".")[0] for name in moved.state_dict()}
    assert own == ({"decoder"} if network.exchange == ("relu4_1",) else {"decoder", "laterals"})
    assert {name for name, _ in moved.named_parameters()} == set(moved.state_dict())
    assert {maps.dtype for maps in moved.encode(torch.rand(1, 3, 16, 16, dtype=torch.float64)).values()} == {
        torch.float64
    }


def test_the_state_dict_of_one_layer_is_as_it_always_was():
    names = [f"decoder.{place}.{kind}" for place in range(0, 16, 2) for kind in ("weight", "bias")]
    assert list(AdaIN("vgg16", "random", width=8).state_dict()) == names


def test_each_further_layer_adds_a_convolution_of_one_place():
    network = AdaIN("vgg16", "random", width=32, exchange=("relu1_1", "relu3_1"))
    assert network.exchange == ("relu4_1", "relu3_1", "relu1_1")
    laterals = {name: tuple(t.shape) for name, t in network.state_dict().items() if not name.startswith("decoder.")}
    assert laterals == {
        "laterals.relu3_1.weight": (128, 256, 1, 1),
        "laterals.relu3_1.bias": (128,),
        "laterals.relu1_1.weight": (32, 64, 1, 1),
        "laterals.relu1_1.bias": (32,),
    }


def test_a_slim_file_rebuilds_it(network, pictures, tmp_path):
    save_network(network, tmp_path / "adain.safetensors", describe(network))
    again, metadata = load_network(tmp_path / "adain.safetensors")
    several = network.exchange == LAYERS
    assert metadata["arguments"] == {
        "backbone": "vgg16",
        "weights": "bundled",
        "width": 8,
        "faithful": True,
        "pooling": "max",
        "padding": "reflect" if several else "zeros",
        "exchange": list(LAYERS) if several else ["relu4_1"],
        "scales": SCALES if several else {"relu4_1": 334.0},
        "colors": False,
    }
    assert (again.exchange, again.scales) == (network.exchange, network.scales)
    palette = network.palette(pictures[1])
    assert_close(again(pictures[0], again.palette(pictures[1])), network(pictures[0], palette))


@pytest.fixture(scope="module")
def colorful():
    torch.manual_seed(0)
    network = AdaIN("vgg16", "bundled", width=8, scales=SCALES, colors=True).eval()
    with torch.no_grad():  # an untrained decoder gives gray of no contrast
        network.decoder[-1].weight.mul_(20)
    return network


def colors_of(image: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    values = image[0].double().flatten(1).numpy()
    return values.mean(1), np.cov(values, bias=True)


@torch.no_grad()
def test_colors_become_those_of_the_painting(colorful, pictures):
    photograph, painting = pictures[0][:1], 0.4 + 0.1 * pictures[1][:1] * torch.tensor([0.9, 0.5, 0.2])[:, None, None]
    papers = copy.deepcopy(colorful)
    papers.arguments["colors"] = False
    before = colors_of(papers(photograph, papers.palette(painting)))
    found = colorful(photograph, colorful.palette(painting))
    for value, other, expected in zip(colors_of(found), before, colors_of(painting), strict=True):
        np.testing.assert_allclose(value, expected, rtol=0.02, atol=1e-4)
        assert not np.allclose(other, expected, rtol=0.2, atol=1e-4)


def test_colors_are_the_last_of_a_palette_and_of_each_painting_its_own(colorful, pictures):
    photographs, paintings = pictures
    palette = colorful.palette(paintings)
    assert palette.shape == (1, 2, 2, 512 + 6)
    both = colorful(photographs, palette.transpose(0, 1))
    for photograph, painting, image in zip(photographs, paintings, both, strict=True):
        alone = colorful(photograph[None], colorful.palette(painting[None]))[0]
        assert_close(alone, image, atol=1e-4, rtol=1e-3)


@torch.no_grad()
def test_each_place_gets_the_colors_of_its_painting(colorful, pictures):
    photograph, half = pictures[0][:1], 0.3 * pictures[1][:1]
    paintings = torch.cat([half + torch.tensor([0.6, 0.1, 0.0])[:, None, None], half + 0.2])
    left = torch.zeros(1, 1, 40, 48)
    left[..., :24] = 1
    image = colorful(photograph, colorful.palette(paintings), torch.cat([left, 1 - left], 1))
    for part, painting in zip(image.split(24, 3), paintings.split(1), strict=True):
        np.testing.assert_allclose(colors_of(part)[0], colors_of(painting)[0], atol=0.02)


def test_colors_come_with_the_strength(colorful, pictures):
    photographs, palette = pictures[0], colorful.palette(pictures[1])
    assert_close(colorful(photographs, palette, alpha=0.0), photographs, atol=1e-6, rtol=0)
    papers = copy.deepcopy(colorful)
    papers.arguments["colors"] = False
    painted = papers(photographs, palette, alpha=0.25)
    whole = papers.color(painted, palette)
    assert torch.equal(whole, painted)
    whole = colorful.color(painted, palette)
    found = colorful(photographs, palette, alpha=0.25)
    inside = (whole > 0) & (whole < 1)
    assert_close(found[inside], (0.75 * painted + 0.25 * whole)[inside], atol=1e-5, rtol=1e-4)


def test_a_file_from_before_several_layers_is_read_as_one_of_one(pictures, tmp_path):
    network = AdaIN("vgg16", "bundled", width=8).eval()
    metadata = describe(network)
    kept = ("backbone", "weights", "width", "faithful", "pooling")
    save_network(
        network, tmp_path / "old.safetensors", metadata | {"arguments": {key: network.arguments[key] for key in kept}}
    )
    again, _ = load_network(tmp_path / "old.safetensors")
    palette = network.palette(pictures[1])
    assert palette.shape == (1, 2, 2, 512)
    assert torch.equal(again(pictures[0], palette), network(pictures[0], palette))


def test_an_encoder_that_is_not_at_hand_is_named(tmp_path, monkeypatch, bare_environment):
    network = AdaIN("vgg_normalised", "random", width=2)
    network.arguments["weights"] = "imagenet"
    save_network(network, tmp_path / "adain.safetensors", describe(network))
    with pytest.raises(InputError, match=r"no vgg_normalised\.pth in"):
        load_network(tmp_path / "adain.safetensors")


ENCODER = [(3, 3), (3, 64), (64, 64), (64, 128), (128, 128), (128, 256), (256, 256), (256, 256), (256, 256), (256, 512)]
ENCODER_PLACES = (0, 2, 5, 9, 12, 16, 19, 22, 25, 29)
POOLS_AFTER = (5, 12, 25)
DECODER = [(512, 256), (256, 256), (256, 256), (256, 256), (256, 128), (128, 128), (128, 64), (64, 64), (64, 3)]
DECODER_PLACES = (1, 5, 8, 11, 14, 18, 21, 25, 28)
DOUBLED_BEFORE = (5, 18, 25)


def published_state(places, shapes, gain):
    """The state dict of a bare Sequential, random."""
    generator = torch.Generator().manual_seed(len(places))
    state = {}
    for place, (channels, out) in zip(places, shapes, strict=True):
        kernel = 1 if place == 0 else 3
        scale = gain * (2 / (channels * kernel**2)) ** 0.5
        state[f"{place}.weight"] = scale * torch.randn(out, channels, kernel, kernel, generator=generator)
        state[f"{place}.bias"] = 0.1 * torch.randn(out, generator=generator)
    return state


def published_forward(encoder, decoder, photograph, painting):
    """Theirs: encode both, whiten and color with unbiased variances, decode."""

    def encode(x):
        x = F.conv2d(x, encoder["0.weight"], encoder["0.bias"])
        for place in ENCODER_PLACES[1:]:
            x = F.conv2d(nn.ReflectionPad2d(1)(x), encoder[f"{place}.weight"], encoder[f"{place}.bias"]).relu()
            x = F.max_pool2d(x, 2, ceil_mode=True) if place in POOLS_AFTER else x
        return x

    def statistics(x):
        return x.mean((2, 3), keepdim=True), (x.var((2, 3), keepdim=True) + 1e-5).sqrt()

    content, style = encode(photograph), encode(painting)
    (mean, deviation), (new_mean, new_deviation) = statistics(content), statistics(style)
    x = (content - mean) / deviation * new_deviation + new_mean
    for place in DECODER_PLACES:
        x = F.interpolate(x, scale_factor=2, mode="nearest") if place in DOUBLED_BEFORE else x
        x = F.conv2d(nn.ReflectionPad2d(1)(x), decoder[f"{place}.weight"], decoder[f"{place}.bias"])
        x = x.relu() if place != 28 else x
    return x


@pytest.fixture
def published(tmp_path):
    """A folder with the two files of naoto0804/pytorch-AdaIN, and their tensors."""
    encoder = published_state(ENCODER_PLACES, ENCODER, 1.0)
    decoder = published_state(DECODER_PLACES, DECODER, 1.0)
    decoder["28.weight"] *= 0.05
    decoder["28.bias"] += 0.5
    torch.save(encoder, tmp_path / "vgg_normalised.pth")
    torch.save(decoder, tmp_path / "decoder_iter_160000.pth.tar")
    return tmp_path, encoder, decoder


def test_a_published_decoder_gives_what_its_authors_code_gives(published):
    folder, encoder, decoder = published
    network, metadata = load_network(folder / "decoder_iter_160000.pth.tar")
    assert metadata["source"] == "naoto0804/pytorch-AdaIN"
    photograph, painting = torch.rand(1, 3, 128, 160), torch.rand(1, 3, 128, 128)
    expected = published_forward(encoder, decoder, photograph, painting)
    network.train()  # not clamped, as theirs
    found = network(photograph, network.palette(painting))
    # theirs divides variances by n - 1: with 320 and 256 places at the encoder's end, deviations differ by 0.04 %
    assert_close(found, expected, atol=2e-3, rtol=0)
    assert expected.std() > 0.05


def test_a_published_decoder_without_its_encoder_says_which_file_is_missing(published, monkeypatch):
    folder, *_ = published
    (folder / "vgg_normalised.pth").unlink()
    monkeypatch.setenv("STYLENET_WEIGHTS", str(folder))
    with pytest.raises(InputError, match=r"no vgg_normalised\.pth in"):
        load_network(folder / "decoder_iter_160000.pth.tar")


def test_a_damaged_published_decoder_is_refused(published):
    folder, _, decoder = published
    decoder["28.weight"] = decoder["28.weight"][:2]
    torch.save(decoder, folder / "decoder.pth")
    with pytest.raises(InputError, match="does not fit"):
        load_network(folder / "decoder.pth")
