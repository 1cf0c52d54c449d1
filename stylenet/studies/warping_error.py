"""How steady stylized films are: warping errors and what stands beside them, frame by frame, in constant memory."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torchvision.transforms.functional import gaussian_blur

from stylenet.film.flow import CUT, carried, dis_flow, farneback_flow, gray, matched, to_pixels
from stylenet.film.stylize import frames_of, open_film
from stylenet.images import resize
from stylenet.metrics import Judge

FILM_FIGURES = {
    "warping_error": "root mean square difference from the picture before, carried along by optical flow, where that "
    "is seen (Lai et al. 2018) and its motion known; pixels in [0, 1]",
    "long_range_error": "the same, from the tenth picture before",
    "sharpness": "mean absolute difference of neighbors: what is blurred has small errors too",
    "gram_difference": "as of photographs, from every fifth picture",
    "content_distance": "as of photographs, from every fifth picture",
    "frames_per_second": "how many pictures are made a second, in this process, the first one left out",
}
"""Every figure, and what it says."""
LONG = 10
"""Frames between those that the long-range error compares."""
KNOWN = 1.0
"""Motion is known where two algorithms differ by less than so many pixels."""
EVERY = 5
"""Frames from one that is judged to the next."""
BLUR = 1.5
"""Standard deviation of the blurred film, in pixels."""
Paint = Callable[[Tensor], Tensor]
"""Takes the next frame, (1, 3, H, W) in [0, 1], and returns its stylization."""
Way = tuple[np.ndarray, np.ndarray]
"""The flow from a frame to an earlier one, (H, W, 2), and where it is to be trusted, (H, W)."""


def blurred(frame: Tensor) -> Tensor:
    """Return a frame blurred: steady, and a bad picture."""
    return gaussian_blur(frame, [9, 9], [BLUR, BLUR])


def read_frames(film: str | Path, size: int, count: int | None = None) -> Iterator[Tensor]:
    """Yield the frames of a film, (1, 3, H, W) in [0, 1].

    Args:
        film: The file.
        size: Pixels of the longer side.
        count: So many, the first ones; None: all.

    Raises:
        InputError: It cannot be read.
    """
    with open_film(film) as reader:
        for frame in islice(frames_of(reader), count):
            yield resize(frame, size, side="long")


def rate_film(frames: Iterable[Tensor], paints: Mapping[str, Paint], judge: Judge) -> dict[str, dict[str, float]]:
    """Return the `FILM_FIGURES` of stylizations of a film, side by side; nan of what cannot be measured.

    The flow is Farnebäck's, on the untouched frames: another one than that of `Stabilizer`, which would judge itself.
    Places where the two differ are left out: inside a plain wall that moves, Farnebäck's finds no motion.

    Args:
        frames: (1, 3, H, W) in [0, 1] each.
        paints: What makes each stylization; called with the frames in their order.
        judge: Of Gram difference and content distance.
    """
    tallies = {name: Tally() for name in paints}
    earlier: deque[np.ndarray] = deque(maxlen=LONG)
    for index, frame in enumerate(frames):
        seen = to_pixels(frame)
        ways = {apart: _way(seen, earlier[-apart]) for apart in (1, LONG) if len(earlier) >= apart}
        for name, paint in paints.items():
            began = time.perf_counter()
            painted = paint(frame)
            tallies[name].seconds.append(time.perf_counter() - began)
            tallies[name].add(to_pixels(painted), ways)
            if index % EVERY == 0:
                tallies[name].judged.append(judge(painted.to(_device(judge)), frame.to(_device(judge))))
        earlier.append(seen)
    return {name: tally.figures() for name, tally in tallies.items()}


def _device(judge: Judge) -> torch.device:
    return next(judge.buffers()).device


def _way(now: np.ndarray, before: np.ndarray) -> Way | None:
    """Return the way from a frame to an earlier one, None across a cut and where no motion is known."""
    flow, seen, trust = matched(now, before, farneback_flow)
    if trust.mean() < CUT:
        return None
    apart = flow - dis_flow(gray(now), gray(before))
    known = seen & ((apart**2).sum(-1) < KNOWN**2)
    return (flow, known) if known.any() else None


@dataclass
class Tally:
    """Adds up the figures of one stylization.

    Attributes:
        seconds: Of each frame.
        judged: What the judge says of each frame that it sees.
    """

    seconds: list[float] = field(default_factory=list)
    judged: list[dict[str, Tensor]] = field(default_factory=list)
    _earlier: deque[np.ndarray] = field(default_factory=lambda: deque(maxlen=LONG))
    _errors: dict[int, list[float]] = field(default_factory=lambda: {1: [], LONG: []})
    _sharpness: list[float] = field(default_factory=list)

    def add(self, painted: np.ndarray, ways: Mapping[int, Way | None]) -> None:
        """Add the next picture.

        Args:
            painted: (H, W, 3) in [0, 1].
            ways: From its frame to the ones so many before; None: not compared.
        """
        for apart, way in ways.items():
            if way is not None:
                flow, known = way
                gap = painted - carried(self._earlier[-apart], flow)
                self._errors[apart].append(float((gap[known] ** 2).mean()))
        self._sharpness.append(float(sum(np.abs(np.diff(painted, axis=axis)).mean() for axis in (0, 1))))
        self._earlier.append(painted)

    def figures(self) -> dict[str, float]:
        """Return the `FILM_FIGURES`."""
        near, far = (float(np.mean(errors)) ** 0.5 if errors else np.nan for errors in self._errors.values())
        found = {"warping_error": near, "long_range_error": far, "sharpness": float(np.mean(self._sharpness))}
        names = self.judged[0] if self.judged else ()
        found |= {name: float(torch.cat([judged[name] for judged in self.judged]).mean()) for name in names}
        later = self.seconds[1:] or self.seconds
        return found | {"frames_per_second": len(later) / sum(later)}
