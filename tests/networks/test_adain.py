"""AdaIN against its formulas in NumPy, and the decoders of naoto0804/pytorch-AdaIN against their forward pass."""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.testing import assert_close

from stylenet.errors import InputError
from stylenet.networks.adain import ENCODERS, AdaIN
from stylenet.networks.checkpoint import describe, load_network, save_network


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return AdaIN("vgg16", "bundled", width=8).eval()


@pytest.fixture(scope="module")
def pictures():
    generator = torch.Generator().manual_seed(0)
    return torch.rand(2, 3, 40, 48, generator=generator), torch.rand(2, 3, 32, 32, generator=generator)


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
    sources = network.encode(paintings).double().numpy()
    for maps, found in zip(features.double().numpy(), result, strict=True):
        expected = numpy_transfer(maps, sources, (0.5, 0.5) if shares is None else shares)
        assert_close(found.double(), torch.from_numpy(expected), atol=1e-3, rtol=1e-3)


def test_a_map_of_shares_mixes_the_moments_at_each_place(network, pictures):
    photographs, paintings = pictures
    left = torch.zeros(1, 1, 40, 48)
    left[..., :24] = 1
    features = network.encode(photographs)
    mixture = torch.cat([left, 1 - left], 1)
    result = network.transfer(features, network.palette(paintings), mixture)
    halves = np.zeros((2, 5, 6))
    halves[0, :, :3], halves[1, :, 3:] = 1, 1
    expected = numpy_transfer(features[0].double().numpy(), network.encode(paintings).double().numpy(), halves)
    assert_close(result[0].double(), torch.from_numpy(expected), atol=1e-3, rtol=1e-3)


def test_each_photograph_may_have_a_palette_of_its_own(network, pictures):
    photographs, paintings = pictures
    both = network(photographs, network.palette(paintings).transpose(0, 1))
    for photograph, painting, image in zip(photographs, paintings, both, strict=True):
        assert_close(network(photograph[None], network.palette(painting[None]))[0], image, atol=1e-5, rtol=1e-4)


def test_statistics_of_the_whole_serve_its_parts(network, pictures):
    photographs, paintings = pictures
    features, palette = network.encode(photographs), network.palette(paintings)
    whole = network.transfer(features, palette)
    variance, mean = torch.var_mean(features, (2, 3), correction=0)
    statistics = torch.stack([mean, (variance + 1e-5).sqrt()], 1)
    part = network.transfer(features[..., :2, :3], palette, statistics=statistics)
    assert_close(part, whole[..., :2, :3], atol=1e-4, rtol=1e-4)


def test_alpha_blends_in_feature_space(network, pictures):
    photographs, paintings = pictures
    palette = network.palette(paintings)
    features = network.encode(photographs)
    papers = copy.deepcopy(network)
    papers.arguments["faithful"] = False
    assert_close(papers(photographs, palette, alpha=0.0), network.decode(features))
    mixed = network.decode(0.7 * features + 0.3 * network.transfer(features, palette))
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
def test_every_encoder_has_a_decoder(backbone):
    network = AdaIN(backbone, "random")
    images = torch.rand(1, 3, 32, 40)
    assert network(images, network.palette(images)).shape == images.shape


def test_the_decoder_of_vgg19_is_the_authors_size():
    assert sum(p.numel() for p in AdaIN("vgg19", "random").decoder.parameters()) == 3_505_219  # PEERS' figure


def test_another_encoder_is_refused():
    with pytest.raises(InputError, match="no decoder for resnet50: take one of vgg16"):
        AdaIN("resnet50", "random")


def test_the_encoder_is_in_no_state_dict_and_moves_along(network):
    moved = copy.deepcopy(network).double()
    assert all(name.startswith("decoder.") for name in moved.state_dict())
    assert all(name.startswith("decoder.") for name, _ in moved.named_parameters())
    assert moved.encode(torch.rand(1, 3, 16, 16, dtype=torch.float64)).dtype == torch.float64


def test_a_slim_file_rebuilds_it(network, pictures, tmp_path):
    save_network(network, tmp_path / "adain.safetensors", describe(network))
    again, metadata = load_network(tmp_path / "adain.safetensors")
    assert metadata["arguments"] == {
        "backbone": "vgg16",
        "weights": "bundled",
        "width": 8,
        "faithful": True,
        "pooling": "max",
    }
    palette = network.palette(pictures[1])
    assert_close(again(pictures[0], again.palette(pictures[1])), network(pictures[0], palette))


def test_an_encoder_that_is_not_at_hand_is_named(tmp_path, monkeypatch, bare_environment):
    network = AdaIN("vgg16", "random")
    network.arguments["weights"] = "imagenet"
    save_network(network, tmp_path / "adain.safetensors", describe(network))
    with pytest.raises(InputError, match=r"no vgg16\.safetensors in"):
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
    """Theirs: encode both, whiten and colour with unbiased variances, decode."""

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
