"""Small films for tests, made and read with PyAV."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

av = pytest.importorskip("av")

STEADY = tuple(range(0, 400, 40))
UNSTEADY = (0, 40, 100, 130, 400, 410, 500, 800, 840, 1000)
"""Milliseconds at which frames begin, of a film with a constant and one with a variable frame rate."""


def drawn(index: int, height: int = 48, width: int = 64) -> np.ndarray:
    """A frame that differs from the others and looks different any way up, RGB, (H, W, 3)."""
    pixels = np.full((height, width, 3), (40, 90 + 10 * index % 120, 160), np.uint8)
    pixels[: height // 3, : width // 2] = (220, 60, 20 * index % 250)
    return pixels


def make_film(
    path,
    times=STEADY,
    size=(48, 64),
    codec="libx264",
    pixels="yuv420p",
    sound="aac",
    draw=drawn,
    prepare=None,
    options=None,
    matrix=None,
    full=False,
):
    """Write a film of 10 frames with a sine as its sound; `prepare` gets the video stream before it is opened."""
    base = Fraction(1, 1000)
    with av.open(str(path), "w", container_options=options or {}) as film:
        video = film.add_stream(codec, rate=25)
        video.height, video.width, video.pix_fmt = *size, pixels
        video.codec_context.time_base = base
        if prepare is not None:
            prepare(video)
        audio = film.add_stream(sound, rate=48_000, layout="mono") if sound else None
        for index, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(draw(index, *size), format="rgb24")
            frame = frame.reformat(
                format=pixels, dst_colorspace=matrix, dst_color_range=2 if full else 1, src_color_range=2
            )
            frame.pts, frame.time_base = time, base
            film.mux(video.encode(frame))
        film.mux(video.encode(None))
        if audio is not None:
            film.mux(packets_of_sine(audio, times[-1] / 1000 + 0.04))
    return Path(path)


def packets_of_sine(audio, seconds):
    """The packets of a tone."""
    wave = (0.3 * np.sin(np.arange(int(48_000 * seconds)) * 0.05)).astype(np.float32)
    packets = []
    resampler = av.AudioResampler(audio.format, audio.layout, 48_000, frame_size=audio.frame_size or 960)
    frame = av.AudioFrame.from_ndarray(wave[None], format="fltp", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = 48_000, 0, Fraction(1, 48_000)
    for part in (*resampler.resample(frame), *resampler.resample(None)):
        packets += audio.encode(part)
    return packets + audio.encode(None)


def frames_of(path):
    """The frames of a film as they are stored."""
    with av.open(str(path)) as film:
        yield from film.decode(video=0)


def pixels_of(path, matrix=None, full=None):
    """The frames of a film as RGB, (N, H, W, 3), not turned."""
    how = {} if matrix is None else {"src_colorspace": matrix, "src_color_range": 2 if full else 1}
    return np.stack([f.reformat(format="rgb24", dst_color_range=2, **how).to_ndarray() for f in frames_of(path)])


def packets_of(path, kind):
    """(seconds, bytes) of the packets of the first stream of a kind."""
    with av.open(str(path)) as film:
        stream = next(stream for stream in film.streams if stream.type == kind)
        return [(p.pts * p.time_base, bytes(p)) for p in film.demux(stream) if p.size and p.pts is not None]


def facts_of(path):
    """What a film's container tells: the same of a film and of its stylization."""
    with av.open(str(path)) as film:
        video = film.streams.video[0]
        context = video.codec_context
        return {
            "streams": [(stream.type, stream.codec_context.name) for stream in film.streams],
            "duration": film.duration,
            "frames": video.frames,
            "time base": video.time_base,
            "rate": video.average_rate,
            "aspect": video.sample_aspect_ratio,
            "size": (context.height, context.width),
            "pixels": context.pix_fmt,
            "colors": (context.colorspace, context.color_range, context.color_primaries, context.color_trc),
            "times": [frame.pts for frame in film.decode(video)],
        }
