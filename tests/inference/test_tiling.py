import mmap

import numpy as np
import pytest
import torch
from torch import nn

from stylenet.errors import InputError
from stylenet.inference import tiling
from stylenet.inference.tiles import Moments, Room, Tiles, packed, unpacked
from stylenet.inference.tiling import tile_for, tiled
from stylenet.networks.adain import AdaIN
from stylenet.networks.johnson import JohnsonNet
from stylenet.networks.layers import Conv

CPU = torch.device("cpu")
SIZES = [(64, 64), (93, 70), (131, 66)]


@pytest.fixture(autouse=True)
def seeded():
    """The same weights whatever ran before: some untrained networks by batch norm give nearly black."""
    torch.manual_seed(0)


def shaken(network, seed=0):
    """Random norm weights, statistics and biases too, so that nothing is hidden by zeros and ones."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in network.state_dict().items():
        noise = 0.1 * torch.randn(tensor.shape, generator=generator)
        if tensor.is_floating_point():
            tensor.add_(noise.abs() if name.endswith("running_var") else noise)
    return network.eval()


def picture(height, width):
    """Noise that is dark on the left and bright on the right: tiles' own statistics are not the image's."""
    return torch.rand(1, 3, height, width) * torch.linspace(0, 1, width)


def shares(count, height, width):
    return torch.randn(1, count, height, width).mul(3).softmax(1)


@pytest.fixture
def unrounded(monkeypatch):
    """Maps are kept in float32: what differs comes from the tiles."""

    class Room:
        def __init__(self, *shape):
            self.maps = torch.empty(1, *shape)

        def forget(self, rows):
            self.maps[..., :rows, :] = torch.nan  # so that whoever reads them is found out

    monkeypatch.setattr(tiling, "Room", Room)
    monkeypatch.setattr(tiling, "unpacked", lambda maps: maps)


@torch.inference_mode()
def largest_difference(network, image, tile, **condition):
    whole = network(image, **condition)
    assert whole.std() > 0.05  # else anything would do
    found = tiled(network, image, tile, CPU, **condition)
    assert found.shape == whole.shape
    return float((found - whole).abs().max())


@pytest.mark.parametrize(
    ("size", "norm", "output"),  # each norm with each size and with each output
    [
        *zip(SIZES, ["instance"] * 3, ["tanh", "linear", "residual"], strict=True),
        *zip(SIZES, ["batch"] * 3, ["linear", "residual", "tanh"], strict=True),
    ],
)
def test_tiles_give_what_the_whole_image_gives(unrounded, size, norm, output):
    network = shaken(JohnsonNet(width=8, norm=norm, blocks=2, output=output))
    for tile in (8, 27, 64, 500):
        assert largest_difference(network, picture(*size), tile) < 1e-4


def test_rounding_of_kept_maps_does_not_show():
    network = shaken(JohnsonNet(width=8, blocks=5))
    assert 1e-6 < largest_difference(network, picture(100, 90), 32) < 0.1 / 255


def test_statistics_of_the_tiles_alone_would_leave_seams():
    """That the test above is able to fail."""
    network, image = shaken(JohnsonNet(width=8, blocks=2)), picture(64, 64)
    with torch.inference_mode():
        halves = torch.cat([network(half) for half in image.split(32, 3)], 3)
        assert (halves - network(image)).abs().max() > 0.1


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("places", [True, False])
def test_mixtures_of_styles(unrounded, size, places):
    network = shaken(JohnsonNet(width=4, blocks=1, num_styles=3))
    mixture = shares(3, *size) if places else torch.tensor([[0.2, 0.5, 0.3]])
    assert largest_difference(network, picture(*size), 20, mixture=mixture) < 1e-4


FOUR = {
    "exchange": ("relu4_1", "relu3_1", "relu2_1", "relu1_1"),
    "scales": {"relu4_1": 334.0, "relu3_1": 518.0, "relu2_1": 331.0, "relu1_1": 41.7},
    "padding": "reflect",
}
ONE = {"scales": {"relu4_1": 334.0}}
COLORS = ONE | {"colors": True}


def adain(**options):
    """An AdaIN whose decoder gives more than the near gray of one that is untrained."""
    torch.manual_seed(0)
    network = AdaIN("vgg16", "bundled", width=16, **options).eval()
    for layer in network.decoder:
        if isinstance(layer, Conv):
            nn.init.kaiming_normal_(layer.weight)
    return network


@pytest.mark.parametrize("options", [ONE, FOUR, COLORS], ids=["one layer", "four layers", "colors"])
@pytest.mark.parametrize("size", [(66, 93), (67, 150), pytest.param((150, 205), marks=pytest.mark.slow)])
@pytest.mark.parametrize("places", [True, False])
def test_adain(unrounded, options, size, places):
    network = adain(**options)
    palette = network.palette(torch.rand(2, 3, 64, 64) * torch.linspace(0.2, 1, 64))
    mixture = shares(2, *size) if places else None
    tile, alpha = (64, 0.7) if places else (72, 1.0)  # of 150 pixels a tile and two halos are a part
    condition = {"palette": palette, "mixture": mixture, "alpha": alpha}
    assert largest_difference(network, picture(*size), tile, **condition) < 2e-5


def test_moments_of_the_tiles_of_an_adain_alone_would_leave_seams():
    """That the test above is able to fail."""
    network, image = adain(**FOUR), picture(64, 256)
    palette = network.palette(torch.rand(1, 3, 64, 64))
    with torch.inference_mode():
        halves = torch.cat([network(half, palette) for half in image.split(128, 3)], 3)
        assert (halves - network(image, palette)).abs().max() > 0.1


def test_thin_images_are_done_at_once():
    network, calls = shaken(JohnsonNet(width=2, blocks=1, num_styles=2)), []
    image, mixture = picture(3, 200), torch.tensor([[0.4, 0.6]])
    found = tiled(network, image, 16, CPU, lambda *progress: calls.append(progress), mixture=mixture)
    with torch.inference_mode():
        assert torch.equal(found, network(image, mixture))
    assert calls == []


@pytest.mark.parametrize("norm", ["instance", "batch"])
def test_progress_counts_to_the_total(norm):
    calls = []
    network = JohnsonNet(width=2, norm=norm, blocks=1)
    tiled(network, picture(70, 70), 32, CPU, lambda *progress: calls.append(progress))
    total = calls[0][1]
    assert calls == [(done, total) for done in range(1, total + 1)]
    assert total % 9 == 0


def test_an_adain_takes_two_sweeps():
    calls, palette = [], torch.rand(1, 1, 2, 512)
    tiled(AdaIN("vgg16", "random", 2), picture(64, 130), 64, CPU, lambda *given: calls.append(given), palette=palette)
    assert calls == [(done, 6) for done in range(1, 7)]


def test_callback_may_stop():
    def stop(done, total):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tiled(JohnsonNet(width=2, blocks=1), picture(70, 70), 32, CPU, stop)


@pytest.mark.parametrize(("network", "least"), [(JohnsonNet(2, blocks=1), 8), (AdaIN("vgg16", "random", 2), 64)])
def test_tile_smaller_than_its_overlap(network, least):
    condition = {"palette": torch.zeros(1, 1, 2, 512)} if isinstance(network, AdaIN) else {}
    with pytest.raises(InputError, match=f"use --tile={least} or more"):
        tiled(network, picture(64, 64), least - 1, CPU, **condition)


def test_other_networks():
    with pytest.raises(InputError, match="a Identity cannot be tiled: leave --tile away"):
        tiled(nn.Identity(), picture(64, 64), 32, CPU)


def test_image_and_network_are_left_as_they_were():
    network, image = shaken(JohnsonNet(width=2, blocks=1)), picture(66, 65)
    before, tensors = image.clone(), {name: tensor.clone() for name, tensor in network.state_dict().items()}
    tiled(network, image, 16, CPU)
    assert torch.equal(image, before)
    assert all(torch.equal(tensor, tensors[name]) for name, tensor in network.state_dict().items())


def test_moments_merge_to_those_of_all():
    maps = torch.randn(1, 3, 50, 41) * torch.tensor([1e-3, 1, 50])[:, None, None] + 1000 * torch.linspace(-1, 1, 41)
    merged = Moments()
    for part in maps.split(7, 3):
        for tile in part.split(13, 2):
            merged.add(tile)
    exact = maps.double().numpy()
    assert torch.allclose(merged.mean, torch.from_numpy(exact.mean((0, 2, 3))), rtol=0, atol=1e-3)
    assert torch.allclose(merged.variance, torch.from_numpy(exact.var((0, 2, 3))), rtol=1e-5)


def test_tiles_cover_each_cell_once():
    tiles = Tiles(height=7, width=11, side=3, halo=2, passes=1)
    count = torch.zeros(7, 11)
    for row in tiles.rows():
        for tile in row:
            tile.cut(count).add_(1)
            window = tiles.window(tile)
            assert window.top == max(0, tile.top - 2)
            assert window.right == min(11, tile.right + 2)
    assert torch.equal(count, torch.ones(7, 11))


def test_a_sweep_may_write_what_it_reads():
    maps = torch.rand(1, 1, 23, 17)
    blurred = nn.AvgPool2d(5, 1, 2, count_include_pad=False)
    expected, tiles = blurred(maps), Tiles(23, 17, side=4, halo=2, passes=1)
    tiles.sweep(lambda window: blurred(window.cut(maps)), into=maps, late=True)
    assert torch.allclose(maps, expected)


def test_bytes_hold_fifteen_bits_of_each_value():
    generator = torch.Generator().manual_seed(0)
    maps = torch.randn(1, 4, 30, 50, generator=generator) * torch.logspace(-30, 30, 50)
    data = packed(maps)
    assert data.dtype == torch.uint8
    assert data.shape == (1, 12, 30, 50)
    found, exact = unpacked(data).numpy().astype(np.float64), maps.numpy().astype(np.float64)
    away = np.abs(found / exact - 1)
    assert 2**-17 < away.max() <= 2**-16
    assert abs((found / exact - 1).mean()) < 1e-6  # rounded, not cut off


def test_short_numbers_are_kept_exactly():
    values = torch.tensor([0.0, -1.5, 255.0, -65535.0, 2.0**-100, float("inf")])
    assert torch.equal(unpacked(packed(values.view(1, 1, 2, 3))).flatten(), values)


def test_a_window_of_the_bytes_is_a_window_of_the_maps():
    maps = torch.arange(2 * 9 * 8.0).view(1, 2, 9, 8)
    assert torch.equal(unpacked(packed(maps)[..., 2:7, 3:]), maps[..., 2:7, 3:])


def test_rows_are_given_back_and_the_others_stay():
    kept, maps = Room(2, 40, 700), torch.rand(1, 2, 40, 700)
    kept.maps.copy_(packed(maps))
    kept.forget(17)
    assert torch.equal(unpacked(kept.maps[..., 17:, :]), unpacked(packed(maps))[..., 17:, :])


@pytest.mark.skipif(not hasattr(mmap, "MADV_DONTNEED"), reason="the system takes no part of a mapping")
def test_rows_given_back_take_no_memory():
    kept = Room(1, 64, mmap.PAGESIZE)
    kept.maps.fill_(1)
    kept.forget(5)
    assert not kept.maps[..., :5, :].any()
    assert kept.maps[..., 5:, :].all()


@pytest.mark.parametrize("network", [JohnsonNet(width=32, blocks=1), AdaIN("vgg16", "random", 2)])
def test_only_what_does_not_fit_into_memory_is_cut_unasked(monkeypatch, network):
    monkeypatch.setattr(tiling, "most_memory", lambda: 4 * 10**9)
    assert tile_for(network, CPU, 1000, 1500) is None
    assert tile_for(network, CPU, 5000, 8000) == 512
    assert tile_for(network, torch.device("cuda"), 5000, 8000) is None
    assert tile_for(nn.Identity(), CPU, 5000, 8000) is None
    monkeypatch.setattr(tiling, "most_memory", lambda: 100 * 10**9)
    assert tile_for(network, CPU, 5000, 8000) is None
    monkeypatch.setattr(tiling, "most_memory", lambda: None)
    assert tile_for(network, CPU, 5000, 8000) is None


def test_a_blend_is_cut_sooner(monkeypatch):
    monkeypatch.setattr(tiling, "most_memory", lambda: 4 * 10**9)
    network = JohnsonNet(width=32, blocks=1, num_styles=2)
    assert tile_for(network, CPU, 2000, 3000) is None
    assert tile_for(network, CPU, 2000, 3000, mixed=True) == 512
