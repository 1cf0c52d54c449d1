"""Write films: H.264, VP9, animated GIF and WebP, through PyAV, with the times and colors of the film that was read."""

from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from stylenet.errors import InputError
from stylenet.film.formats import FORMATS, pick_encoder, set_last_duration, time_base, to_frame
from stylenet.film.metadata import Metadata, Picture, pyav
from stylenet.film.reserved_file import ReservedFile
from stylenet.images import written_beside

ROOM, ROOM_PER_FRAME = 16 << 20, 64
"""Bytes kept free so that a film can be closed on a full disk: in all, and for each frame, which its index lists."""
STALE = ("brand", "encoder", "duration", "statistics", "minor_version")
"""What metadata are not copied if their name holds it: they tell of the old file."""


class FilmWriter:
    """A film that is being written: `with FilmWriter(path, metadata, streams) as film: film.add(picture)`.

    The file is written beside and moved into place when the block ends; one that fails leaves nothing behind, and so
    does one without pictures. On a full disk `full` becomes true: leave the block then, and the film ends there.

    Args:
        path: The film; its suffix, one of `FORMATS`, says the format.
        metadata: Of the film that was read.
        streams: Its streams of sound and the like, whose packets will be copied.

    Attributes:
        notes: What will not be kept, a line for each.
        frames: How many pictures are in the file.
        seconds: When the last of them ends.

    Raises:
        InputError: PyAV or an encoder is missing, or the place cannot be written.
    """

    def __init__(self, path: Path, metadata: Metadata, streams: list[Any]) -> None:
        self.path, self.metadata = path, metadata
        self.notes: list[str] = []
        self.frames, self.seconds = 0, 0.0
        self._av = pyav()
        self._form = FORMATS[path.suffix.lower()]
        encoder = pick_encoder(path)
        self._base = time_base(self._form, encoder, metadata)
        self._earliest: int | None = None  # when the next picture may start
        self._lasting: dict[int, int] = {}  # durations of pictures in the encoder, by their time
        self._copies: dict[int, Any] = {}
        with ExitStack() as stack:
            self._temporary = stack.enter_context(written_beside(path))
            room = ROOM + ROOM_PER_FRAME * (metadata.frames or 0)
            self._file = stack.enter_context(ReservedFile(self._temporary, room))
            own = {"video_track_timescale": str(metadata.time_base.denominator)} if self._form.exact else {}
            own |= self._form.options | {"fflags": "+bitexact"}  # else Matroska numbers its tracks at random
            self._container: Any = self._av.open(self._file, "w", format=self._form.name, container_options=own)
            stack.push(self._close)
            options = self._form.encoders[encoder]
            self._stream = self._container.add_stream(encoder, rate=metadata.rate, options=options)
            self._add_streams(streams)
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return self._stack.__exit__(kind, error, trace)

    @property
    def full(self) -> bool:
        """Whether the disk is full."""
        return self._file.full

    @property
    def unfinished(self) -> bool:
        """Whether pictures are missing from the file, once it is closed."""
        return bool(self._lasting)

    def add(self, picture: Picture) -> None:
        """Append a picture; one that comes sooner after the last than the format can tell is left out.

        Raises:
            InputError: The place cannot be written, or no film of this format has pictures of that size.
        """
        scale = self.metadata.time_base / self._base
        start, end = round(picture.start * scale), round((picture.start + picture.duration) * scale)
        if self._earliest is not None and start < self._earliest:
            return
        height, width = picture.pixels.shape[:2]
        try:
            frame = to_frame(picture.pixels, self._form, self.metadata)
            if self._earliest is None:
                self._describe(frame)
            frame.pts, frame.time_base = start, self._base
            self._earliest = start + self._form.apart
            self._lasting[start] = max(1, end - start)
            self._mux(self._stream.encode(frame))
        except self._av.FFmpegError as error:
            what = f"cannot write {self.path}: {error.strerror} ({width}x{height} pixels)"
            raise InputError(f"{what}; scale it down, or give another suffix") from None

    def copy(self, packet: Any) -> None:
        """Append a packet of sound or the like after the first picture, if the format takes its stream.

        Raises:
            InputError: The place cannot be written.
        """
        if packet.stream_index not in self._copies:
            return
        packet.stream = self._copies[packet.stream_index]
        try:
            self._container.mux(packet)
        except self._av.FFmpegError as error:
            raise InputError(f"cannot write {self.path}: {error.strerror}") from None

    def _add_streams(self, streams: list[Any]) -> None:
        """Add the streams that are copied."""
        self._container.metadata.update(_lasting(self.metadata.tags))
        known = self._container.supported_codecs - set(self._form.refused)
        for stream in streams:
            codec = stream.codec_context.name
            if codec in known:
                copy = self._copies[stream.index] = self._container.add_stream_from_template(stream)
                copy.metadata.update(_lasting(stream.metadata))
                continue
            kind = "sound" if stream.type == "audio" else "subtitles"
            mend = "; .mkv can" if stream.type == "audio" else ""
            self.notes.append(f"left out: {kind} ({codec}), which {self.path.suffix} cannot hold{mend}")

    def _describe(self, frame: Any) -> None:
        """Tell the encoder what the pictures are like."""
        context, colors = self._stream.codec_context, self.metadata.colors
        context.width, context.height, context.pix_fmt = frame.width, frame.height, self._form.pixels
        context.time_base = self._base
        if self._form.pixels == "yuv420p":
            context.colorspace, context.color_range = colors.matrix, colors.range
            context.color_primaries, context.color_trc = colors.primaries, colors.transfer
        if not self._form.square and self.metadata.aspect is not None:
            context.sample_aspect_ratio = self.metadata.aspect

    def _mux(self, packets: list[Any]) -> None:
        """Write what the encoder gives, until the disk is full."""
        for packet in packets:
            if self.full:
                return
            if packet.pts in self._lasting:
                packet.duration = self._lasting.pop(packet.pts)
            end = float((packet.pts + (packet.duration or 0)) * self._base)
            self._container.mux(packet)
            self.frames, self.seconds = self.frames + 1, max(self.seconds, end)

    def _close(self, kind: type[BaseException] | None, *_: object) -> None:
        """Finish the film, unless the block failed."""
        if kind is not None or self._earliest is None:
            with suppress(Exception):  # the file is thrown away
                self._container.close()
            if kind is None:
                raise InputError(f"cannot write {self.path}: there is no picture")
            return
        try:
            held = dict(self._lasting)
            if not self.full:
                self._mux(self._stream.encode(None))
            self._container.close()
        except self._av.FFmpegError as error:
            raise InputError(f"cannot write {self.path}: {error.strerror}") from None
        if self._form.whole:
            last = max(held)
            self.frames, self.seconds = len(held), float((last + held[last]) * self._base)
            self._lasting = {}
            set_last_duration(self._temporary, held[last])
        if not self.frames:
            raise InputError(f"cannot write {self.path}: the disk is full")


def _lasting(metadata: dict[str, str]) -> dict[str, str]:
    """Return the metadata that are true of the new file as well."""
    return {name: text for name, text in metadata.items() if not any(word in name.lower() for word in STALE)}
