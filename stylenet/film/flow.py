"""Where things have moved from one frame of a film to another: optical flow, by OpenCV."""

from collections.abc import Callable
from typing import Any

import numpy as np
from torch import Tensor

from stylenet.errors import InputError

LIKENESS = 50.0
"""How quickly trust falls with the squared difference of colors (Lai et al. 2018, eq. 3)."""
CUT = 0.2
"""A frame that trusts less of an earlier one, on average, shows another scene. Successive frames of real films have
0.46 and more, the first ones after a cut 0.03 and less."""
SMALLEST = 32
"""Rows and columns that `dis_flow` needs: OpenCV 5 writes beyond the memory of smaller images."""


def opencv() -> Any:
    """Return OpenCV.

    Raises:
        InputError: It is not installed.
    """
    try:
        import cv2
    except ImportError:
        raise InputError(
            "optical flow needs OpenCV, which is not installed: run pip install 'stylenet[video]'"
        ) from None
    return cv2


def to_pixels(image: Tensor) -> np.ndarray:
    """Return an image, (1, 3, H, W), as OpenCV takes it, float32, (H, W, 3)."""
    return image[0].permute(1, 2, 0).contiguous().float().cpu().numpy()


def gray(pixels: np.ndarray) -> np.ndarray:
    """Return the luminance of a picture, uint8, (H, W), as both flows take it.

    Args:
        pixels: RGB, float32 in [0, 1], (H, W, 3).
    """
    cv2 = opencv()
    return np.rint(255 * cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)).astype(np.uint8)


def dis_flow(here: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Return where each place of a picture is in another one, by inverse search of patches (Kroeger et al. 2016).

    Args:
        here: Luminance, uint8, (H, W).
        there: Luminance, uint8, (H, W).

    Returns:
        How far to the right and how far down, in pixels, float32, (H, W, 2).
    """
    cv2 = opencv()
    height, width = here.shape
    missing = ((0, max(0, SMALLEST - height)), (0, max(0, SMALLEST - width)))
    here, there = (np.pad(image, missing, mode="edge") for image in (here, there))
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(here, there, None)
    return np.ascontiguousarray(flow[:height, :width])


def farneback_flow(here: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Return the same as `dis_flow`, by polynomials that are fitted around each place (Farnebäck 2003)."""
    cv2 = opencv()
    options = {"pyr_scale": 0.5, "levels": 5, "winsize": 15, "iterations": 5, "poly_n": 7, "poly_sigma": 1.5}
    return cv2.calcOpticalFlowFarneback(here, there, None, **options, flags=cv2.OPTFLOW_FARNEBACK_GAUSSIAN)


def carried(picture: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """Return a picture as it is once what it shows has moved.

    It is interpolated by cubic polynomials: linear ones blur, and a picture that is carried along is carried again.

    Args:
        picture: Float32, (H, W, C).
        flow: From the later frame to that of the picture, (H, W, 2).
    """
    cv2 = opencv()
    return cv2.remap(picture, *_places(flow), cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def visible(flow: np.ndarray, back: np.ndarray) -> np.ndarray:
    """Return where what is seen was seen in the other frame too, bool, (H, W): where the flow back leads back.

    Source: Ruder, Dosovitskiy, Brox 2016, eq. 5: hidden is where `|w + w'|^2 >= 0.01 (|w|^2 + |w'|^2) + 0.5`. What
    comes from beyond the border is hidden too.

    Args:
        flow: From a frame to another one, (H, W, 2).
        back: From the other one to the first, (H, W, 2).
    """
    cv2 = opencv()
    x, y = _places(flow)
    back = cv2.remap(back, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    gap, length = ((flow + back) ** 2).sum(-1), (flow**2 + back**2).sum(-1)
    height, width = x.shape
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    return inside & (gap < 0.01 * length + 0.5)


def motion_edges(flow: np.ndarray) -> np.ndarray:
    """Return where motion changes from one place to the next, bool, (H, W): there a flow is blurred.

    Source: Ruder, Dosovitskiy, Brox 2016, eq. 6: an edge is where `|grad u|^2 + |grad v|^2 > 0.01 |w|^2 + 0.002`.

    Args:
        flow: To the earlier frame, (H, W, 2), both sides of 2 or more.
    """
    slopes = np.stack(np.gradient(flow, axis=(0, 1)))  # (2, H, W, 2)
    return (slopes**2).sum((0, -1)) > 0.01 * (flow**2).sum(-1) + 0.002


def matched(
    now: np.ndarray, before: np.ndarray, find: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return how a frame is found in an earlier one: the flow to it, where it was seen, and how far to trust that.

    Args:
        now: RGB, float32 in [0, 1], (H, W, 3).
        before: RGB, float32 in [0, 1], (H, W, 3).
        find: `dis_flow` or `farneback_flow`.

    Returns:
        Pixels, (H, W, 2); bool, (H, W); and from 0 to 1, (H, W), less where colors differ, 0 where it was not seen.
    """
    here, there = gray(now), gray(before)
    flow = find(here, there)
    seen = visible(flow, find(there, here))
    difference = ((now - carried(before, flow)) ** 2).sum(-1)
    return flow, seen, seen * np.exp(-LIKENESS * difference)


def _places(flow: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return columns and rows that a flow leads to, float32, (H, W) each."""
    y, x = np.indices(flow.shape[:2], np.float32)
    return x + flow[..., 0], y + flow[..., 1]
