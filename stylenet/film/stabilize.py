"""Films that flicker less, by any network: each picture is blended with the last one, carried along by optical flow."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from stylenet.film.flow import CUT, carried, dis_flow, matched, opencv, to_pixels


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
            flow, _, trust = matched(now, before, dis_flow)
            if trust.mean() >= CUT:
                share = self.strength * trust[..., None] * (output != now).any(-1, keepdims=True)  # (H, W, 1)
                output = (output + share * (carried(last, flow) - output)).clip(0, 1)
        self._last = now, output
        return torch.from_numpy(output).permute(2, 0, 1)[None]
