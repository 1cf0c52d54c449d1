import numpy as np
import torch

from stylenet.inference.packing import packed, unpacked


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
