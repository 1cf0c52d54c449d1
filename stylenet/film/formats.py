"""The formats that films are written in, and how pictures are handed to their encoders."""

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from stylenet.errors import InputError
from stylenet.film.metadata import FULL, Metadata, pyav

CODECS = {"libx264": {"crf": "18"}, "mpeg4": {"qmin": "1", "qmax": "4"}}
"""Encoders, the best first, with options for next to no visible loss; builds of FFmpeg without GPL parts lack x264."""
COARSEST = 65_535
"""MPEG-4's largest denominator of a time base; where a film's is larger, `FINE` stands in."""
FINE = Fraction(1, 60_000)


@dataclass(frozen=True)
class Format:
    """How a film is written.

    Args:
        name: FFmpeg's, of the container.
        encoders: FFmpeg's names of encoders, the best first, with their options.
        pixels: FFmpeg's name of what the encoders take.
        base: Seconds in which its time stamps count; None: as the film's.
        apart: How many of them are between two pictures at least.
        square: Whether it cannot tell that pixels are not square: pictures are scaled then.
        even: Whether sizes must be even.
        exact: Whether the container can be told the film's own time base.
        whole: Whether the encoder gives all pictures at the end, at once.
        options: Of the container.
        refused: Sound that FFmpeg lists for the container, and refuses to write into it.
    """

    name: str
    encoders: dict[str, dict[str, str]]
    pixels: str = "yuv420p"
    base: Fraction | None = None
    apart: int = 1
    square: bool = False
    even: bool = False
    exact: bool = False
    whole: bool = False
    options: dict[str, str] = field(default_factory=dict)
    refused: tuple[str, ...] = ()


H264 = {codec: {**options, "bf": "0"} for codec, options in CODECS.items()}
"""No frame waits for a later one, so that all time stamps and durations are exact."""
VP9 = {"libvpx-vp9": {"crf": "24", "b": "0", "deadline": "good", "cpu-used": "4", "row-mt": "1"}}
MP4 = Format("mp4", H264, even=True, exact=True, refused=("truehd",))
MOVING_WEBP = {"libwebp_anim": {"quality": "90"}}
WEBP = Format("webp", MOVING_WEBP, "bgra", Fraction(1, 1000), square=True, whole=True, options={"loop": "0"})
FORMATS = {
    ".mp4": MP4,
    ".m4v": MP4,
    ".mov": Format("mov", H264, even=True, exact=True, refused=("flac", "opus", "truehd")),
    ".mkv": Format("matroska", H264, even=True),
    ".webm": Format("webm", VP9, square=True),
    ".gif": Format("gif", {"gif": {}}, "pal8", Fraction(1, 100), 2, square=True),  # faster ones are shown slowly
    ".webp": WEBP,
}
"""The format of each suffix."""


def pick_encoder(path: Path) -> str:
    """Return FFmpeg's name of the encoder for a film.

    Args:
        path: Its suffix is one of `FORMATS`.

    Raises:
        InputError: PyAV is not installed, or built without.
    """
    encoders = FORMATS[path.suffix.lower()].encoders
    for name in encoders:
        if name in pyav().codecs_available:
            return name
    raise InputError(f"cannot write {path}: PyAV has no {' or '.join(encoders)} here; end it with another suffix")


def time_base(form: Format, encoder: str, metadata: Metadata) -> Fraction:
    """Return the seconds that an encoder's time stamps count in.

    Args:
        form: The format.
        encoder: FFmpeg's name.
        metadata: Of the film.
    """
    base = form.base or metadata.time_base
    return FINE if encoder == "mpeg4" and base.denominator > COARSEST else base


def to_frame(pixels: np.ndarray, form: Format, metadata: Metadata) -> Any:
    """Return a picture as PyAV's frame, as the encoders of a format take it.

    Args:
        pixels: RGB, uint8, (H, W, 3). An odd last row or column is repeated where the size must be even.
        form: The format.
        metadata: Of the film.
    """
    height, width = pixels.shape[:2]
    if form.square and metadata.aspect not in (None, 1):
        size = max(1, round(width * metadata.aspect)), height
        pixels = np.array(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))
    if form.even:
        pixels = np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    make = pyav().VideoFrame.from_ndarray
    if form.pixels == "pal8":
        return make(_palette(pixels), format="pal8")
    colors = metadata.colors
    yuv = {"dst_colorspace": colors.matrix, "dst_color_range": colors.range, "src_color_range": FULL}
    return make(np.ascontiguousarray(pixels), format="rgb24").reformat(
        format=form.pixels, **(yuv if form.pixels == "yuv420p" else {})
    )


def _palette(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a picture in 256 colors of its own: indices, (H, W), and colors, (256, 4): alpha, red, green, blue."""
    picture = Image.fromarray(pixels).quantize(256)
    own = np.asarray(picture.getpalette("RGB"), np.uint8).reshape(-1, 3)
    colors = np.full((256, 4), 255, np.uint8)
    colors[: len(own), 1:] = own
    return np.asarray(picture), colors


def set_last_duration(path: Path, duration: int) -> None:
    """Write the milliseconds of an animated WebP's last picture into its file, where FFmpeg has put a guess.

    Args:
        path: The file: chunks of a name, a size and as many bytes; an ANMF tells its duration from byte 12 on.
        duration: Milliseconds.
    """
    last, place = None, 12
    with path.open("r+b") as file:
        while len(head := file.read(8) if file.seek(place) else b"") == 8:
            last = place if head[:4] == b"ANMF" else last
            size = int.from_bytes(head[4:], "little")
            place += 8 + size + size % 2
        if last is not None:
            file.seek(last + 8 + 12)
            file.write(min(duration, 0xFFFFFF).to_bytes(3, "little"))
