"""The sizes of the pyramid, and what is mirrored on at the borders."""

import pytest
import torch

from stylenet.errors import InputError
from stylenet.gatys.objective import Stage, extended, plan


def test_sizes_go_from_coarse_to_fine_with_half_the_steps():
    assert plan(101, 3, 512, 16) == [Stage(4, 51), Stage(2, 51), Stage(1, 101)]
    assert plan(100, 1, 512, 16) == [Stage(1, 100)]


def test_sizes_without_features_are_left_out():
    assert plan(10, 4, 100, 32) == [Stage(2, 5), Stage(1, 10)]


@pytest.mark.parametrize(("steps", "levels", "message"), [(0, 1, "steps is 0"), (1, 0, "pyramid is 0")])
def test_no_steps_and_no_sizes_are_refused(steps, levels, message):
    with pytest.raises(InputError, match=message):
        plan(steps, levels, 100, 16)


@pytest.mark.parametrize(("size", "wide"), [((33, 48), (48, 48)), ((5, 7), (16, 16)), ((16, 32), (16, 32))])
def test_borders_are_mirrored_up_to_whole_cells(size, wide):
    images = torch.rand(2, 3, *size)
    result = extended(images)
    assert result.shape[-2:] == wide
    assert torch.equal(result[..., : size[0], : size[1]], images)
    if size == (33, 48):
        assert torch.equal(result[..., 33, :], images[..., 31, :])
