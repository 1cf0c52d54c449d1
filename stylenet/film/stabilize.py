"""Films that flicker less, by any network: each picture is blended with the last one, carried along by optical flow."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from stylenet.film.flow import carried, dis_flow, gray, opencv, to_pixels, visible

LIKENESS = 50.0
"""How quickly trust falls with the squared difference of colors (Lai et al. 2018, eq. 3)."""
CUT = 0.2
"""A frame that trusts less of the one before, on average, begins another scene. Successive frames of real films have
0.46 and more, the first ones after a cut 0.03 and less."""


class Stabilizer:
    """Stylize the frames of one film, in their order: what `stylize_film` calls.

    Optical flow between the frames of the input, not of the output, tells where things have moved to. There the last
    output is blended with the new one, as far as it can be trusted: where the flows there and back agree (Ruder et al.
    2016), and the frame before, carried along, looks like this one (Lai et al. 2018; in place of Ruder's test for edges
    of motion). Where a mask leaves the frame as it is, so does this.

    Args:
        stylize: Takes and gives (1, 3, H, W) in [0, 1].
        strength: Share of the last output where it is fully trusted, from 0 to 1.

    Raises:
        InputError: OpenCV is not installed.
    """

    def __init__(self, stylize: Callable[[Tensor], Tensor], strength: float) -> None:
        opencv()
        self.stylize, self.strength = stylize, strength
        self._last: tuple[np.ndarray, np.ndarray] | None = None
        """The frame before and its output, (H, W, 3) each."""

    def __call__(self, frame: Tensor) -> Tensor:
        """Return the next frame stylized, (1, 3, H, W) in [0, 1]."""
        now, output = to_pixels(frame), to_pixels(self.stylize(frame))
        if self._last is not None:
            before, last = self._last
            flow, trust = trusted(now, before)
            if trust.mean() >= CUT:
                share = self.strength * trust[..., None] * (output != now).any(-1, keepdims=True)  # (H, W, 1)
                output = (output + share * (carried(last, flow) - output)).clip(0, 1)
        self._last = now, output
        return torch.from_numpy(output).permute(2, 0, 1)[None]


def trusted(now: np.ndarray, before: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the flow from a frame to the one before, and how far it can be trusted.

    Args:
        now: RGB, float32 in [0, 1], (H, W, 3).
        before: RGB, float32 in [0, 1], (H, W, 3).

    Returns:
        (H, W, 2), in pixels; and (H, W), from 0 to 1.
    """
    here, there = gray(now), gray(before)
    flow = dis_flow(here, there)
    difference = ((now - carried(before, flow)) ** 2).sum(-1)
    return flow, visible(flow, dis_flow(there, here)) * np.exp(-LIKENESS * difference)
