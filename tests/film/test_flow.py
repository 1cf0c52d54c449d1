"""Optical flow: of pictures whose motion is known, and of places that were hidden."""

import sys

import numpy as np
import pytest
import torch

from stylenet.errors import InputError
from stylenet.film.flow import carried, dis_flow, farneback_flow, gray, visible


def texture(height, width):
    """A picture of blots of about 6 pixels, float32, (H, W, 3)."""
    coarse = torch.rand(1, 3, height // 6 + 1, width // 6 + 1, generator=torch.Generator().manual_seed(0))
    image = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic").clamp(0, 1)
    return image[0].permute(1, 2, 0).contiguous().numpy()


@pytest.mark.parametrize("find", [dis_flow, farneback_flow])
def test_the_flow_of_a_shift_is_that_shift(find):
    scene = texture(120, 160)
    here, there = gray(scene[5:115, 10:155]), gray(scene[2:112, 6:151])
    inner = find(here, there)[20:-20, 20:-20]
    assert np.abs(inner - [4, 3]).max() < 0.5  # (right, down)


@pytest.mark.parametrize("size", [(1, 1), (5, 9), (11, 40), (16, 2000), (40, 16)])
def test_small_pictures_have_a_flow_too(size):
    image = gray(texture(*size))
    flow = dis_flow(image, image)
    assert flow.shape == (*size, 2)
    assert np.abs(flow).max() < 0.01


def test_gray_weighs_colors_as_the_eye_does():
    pixels = np.eye(3, dtype=np.float32)[None]
    assert gray(pixels).tolist() == [[round(255 * 0.299), round(255 * 0.587), round(255 * 0.114)]]


def test_a_carried_picture_has_moved():
    scene = texture(20, 30)
    flow = np.full((20, 30, 2), (3, -2), np.float32)
    assert np.abs(carried(scene, flow)[2:, :-3] - scene[:-2, 3:]).max() < 1e-5


def test_hidden_is_what_the_flow_back_misses():
    flow = np.zeros((8, 12, 2), np.float32)
    back = flow.copy()
    flow[..., 0], back[..., 0] = 2, -2
    back[:, 6] = -1.29, 0  # (2 - 1.29)^2 = 0.50 is below 0.01 (4 + 1.29^2) + 0.5 = 0.56
    back[:, 7] = -1.2, 0  # (2 - 1.2)^2 = 0.64 is above 0.01 (4 + 1.2^2) + 0.5 = 0.55
    seen = visible(flow, back)
    assert seen[:, :10].sum() == 8 * 9
    assert not seen[:, 5].any()  # it leads to column 7
    assert not seen[:, 10:].any()  # beyond the border


def test_without_opencv_the_mend_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(InputError, match=r"OpenCV, which is not installed: run pip install 'stylenet\[video\]'"):
        gray(np.zeros((2, 2, 3), np.float32))
