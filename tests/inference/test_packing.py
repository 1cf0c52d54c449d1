import mmap

import numpy as np
import pytest
import torch

from stylenet.inference.tiles import Room, packed, unpacked


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
