"""The power law of a plot, and the captions of a sheet."""

import numpy as np
import pytest
import torch

from stylenet.studies.plots import GAP, LINE, PowerLaw, captioned, fit_power_law


def law(x: np.ndarray, a: float, b: float, c: float) -> np.ndarray:
    return a + b * x**-c


def test_nine_tenths_of_the_way_are_gone_where_it_says():
    x = np.arange(1.0, 40)
    found = fit_power_law(list(x), list(law(x, 0.5, -0.4, 0.5)))
    assert (found.limit, found.slope, found.exponent, found.r2) == pytest.approx((0.5, -0.4, 0.5, 1), abs=1e-4)
    way = (found(np.array([found.nine_tenths])) - found(np.array([1.0]))) / (found.limit - found(np.array([1.0])))
    assert way == pytest.approx(0.9, abs=1e-6)


def test_it_reads_as_a_formula():
    assert str(PowerLaw(0.5, -0.4, 0.5, 0.987)) == "0.5 - 0.4 n^-0.50 (R² 0.987)"


def test_three_points_are_too_few():
    assert fit_power_law([1, 2, 3], [1, 2, 3]) is None


def test_captions_stand_over_their_columns():
    white, black = torch.ones(1, 3, 20, 60), torch.zeros(1, 3, 20, 60)
    sheet = captioned([[white, black], [white, black]], ["name", ""])
    top = GAP + LINE
    assert sheet.shape == (1, 3, top + GAP + 2 * (20 + GAP), GAP + 2 * (60 + GAP))
    assert sheet[..., :top, : 60 + GAP].min() < 0.5  # ink
    assert sheet[..., :top, 60 + GAP :].min() == 1
    assert torch.equal(sheet[..., top + GAP : top + GAP + 20, 60 + 2 * GAP : -GAP], black)


def test_captions_are_whole_and_apart_over_narrow_pictures():
    narrow = torch.zeros(1, 3, 20, 30)
    wide = captioned([[narrow, narrow]], ["photograph", "photograph"])
    column = (wide.shape[-1] - GAP) // 2
    alone = captioned([[torch.zeros(1, 3, 20, 300)]], ["photograph"])[
        ..., : GAP + LINE, :
    ]  # with all the room there is
    (ink,) = (alone.amin((0, 1, 2)) < 0.5).nonzero().T
    for left in (0, column):
        strip = wide[..., : GAP + LINE, left : left + column]
        assert torch.equal(strip[..., : ink.max() + 1], alone[..., : ink.max() + 1])
        assert strip[..., ink.max() + 2 :].min() > 0.9
    picture = wide[..., GAP + LINE + GAP : -GAP, GAP:column]
    assert picture[..., : (column - GAP - 30) // 2].min() == 1  # white beside it
    assert (picture == 0).sum() == narrow.numel()
