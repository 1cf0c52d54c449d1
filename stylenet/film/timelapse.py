"""Films of stylized images: H.264 in MP4, MOV or Matroska, through PyAV (FFmpeg)."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from torch import Tensor

from stylenet.errors import InputError
from stylenet.film.formats import CODECS, pick_encoder
from stylenet.film.metadata import BT709, LIMITED, pyav
from stylenet.images import to_uint8, written_beside

CONTAINERS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}
"""What a film may be called, and FFmpeg's name of the format."""
FILM_SECONDS, HOLD_SECONDS = 10, 2
"""How long a film of many steps lasts, and how long its last frame stays after that."""


class Film:
    """Write frames into a video file: `with Film("film.mp4") as film: film.add(image)`.

    The file is written beside and moved into place when the block ends; one that fails leaves nothing behind, and so
    does one without frames. Odd sizes get their last row or column twice, since H.264's usual colors (yuv420p, which
    every player knows) come in blocks of 2x2.

    Args:
        path: The video file; its suffix is one of `CONTAINERS`.
        fps: Frames a second.

    Raises:
        InputError: PyAV is not installed, or the suffix is unknown.
    """

    def __init__(self, path: str | Path, fps: int = 24) -> None:
        self.path, self.fps = Path(path), fps
        if self.path.suffix.lower() not in CONTAINERS:
            raise InputError(f"cannot write {path}: a film ends with one of {', '.join(sorted(CONTAINERS))}")
        self._av = pyav()
        self._stack = ExitStack()
        self._container: Any = None
        self._stream: Any = None

    def __enter__(self) -> "Film":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return self._stack.__exit__(kind, error, trace)

    def add(self, image: Tensor, times: int = 1) -> None:
        """Append an image as one frame, or as several.

        Args:
            image: (1, 3, H, W) or (3, H, W) in [0, 1]; scaled to the size of the first one.
            times: How many frames it stays.

        Raises:
            InputError: The place cannot be written, or no film has images of that size.
        """
        array = to_uint8(image.reshape(image.shape[-3:])).permute(1, 2, 0).cpu().numpy()  # (H, W, 3)
        height, width = array.shape[:2]
        array = np.pad(array, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        try:
            if self._stream is None:
                self._open(*array.shape[:2])
            frame = self._av.VideoFrame.from_ndarray(array, format="rgb24")
            frame = frame.reformat(format="yuv420p", dst_colorspace=BT709)
            for _ in range(times):
                frame.pts = None  # the encoder counts
                self._container.mux(self._stream.encode(frame))
        except self._av.FFmpegError as error:
            raise InputError(f"cannot write {self.path}: {error.strerror} ({width}x{height} pixels)") from None

    def follow(self, step: int, steps: int, image: Callable[[], Tensor]) -> None:
        """Append the image of a step if it is its turn: the film of all steps lasts `FILM_SECONDS`.

        Args:
            step: From 1.
            steps: How many there will be.
            image: Returns the image as it stands, (1, 3, H, W) in [0, 1].
        """
        frames = FILM_SECONDS * self.fps
        if step % max(1, round(steps / frames)) == 0:
            self.add(image(), times=max(1, frames // steps))

    def hold(self, image: Tensor) -> None:
        """Append the last image, (1, 3, H, W) in [0, 1], which stays for `HOLD_SECONDS`."""
        self.add(image, times=HOLD_SECONDS * self.fps)

    def _open(self, height: int, width: int) -> None:
        """Start the file; what is opened here is closed in reverse, whether the block succeeds or fails."""
        temporary = self._stack.enter_context(written_beside(self.path))
        container = CONTAINERS[self.path.suffix.lower()]  # the temporary name's suffix does not say
        self._container = self._stack.enter_context(self._av.open(str(temporary), "w", format=container))
        codec = pick_encoder(self.path)
        self._stream = self._container.add_stream(codec, rate=self.fps, options=CODECS[codec])
        self._stream.width, self._stream.height, self._stream.pix_fmt = width, height, "yuv420p"
        context = self._stream.codec_context
        context.colorspace = context.color_primaries = context.color_trc = BT709
        context.color_range = LIMITED
        self._stack.push(self._finish)

    def _finish(self, kind: type[BaseException] | None, *_: object) -> None:
        """Write the frames that the encoder still holds, unless the block failed."""
        if kind is None:
            self._container.mux(self._stream.encode(None))
