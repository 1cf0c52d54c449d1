"""Read films frame by frame: H.264 and whatever else FFmpeg decodes, through PyAV; packets of sound come along."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

from stylenet.errors import InputError
from stylenet.film.metadata import HDR, Chunk, Metadata, Picture, pyav
from stylenet.film.pixels import Pixels, colors_of

COPIED = ("audio", "subtitle")
"""Kinds of streams whose packets are copied."""
MANY = 64
"""Packets that are handed on without a picture."""
SECOND = 1_000_000
"""What a second has of the units in which FFmpeg gives a file's times."""
UNKNOWN = "left out: sound or subtitles in a codec that is unknown here"
MISSING = 0.5
"""Seconds that a film may end before the time that its head tells, without being called broken."""


class FilmReader:
    """A film that PyAV reads, see `Reader`; its first picture is decoded at once, for it tells size and way up.

    Times are those of the file; where the start is cut off, they count from the first picture that is left.

    Args:
        path: The file.
        start: Seconds to leave out.
        end: Seconds from the film's start where to stop.

    Raises:
        InputError: PyAV is not installed, or the file is no film, or has no pictures that can be read.
    """

    def __init__(self, path: Path, start: Fraction | None, end: Fraction | None) -> None:
        self.path = path
        self.broken: str | None = None
        self._av = pyav()
        try:
            lenient = {"metadata_errors": "replace"} if int(self._av.__version__.split(".")[0]) < 19 else {}
            self._container: Any = self._av.open(f"file:{path}", **lenient)  # PyAV 19 reads any text
        except (self._av.FFmpegError, OSError) as error:
            raise InputError(f"{path} is no film that can be read ({_reason(error)}): fetch or copy it again") from None
        try:
            self._begin(start, end)
        except BaseException:
            self._container.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._container.close()

    def chunks(self) -> Iterator[Chunk]:
        """Yield the film from its start to its end, once."""
        yield self._head
        yield from self._rest

    def _begin(self, start: Fraction | None, end: Fraction | None) -> None:
        """Find the stream of pictures, and its first picture."""
        self._video = self._find()
        streams = self._container.streams
        copied = [stream for stream in streams if stream.type in COPIED]
        self.streams = [stream for stream in copied if stream.codec_context is not None]
        self._unknown = len(self.streams) < len(copied)
        zero = Fraction(self._container.start_time or 0, SECOND)
        self._start, self._end = (None if time is None else zero + time for time in (start, end))
        self._origin = None if start else Fraction(0)  # what is taken off all times; None: not yet known
        self._last: dict[int, int] = {}  # the last time stamp of each stream
        self._reach, self._bad, self._done = Fraction(0), 0, False
        self._pixels = Pixels(str(self.path), colors_of(self._video.codec_context))
        if start:
            with suppress(self._av.FFmpegError):  # a file that cannot be searched is read from its beginning
                self._container.seek(int((zero + start) * SECOND))
        self._rest = self._read()
        head = next(self._rest, (None, None))
        if head[1] is None:
            reason = f" ({self.broken})" if self.broken else ""
            mend = "give another start" if start else "fetch or copy it again"
            raise InputError(f"{self.path} has no picture that can be read{reason}: {mend}")
        self._head: Chunk = head
        self.metadata = self._metadata(head[1], start or Fraction(0), end)

    def _find(self) -> Any:
        """Return the stream of pictures; covers of songs do not count."""
        cover = self._av.stream.Disposition.attached_pic
        films = [stream for stream in self._container.streams.video if not stream.disposition & cover]
        if not films:
            raise InputError(f"{self.path} has no video stream: give a film")
        if films[0].codec_context is None:
            raise InputError(f"{self.path} has a codec that is unknown here: convert it to H.264 first")
        films[0].thread_type = "AUTO"
        return films[0]

    def _metadata(self, first: Picture, start: Fraction, end: Fraction | None) -> Metadata:
        """Return what is known once the first picture is there."""
        video, colors = self._video, self._pixels.colors
        total = Fraction(self._container.duration or 0, SECOND)
        rate = video.average_rate or video.guessed_rate or Fraction(25)
        frames = video.frames
        if start or end or not frames:
            frames = round((min(end or total, total) - start) * rate)
        aspect = video.sample_aspect_ratio or None
        hdr = HDR.get(colors.transfer)
        note = f"{self.path} is HDR ({hdr}): 8 bits are kept, mastering data is not, and the network sees flat colors"
        return Metadata(
            width=first.pixels.shape[1],
            height=first.pixels.shape[0],
            time_base=video.time_base,
            rate=rate,
            frames=frames if frames > 0 else None,
            aspect=1 / aspect if aspect and self._pixels.turned else aspect,
            colors=colors,
            tags=dict(self._container.metadata),
            notes=(*[note] * bool(hdr), *[UNKNOWN] * self._unknown),
        )

    def _read(self) -> Iterator[Chunk]:
        """Yield pictures, each with the packets that came after it; one waits for the next, which ends it."""
        packets: list[Any] = []
        waiting: Picture | None = None
        begun = False
        for packet in self._packets():
            if packet is not None and packet.stream_index != self._video.index:
                packets.append(packet)
            for picture in self._decoded(packet):
                if waiting is not None:
                    yield self._kept(packets), replace(waiting, duration=picture.start - waiting.start)
                    packets, begun = [], True
                waiting = picture
            if begun and len(packets) >= MANY:
                yield self._kept(packets), None
                packets = []
        if self.broken is None:
            self.broken = self._lost()
        if waiting is not None:
            yield self._kept(packets), waiting

    def _packets(self) -> Iterator[Any]:
        """Yield packets up to the end; None where the file breaks off, for the decoder may still hold pictures."""
        late: set[int] = set()  # streams that are past the end
        sounds = {stream.index for stream in self.streams if stream.type == "audio"}
        try:
            for packet in self._container.demux(self._video, *self.streams):
                if packet.pts is not None:
                    begins, lasts = packet.pts * packet.time_base, (packet.duration or 0) * packet.time_base
                    self._reach = max(self._reach, begins + lasts)
                    if self._end is not None and begins >= self._end:
                        late.add(packet.stream_index)
                    if begins < (self._start or begins) and packet.stream_index != self._video.index:
                        continue
                yield packet
                if self._done and sounds <= late:
                    return
        except self._av.FFmpegError as error:
            self.broken = f"it breaks off after {float(self._reach):.1f} s ({_reason(error)})"
            yield None

    def _decoded(self, packet: Any) -> Iterator[Picture]:
        """Yield the pictures that come out of the decoder for a packet, from the start to the end."""
        if self._done or (packet is not None and packet.stream_index != self._video.index):
            return
        try:
            frames = self._video.decode(packet)
        except self._av.EOFError:
            return
        except self._av.FFmpegError:
            self._bad += 1
            return
        for frame in frames:
            time = (frame.pts or 0) * self._video.time_base
            if self._start is not None and time < self._start:
                continue
            if self._end is not None and time >= self._end:
                self._done = True
                return
            yield self._picture(frame)

    def _picture(self, frame: Any) -> Picture:
        """Return a frame that is kept; times that do not rise are mended."""
        base, index = self._video.time_base, self._video.index
        usual = frame.duration or max(1, round(1 / (self._video.average_rate or 25) / base))
        before = self._last.get(index)
        start = frame.pts if frame.pts is not None else 0 if before is None else before + usual
        self._last[index] = start = start if before is None else max(start, before + 1)
        if self._origin is None:
            self._origin = start * base
        return Picture(self._pixels(frame), start - round(self._origin / base), usual)

    def _kept(self, packets: list[Any]) -> list[Any]:
        """Return the packets between start and end, with times from the first picture on; drops what has no time."""
        kept = []
        origin = self._origin or Fraction(0)
        for packet in packets:
            if packet.pts is None or packet.dts is None:
                continue
            if packet.dts <= self._last.get(packet.stream_index, packet.dts - 1):
                continue
            time = packet.pts * packet.time_base
            if (self._start is not None and time < origin) or (self._end is not None and time >= self._end):
                continue
            self._last[packet.stream_index] = packet.dts
            shift = round(origin / packet.time_base)
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            kept.append(packet)
        return kept

    def _lost(self) -> str | None:
        """Return a line if something of the film could not be read."""
        if self._bad:
            return f"{self._bad} of its packets could not be decoded"
        reach = float(self._reach)
        whole = ((self._container.start_time or 0) + (self._container.duration or 0)) / SECOND
        if self._end is None and reach < whole - MISSING:
            return f"it is cut off after {reach:.1f} s of {whole:.1f} s"
        return None


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
