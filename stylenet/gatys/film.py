"""Gatys' method for films: each frame goes on from the one before, carried along, and must not differ from it much.

Source: Ruder, Dosovitskiy, Brox: "Artistic style transfer for videos", 2016, sections 4.1 and 4.2: the short-term
temporal loss, the start from the last picture, and where neither can be trusted.

Departures: the flow is DIS (Kroeger et al. 2016), which takes milliseconds, not DeepFlow. What comes into sight starts
as the photograph. A cut is found by itself, and what follows it is painted as the first frame is. Neither the long-term
loss of section 4.3 nor the passes back and forth of 4.4. The last picture is taken as it was written, in 8 bits, so
that a film that is taken up again becomes the same as one that was never left.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from stylenet.color import luminance
from stylenet.errors import Failed
from stylenet.film.flow import CUT, carried, dis_flow, matched, motion_edges, to_pixels
from stylenet.film.stylize import frames_of, open_film
from stylenet.gatys.kept_frames import Cut, KeptFrames
from stylenet.gatys.optimize import Result, optimize
from stylenet.gatys.pictures import Pictures, at_size
from stylenet.gatys.run import Progress
from stylenet.images import load_image, save_image
from stylenet.losses.perceptual import PerceptualLoss
from stylenet.losses.terms import Targets, Term

FRAME_STEPS, TEMPORAL_WEIGHT = 40, 200.0
"""Steps of a frame that goes on from another one, and the weight of the temporal loss. See docs/film.md."""
Watch = Callable[[int, int, Progress], None]
"""Told after each step a frame's number, of how many, and where it stands; may raise KeyboardInterrupt to stop."""


@dataclass(frozen=True)
class Carried:
    """The last painted picture, as it is once what it shows has moved.

    Args:
        picture: (1, 3, H, W) in [0, 1].
        seen: Where it was seen, (1, 1, H, W), 0 or 1; elsewhere `picture` is the photograph.
        sure: Where a difference from it counts: seen, and at no edge of motion, (1, 1, H, W), 0 or 1.
    """

    picture: Tensor
    seen: Tensor
    sure: Tensor


def carry(frame: Tensor, before: Tensor, painted: Tensor) -> Carried | None:
    """Return a painted frame carried along to the next one, or None if that shows another scene.

    Args:
        frame: The next frame of the film, (1, 3, H, W) in [0, 1].
        before: The frame before it.
        painted: What became of that.
    """
    now = to_pixels(frame)
    flow, seen, trust = matched(now, to_pixels(before), dis_flow)
    if trust.mean() < CUT:
        return None
    picture = np.where(seen[..., None], carried(to_pixels(painted), flow).clip(0, 1), now)
    maps = (picture, seen[..., None], (seen & ~motion_edges(flow))[..., None])
    return Carried(*(torch.from_numpy(m).permute(2, 0, 1)[None].to(frame) for m in maps))


class TemporalTerm(Term):
    """The mean of `c (x - w)^2` over all pixels (eq. 7).

    x is the image, w the last one carried along, c 1 where that can be trusted and 0 elsewhere.

    Args:
        before: The last picture.
        weight: Of the term.
    """

    def __init__(self, before: Carried, weight: float) -> None:
        super().__init__({"temporal": weight})
        self.before = before

    def forward(self, images: Tensor, targets: Targets) -> dict[str, Tensor]:
        """Return the term; of images that were extended, what was added does not count."""
        wanted, sure = self.before.picture, self.before.sure
        gap = images[..., : wanted.shape[-2], : wanted.shape[-1]] - wanted  # (B, 3, H, W)
        return {"temporal": (sure * gap**2).mean((1, 2, 3))}


@dataclass
class FramePainter:
    """Paints the frames of one film, in their order.

    Args:
        pictures: The paintings, what the first frame starts from, and where to stylize.
        loss: What is minimized, but for the temporal term.
        how: Options of `optimize` for the first frame of each scene.
        frame_steps: Steps of the other ones, at full size.
        temporal_weight: 0 leaves the term out.
    """

    pictures: Pictures
    loss: PerceptualLoss
    how: Mapping[str, Any]
    frame_steps: int = FRAME_STEPS
    temporal_weight: float = TEMPORAL_WEIGHT
    _last: tuple[Tensor, Tensor] | None = field(default=None, init=False)

    def __call__(self, frame: Tensor, callback: Callable[[Progress], None]) -> Result:
        """Return the next frame painted.

        Args:
            frame: (1, 3, H, W) in [0, 1].
            callback: Told about each step.
        """
        before = carry(frame, *self._last) if self._last else None
        loss, init, how = self.loss, self.pictures.init, dict(self.how)
        if before is not None:
            if how.get("preserve_color") == "luminance":  # then gray images are optimized
                before = Carried(luminance(before.picture).expand(-1, 3, -1, -1), before.seen, before.sure)
            init, how = before.picture, how | {"steps": self.frame_steps, "pyramid": 1}
            loss = loss.plus(TemporalTerm(before, self.temporal_weight)) if self.temporal_weight else loss
        only, masks = self.pictures.only, self.pictures.masks
        return optimize(frame, self.pictures.styles, loss, init=init, only=only, masks=masks, callback=callback, **how)

    def remember(self, frame: Tensor, painted: Tensor) -> None:
        """Go on from this frame and what became of it, (1, 3, H, W) in [0, 1] each."""
        self._last = frame, painted


def paint_film(
    source: Path,
    kept: KeptFrames,
    painter: FramePainter,
    size: int | None = None,
    cut: Cut = (None, None),
    watch: Watch = lambda number, frames, progress: None,
) -> None:
    """Paint the frames of a film that are not kept yet.

    Args:
        source: The film.
        kept: Where frames go.
        painter: Paints them.
        size: Pixels of the longer side, see `at_size`.
        cut: Where the film begins and ends, in seconds.
        watch: Told about each step.

    Raises:
        InputError: The film cannot be read, or a frame cannot be written.
        Failed: A frame diverged.
    """
    device = painter.pictures.content.device
    kept.begin()
    with open_film(source, *cut) as reader:
        for number, frame in enumerate(frames_of(reader), start=1):
            frame, path = at_size(frame, size).to(device), kept.path(number)
            if not path.exists():
                frames = max(number, reader.metadata.frames or 0)
                result = painter(frame, partial(watch, number, frames))
                if result.diverged:
                    raise Failed(f"frame {number} diverged: {result.diverged}; those before are in {kept.folder}")
                save_image(result.image, path)
            painter.remember(frame, load_image(path).to(device))
