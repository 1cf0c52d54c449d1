"""Films: what the container tells of input and output side by side, and what happens to bad ones."""

import errno
import gc
import sys
import threading
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from films import (
    STEADY,
    UNSTEADY,
    av,
    drawn,
    facts_of,
    frames_of,
    make_film,
    packets_of,
    pixels_of,
)
from PIL import Image

from stylenet.errors import InputError
from stylenet.film import bounded_queue
from stylenet.film.bounded_queue import BoundedQueue
from stylenet.film.metadata import is_film
from stylenet.film.pixels import Pixels
from stylenet.film.reserved_file import ReservedFile
from stylenet.film.stylize import open_film, stylize_film
from stylenet.film.writer import ROOM


def same(image):
    return image


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names():
    return sorted(path.name for path in Path().iterdir())


def seen(source, **cut):
    """The frames that the network sees, (N, H, W, 3), from 0 to 255."""
    frames = []

    def look(image):
        frames.append(255 * image[0].permute(1, 2, 0).numpy())
        return image

    stylize_film(look, source, "seen.mkv", **cut, say=lambda line: None)
    return np.stack(frames)


def durations(path):
    with Image.open(path) as picture:
        found = []
        for index in range(picture.n_frames):
            picture.seek(index)
            picture.load()
            found.append(picture.info["duration"])
        return found


def animate(path, times, size=(48, 64)):
    """Write an animated GIF or WebP whose frames last for these milliseconds."""
    first, *others = (Image.fromarray(drawn(index, *size)) for index in range(len(times)))
    first.save(path, save_all=True, append_images=others, duration=list(times), loop=0)


# Times, sound, streams


@pytest.mark.parametrize("times", [STEADY, UNSTEADY], ids=["constant", "variable"])
@pytest.mark.parametrize(
    ("suffix", "codec", "sound"),
    [
        (".mp4", "libx264", "aac"),
        (".m4v", "libx264", "aac"),
        (".mov", "libx264", "aac"),
        (".mkv", "libx264", "libopus"),
        (".webm", "libvpx-vp9", "libopus"),
    ],
)
def test_containers_tell_the_same_of_input_and_output(place, suffix, codec, sound, times):
    def tagged(video):
        video.codec_context.colorspace = video.codec_context.color_primaries = video.codec_context.color_trc = 1
        video.codec_context.color_range = 1
        video.codec_context.max_b_frames = 0  # with them, the input's own container is wrong on the last frame

    source, target = make_film(f"in{suffix}", times, codec=codec, sound=sound, prepare=tagged), f"out{suffix}"
    result = stylize_film(same, source, target)
    assert facts_of(target) == facts_of(source)
    assert packets_of(target, "audio") == packets_of(source, "audio")
    assert (result.frames, result.interrupted, result.broken) == (10, False, None)
    assert result.seconds == pytest.approx((times[-1] + 40) / 1000)
    assert names() == [f"in{suffix}", f"out{suffix}"]


@pytest.mark.parametrize(("source", "target"), [(".mp4", ".mkv"), (".mkv", ".mp4"), (".avi", ".mkv"), (".avi", ".mov")])
def test_another_container_has_the_same_times_and_sound(place, source, target):
    make_film(f"in{source}", UNSTEADY if source != ".avi" else STEADY, codec="mpeg4", sound="mp2")
    stylize_film(same, f"in{source}", f"out{target}")
    before, after = ([float(f.pts * f.time_base) for f in frames_of(p)] for p in (f"in{source}", f"out{target}"))
    shift = after[0] - before[0]  # Matroska has no times under 0: all move if the sound starts earlier
    assert abs(shift) < 0.03
    assert after == pytest.approx([time + shift for time in before])
    sounds = [packets_of(path, "audio") for path in (f"in{source}", f"out{target}")]
    assert [data for _, data in sounds[0]] == [data for _, data in sounds[1]]
    assert [float(at) for at, _ in sounds[1]] == pytest.approx([float(at) + shift for at, _ in sounds[0]], abs=1e-3)


def test_frames_that_were_stored_out_of_order_keep_their_times(place):
    def reordered(video):
        video.codec_context.max_b_frames = 2

    make_film("in.mp4", UNSTEADY, prepare=reordered)
    with av.open("in.mp4") as film:
        stamps = [packet.pts for packet in film.demux(video=0) if packet.pts is not None]
    assert stamps != sorted(stamps)
    stylize_film(same, "in.mp4", "out.mp4")
    assert facts_of("out.mp4")["times"] == facts_of("in.mp4")["times"]


def test_a_sound_that_the_format_cannot_hold_is_left_out_and_named(place):
    make_film("in.mp4")
    said = []
    stylize_film(same, "in.mp4", "out.webm", say=said.append)
    assert said == ["left out: sound (aac), which .webm cannot hold; .mkv can"]
    assert facts_of("out.webm")["streams"] == [("video", "vp9")]


def with_subtitles(path):
    """A film with two lines of text."""
    make_film("plain.mp4")
    with av.open("plain.mp4") as old, av.open(path, "w") as new:
        streams = {stream.index: new.add_stream_from_template(stream) for stream in old.streams}
        text = new.add_mux_stream("subrip")
        for packet in old.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream_index]
                new.mux(packet)
        for time in (50, 200):
            packet = av.Packet(b"Hello")
            packet.pts = packet.dts = time
            packet.duration, packet.time_base, packet.stream = 100, Fraction(1, 1000), text
            new.mux(packet)
    Path("plain.mp4").unlink()


def test_subtitles_are_kept_or_named(place):
    with_subtitles("in.mkv")
    said = []
    stylize_film(same, "in.mkv", "out.mkv", say=said.append)
    assert packets_of("out.mkv", "subtitle") == packets_of("in.mkv", "subtitle")
    assert said == []
    stylize_film(same, "in.mkv", "out.mp4", say=said.append)
    assert [kind for kind, _ in facts_of("out.mp4")["streams"]] == ["video", "audio"]
    assert said == ["left out: subtitles (srt), which .mp4 cannot hold"]


def test_a_sound_that_nobody_knows_is_left_out_and_named(place):
    raw = make_film("in.mp4").read_bytes()
    Path("in.mp4").write_bytes(raw.replace(b"mp4a", b"zzzz").replace(b"esds", b"zzzz"))
    said = []
    assert stylize_film(same, "in.mp4", "out.mp4", say=said.append).frames == 10
    assert said == ["left out: sound or subtitles in a codec that is unknown here"]
    assert facts_of("out.mp4")["streams"] == [("video", "h264")]


def test_a_film_without_sound(place):
    make_film("in.mp4", sound=None)
    stylize_film(same, "in.mp4", "out.mp4")
    assert facts_of("out.mp4")["streams"] == [("video", "h264")]


def test_title_and_languages_are_kept(place):
    make_film("plain.mp4")
    with av.open("plain.mp4") as old, av.open("in.mkv", "w") as new:
        new.metadata["title"] = "A pan"
        streams = {stream.index: new.add_stream_from_template(stream) for stream in old.streams}
        streams[1].metadata["language"] = "fra"
        for packet in old.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream_index]
                new.mux(packet)
    stylize_film(same, "in.mkv", "out.mkv")
    with av.open("out.mkv") as film:
        assert film.metadata["title"] == "A pan"
        assert film.streams.audio[0].metadata["language"] == "fra"


@pytest.mark.parametrize("sound", ["flac", "opus"])
def test_sound_that_quicktime_cannot_hold_is_left_out(place, sound):
    notes = []
    make_film("film.mkv", sound=sound)
    stylize_film(same, "film.mkv", "out.mov", say=notes.append)
    assert notes == [f"left out: sound ({sound}), which .mov cannot hold; .mkv can"]
    assert len(pixels_of("out.mov")) == len(pixels_of("film.mkv"))


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm", ".gif", ".webp"])
def test_the_same_film_has_the_same_bytes(place, suffix):
    make_film("film.mkv", sound="opus")
    for name in ("one", "two"):
        stylize_film(same, "film.mkv", f"{name}{suffix}", say=lambda line: None)
    assert Path(f"one{suffix}").read_bytes() == Path(f"two{suffix}").read_bytes()


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_cut_film_keeps_its_sound_in_step(place, suffix):
    times = tuple(range(0, 4000, 40))
    make_film(f"in{suffix}", times, sound="libopus")
    result = stylize_film(same, f"in{suffix}", f"out{suffix}", start=1.02, end=Fraction("2.6"))
    assert result.frames == 39  # 1.04, 1.08 ... 2.56
    with av.open(f"out{suffix}") as film:
        starts = [float(frame.pts * frame.time_base) for frame in film.decode(video=0)]
    assert starts == pytest.approx([0.04 * index for index in range(39)], abs=1e-3)
    before, after = packets_of(f"in{suffix}", "audio"), packets_of(f"out{suffix}", "audio")
    expected = [(at - Fraction("1.04"), data) for at, data in before if 1.04 <= at < 2.6]
    assert [data for _, data in after] == [data for _, data in expected]
    assert [float(at) for at, _ in after] == pytest.approx([float(at) for at, _ in expected], abs=1.1e-3)
    whole = pixels_of(f"in{suffix}")[26:65].astype(int)
    assert np.abs(pixels_of(f"out{suffix}") - whole).mean() < 3


def test_one_frame(place):
    make_film("in.mp4", (0,))
    assert stylize_film(same, "in.mp4", "out.mp4").frames == 1
    assert len(pixels_of("out.mp4")) == 1


# Pixels


def test_each_frame_is_stylized_once_and_in_order(place):
    make_film("in.mp4")
    stylize_film(lambda image: 1 - image, "in.mp4", "out.mp4")
    assert np.abs(pixels_of("out.mp4") - (255.0 - pixels_of("in.mp4"))).mean() < 3


BLOCKS = np.random.default_rng(0).integers(30, 220, (3, 4, 3)).astype(np.uint8)
WEIGHTS = {1: (0.2126, 0.0722), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}  # of red and blue in luma


def coded(rgb, matrix, full):
    """Colors as a film's numbers Y, U, V, by the formula of the standards."""
    red, blue = WEIGHTS[matrix]
    colors = rgb / 255
    luma = colors @ [red, 1 - red - blue, blue]
    u, v = (colors[..., 2] - luma) / (2 * (1 - blue)), (colors[..., 0] - luma) / (2 * (1 - red))
    zero, scale, chroma = (0, 255, 255) if full else (16, 219, 224)
    return np.stack([zero + scale * luma, 128 + chroma * u, 128 + chroma * v], -1)


def blocks_film(path, matrix, full, pixels="yuv420p", codec="libx264", transfer=2):
    """A film of blocks of one color each, whose numbers follow the formula."""

    def prepare(video):
        video.codec_context.colorspace, video.codec_context.color_range = matrix, 2 if full else 1
        video.codec_context.color_primaries, video.codec_context.color_trc = matrix, transfer

    def draw(index, height, width):
        return np.repeat(np.repeat(BLOCKS, height // 3, 0), width // 4, 1)

    options = {"draw": draw, "prepare": prepare, "matrix": matrix, "full": full, "sound": None}
    return make_film(path, pixels=pixels, codec=codec, **options)


@pytest.mark.parametrize("full", [False, True], ids=["16 to 235", "0 to 255"])
@pytest.mark.parametrize("matrix", WEIGHTS)
@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_matrix_and_range_survive_and_the_network_sees_the_right_colors(place, matrix, full, suffix):
    source = blocks_film("in.mkv", matrix, full)
    assert np.abs(seen(source)[-1][8::16, 8::16] - BLOCKS).max() < 8
    stylize_film(same, source, f"out{suffix}")
    after = list(frames_of(f"out{suffix}"))[-1]
    tags = (after.colorspace, after.color_range, after.color_primaries)
    assert tags == (matrix, 2 if full else 1, matrix)
    planes = after.to_ndarray()
    expected = coded(BLOCKS.astype(float), matrix, full)
    assert np.abs(planes[:48][8::16, 8::16] - expected[..., 0]).max() < 4
    assert np.abs(planes[48:60].reshape(24, 32)[4::8, 4::8] - expected[..., 1]).max() < 4


@pytest.mark.parametrize(("height", "matrix"), [(48, 6), (720, 1)])
def test_a_matrix_that_is_not_told_is_that_of_the_size_and_told_from_then_on(place, height, matrix):
    make_film("in.mp4", (0,), size=(height, 64), sound=None)
    stylize_film(same, "in.mp4", "out.mp4")
    assert facts_of("in.mp4")["colors"][0] == 2
    assert facts_of("out.mp4")["colors"][:2] == (matrix, 1)


def test_ten_bits_become_eight(place):
    source = blocks_film("in.mkv", 1, False, "yuv420p10le")
    assert facts_of(source)["pixels"] == "yuv420p10le"
    said = []
    stylize_film(same, source, "out.mp4", say=said.append)
    assert facts_of("out.mp4")["pixels"] == "yuv420p"
    assert np.abs(pixels_of("out.mp4", 1)[-1][8::16, 8::16].astype(int) - BLOCKS).max() < 6
    assert said == []


@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG")])
def test_hdr_says_what_is_not_kept(place, transfer, name):
    source = blocks_film("in.mkv", 9, False, "yuv420p10le", transfer=transfer)
    said = []
    stylize_film(same, source, "out.mp4", say=said.append)
    assert said == [f"in.mkv is HDR ({name}): 8 bits are kept, mastering data is not, and the network sees flat colors"]
    assert facts_of("out.mp4")["colors"] == (9, 1, 9, transfer)


@pytest.mark.parametrize(
    ("degrees", "mirrored", "turn"),
    [
        (90, False, lambda frames: np.rot90(frames, 1, (1, 2))),
        (180, False, lambda frames: np.rot90(frames, 2, (1, 2))),
        (-90, False, lambda frames: np.rot90(frames, 3, (1, 2))),
        (0, True, lambda frames: frames[:, :, ::-1]),
    ],
)
def test_a_turned_film_becomes_upright(place, degrees, mirrored, turn):
    make_film("in.mp4", prepare=lambda video: video.set_display_rotation(degrees, hflip=mirrored))
    expected = turn(pixels_of("in.mp4").astype(int))
    assert np.abs(seen("in.mp4") - expected).max() < 1
    stylize_film(same, "in.mp4", "out.mp4")
    assert np.abs(pixels_of("out.mp4") - expected).mean() < 3
    assert {frame.rotation for frame in frames_of("out.mp4")} == {0}


def oblong(video):
    video.codec_context.sample_aspect_ratio = Fraction(4, 3)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_the_shape_of_pixels_survives(place, suffix):
    make_film("in.mp4", prepare=oblong)
    stylize_film(same, "in.mp4", f"out{suffix}")
    assert facts_of(f"out{suffix}")["aspect"] == Fraction(4, 3)
    assert facts_of(f"out{suffix}")["size"] == (48, 64)


def test_the_shape_of_pixels_turns_with_them(place):
    def lying(video):
        oblong(video)
        video.set_display_rotation(90)

    make_film("in.mp4", prepare=lying)
    stylize_film(same, "in.mp4", "out.mp4")
    assert facts_of("out.mp4")["aspect"] == Fraction(3, 4)
    assert facts_of("out.mp4")["size"] == (64, 48)


@pytest.mark.parametrize("suffix", [".webm", ".gif", ".webp"])
def test_formats_of_square_pixels_get_a_wider_picture(place, suffix):
    make_film("in.mp4", prepare=oblong, sound=None)
    stylize_film(same, "in.mp4", f"out{suffix}")
    if suffix == ".webm":
        assert pixels_of("out.webm").shape[1:] == (48, 85, 3)
    else:
        with Image.open(f"out{suffix}") as picture:
            assert picture.size == (85, 48)


@pytest.mark.parametrize(("suffix", "size"), [(".webm", (47, 63)), (".mp4", (48, 64)), (".gif", (47, 63))])
def test_odd_sizes(place, suffix, size):
    make_film("in.webm", codec="libvpx-vp9", sound=None, size=(47, 63))
    assert seen("in.webm").shape == (10, 47, 63, 3)
    stylize_film(same, "in.webm", f"out{suffix}")
    if suffix == ".gif":
        with Image.open("out.gif") as picture:
            assert picture.size == (63, 47)
        return
    frames = pixels_of(f"out{suffix}")
    assert frames.shape[1:3] == size
    assert np.abs(frames[:, :47, :63] - pixels_of("in.webm").astype(int)).mean() < 3


def test_what_is_stylized_may_have_another_size(place):
    make_film("in.mp4")
    stylize_film(lambda image: image[..., :24, :40], "in.mp4", "out.mp4")
    assert facts_of("out.mp4")["size"] == (24, 40)


def test_without_x264_it_is_mpeg4(place, monkeypatch):
    make_film("in.mp4", UNSTEADY, options={"video_track_timescale": "90000"})
    monkeypatch.setattr(av, "codecs_available", av.codecs_available - {"libx264"})
    stylize_film(same, "in.mp4", "out.mp4")
    assert facts_of("out.mp4")["streams"][0] == ("video", "mpeg4")
    assert [float(f.pts * f.time_base) for f in frames_of("out.mp4")] == pytest.approx([t / 1000 for t in UNSTEADY])


# Animated GIF and WebP

LASTING = (50, 120, 300, 80, 700)


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
@pytest.mark.parametrize("source", [".gif", ".webp"])
def test_animations_keep_their_durations_and_pictures(place, source, suffix):
    animate(f"in{source}", LASTING)
    result = stylize_film(same, f"in{source}", f"out{suffix}")
    assert durations(f"out{suffix}") == list(LASTING)
    assert (result.frames, result.seconds) == (5, 1.25)
    with Image.open(f"out{suffix}") as picture:
        assert picture.info["loop"] == 0
        for index in (0, 2, 4):
            picture.seek(index)
            assert np.abs(np.array(picture.convert("RGB")).astype(int) - drawn(index)).mean() < 4


def test_an_animation_becomes_a_film_and_back(place):
    animate("in.gif", LASTING)
    stylize_film(same, "in.gif", "out.mp4")
    assert [float(f.pts * f.time_base) for f in frames_of("out.mp4")] == pytest.approx([0, 0.05, 0.17, 0.47, 0.55])
    assert facts_of("out.mp4")["duration"] == 1_250_000
    stylize_film(same, "out.mp4", "back.gif")
    assert durations("back.gif") == list(LASTING)


def test_a_gif_of_a_quick_film_leaves_frames_out(place):
    make_film("in.mp4", tuple(range(0, 100, 10)), sound=None)
    result = stylize_film(same, "in.mp4", "out.gif")
    assert result.frames == 5
    assert durations("out.gif")[:4] == [20, 20, 20, 20]


def test_transparency_is_laid_over_white(place):
    clear, red = Image.new("RGBA", (16, 16), (0, 0, 0, 0)), Image.new("RGBA", (16, 16), "red")
    clear.save("in.webp", save_all=True, append_images=[red], duration=100, lossless=True)
    frames = seen("in.webp")
    assert (frames[0].min(), frames[1][..., 1].max()) == (255, 0)


def test_an_animation_can_be_cut(place):
    animate("in.gif", LASTING)
    stylize_film(same, "in.gif", "out.webp", start=0.1, end=0.5)
    assert durations("out.webp") == [300, 80]


def test_what_is_a_film(place):
    animate("moving.gif", LASTING)
    Image.fromarray(drawn(0)).save("still.gif")
    Path("broken.gif").write_text("words")
    films = ("a.mp4", "a.MOV", "a.mkv", "a.webm", "a.avi", "a.m4v", "moving.gif")
    assert [path for path in (*films, "still.gif", "broken.gif", "a.png", "none.webp") if is_film(path)] == [*films]


# Frames


def test_frames_are_pngs(place):
    make_film("in.mp4")
    result = stylize_film(lambda image: 1 - image, "in.mp4", None, frames="all/frames")
    assert result.frames == 10
    assert result.seconds == pytest.approx(0.4)
    paths = sorted(Path("all/frames").iterdir())
    assert [path.name for path in paths] == [f"frame_{index:06}.png" for index in range(1, 11)]
    written = np.stack([np.array(Image.open(path)) for path in paths])
    assert (written == 255 - pixels_of("in.mp4", 6)).all()


def test_a_film_and_its_frames(place):
    make_film("in.mp4")
    stylize_film(same, "in.mp4", "out.mp4", frames="frames")
    assert len(list(Path("frames").iterdir())) == len(pixels_of("out.mp4")) == 10


# Ends before the end


def test_ctrl_c_leaves_a_film_of_what_was_done(place):
    make_film("in.mp4")

    def stop(done, total):
        assert total == 10
        if done == 4:
            raise KeyboardInterrupt

    result = stylize_film(same, "in.mp4", "out.mp4", progress=stop)
    assert (result.frames, result.interrupted, result.broken) == (4, True, None)
    assert result.seconds == pytest.approx(0.16)
    assert len(pixels_of("out.mp4")) == 4
    assert names() == ["in.mp4", "out.mp4"]


def test_ctrl_c_before_the_first_frame_leaves_nothing(place):
    make_film("in.mp4")

    def press(image):
        raise KeyboardInterrupt

    threads = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        stylize_film(press, "in.mp4", "out.mp4")
    assert names() == ["in.mp4"]
    assert threading.active_count() == threads


def long_film(path, options=None):
    return make_film(path, tuple(range(0, 4000, 40)), options=options)


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_a_film_that_is_cut_off_is_stylized_as_far_as_it_goes(place, suffix):
    long_film(f"in{suffix}", {"movflags": "faststart"} if suffix == ".mp4" else None)
    raw = Path(f"in{suffix}").read_bytes()
    Path(f"in{suffix}").write_bytes(raw[: int(len(raw) * 0.6)])
    result = stylize_film(same, f"in{suffix}", "out.mp4")
    assert 10 < result.frames < 90
    assert result.broken
    assert "of 4.0 s" in result.broken or "broke" in result.broken or "packets" in result.broken
    assert len(pixels_of("out.mp4")) == result.frames


def test_damage_in_the_middle_is_skipped_and_told(place):
    long_film("in.mkv")
    raw = bytearray(Path("in.mkv").read_bytes())
    with av.open("in.mkv") as film:
        packets = [packet for packet in film.demux(video=0) if packet.size]
        place_of = packets[50].pos
    raw[place_of + 12 : place_of + 60] = bytes(48)
    Path("in.mkv").write_bytes(raw)
    result = stylize_film(same, "in.mkv", "out.mkv")
    assert 50 < result.frames < 100
    assert result.seconds == pytest.approx(4)
    assert result.broken == "1 of its packets could not be decoded"


def test_an_animation_that_is_cut_off(place):
    animate("in.gif", LASTING)
    raw = Path("in.gif").read_bytes()
    Path("in.gif").write_bytes(raw[: len(raw) * 3 // 4])
    result = stylize_film(same, "in.gif", "out.gif")
    assert 0 < result.frames < 5
    assert "breaks off after" in result.broken


class SmallDisk:
    """Makes a disk full after some bytes, and a little less full once the room is given back."""

    def __init__(self, monkeypatch, size):
        self.left = size
        write, disk = ReservedFile._write, self

        def limited(file, data):
            left = disk.left + (ROOM if file.full else 0)
            if left <= 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            written = write(file, data[:left])
            disk.left -= written
            return written

        monkeypatch.setattr(ReservedFile, "_write", limited)


def noise(image):
    return torch.rand_like(image)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".gif"])
def test_a_full_disk_leaves_a_film_of_what_fitted(place, monkeypatch, suffix):
    long_film("in.mp4")
    SmallDisk(monkeypatch, 100_000)
    result = stylize_film(noise, "in.mp4", f"out{suffix}", say=lambda line: None)
    assert result.broken == "the disk is full"
    assert 5 < result.frames < 95
    if suffix == ".gif":
        assert len(durations("out.gif")) == result.frames
    else:
        assert len(pixels_of(f"out{suffix}")) == result.frames
    assert 100_000 <= Path(f"out{suffix}").stat().st_size < 300_000
    assert names() == ["in.mp4", f"out{suffix}"]


def test_a_disk_that_is_full_while_the_encoder_gives_its_last(place, monkeypatch):
    make_film("in.mp4", tuple(range(0, 1200, 40)), sound=None)
    SmallDisk(monkeypatch, 40_000)
    result = stylize_film(noise, "in.mp4", "out.mp4")
    assert result.broken == "the disk is full"
    assert 0 < result.frames < 30
    assert len(pixels_of("out.mp4")) == result.frames


def test_frames_that_cannot_be_written_leave_a_film_of_the_others(place, monkeypatch):
    make_film("in.mp4")
    save, left = Image.Image.save, iter(range(6))

    def limited(picture, *given, **options):
        if next(left) == 5:
            raise OSError(errno.ENOSPC, "No space left on device")
        save(picture, *given, **options)

    monkeypatch.setattr(Image.Image, "save", limited)
    result = stylize_film(same, "in.mp4", "out.mp4", frames="frames")
    assert result.broken == "cannot write frames/frame_000006.png: No space left on device"
    assert (len(list(Path("frames").iterdir())), result.frames) == (5, 6)


def test_a_disk_that_is_full_from_the_start_is_one_line(place, monkeypatch):
    make_film("in.mp4")

    def refuse(number, room):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(ReservedFile, "_reserve", staticmethod(refuse))
    with pytest.raises(InputError, match=r"cannot write out\.mp4: No space left on device"):
        stylize_film(same, "in.mp4", "out.mp4")
    assert names() == ["in.mp4"]


def test_a_network_that_fails_at_once_leaves_nothing_and_later_a_film(place):
    make_film("in.mp4")
    left = [0]

    def fail(image):
        left[0] -= 1
        if left[0] < 0:
            raise InputError("64x48 pixels do not fit into the memory of cpu")
        return image

    Path("out.mp4").write_text("old")
    with pytest.raises(InputError, match="do not fit"):
        stylize_film(fail, "in.mp4", "out.mp4")
    assert Path("out.mp4").read_text() == "old"
    left[0] = 6
    result = stylize_film(fail, "in.mp4", "out.mp4")
    assert (result.frames, result.broken) == (6, "64x48 pixels do not fit into the memory of cpu")
    assert len(pixels_of("out.mp4")) == 6


def test_an_error_of_the_program_is_raised_and_ends_all_threads(place):
    threads = threading.active_count()
    make_film("in.mp4")
    with pytest.raises(ZeroDivisionError):
        stylize_film(lambda image: image / (1 // 0), "in.mp4", "out.mp4")
    assert names() == ["in.mp4"]
    assert threading.active_count() == threads


# Memory


def test_reading_waits_for_the_network(place, monkeypatch):
    long_film("in.mp4")
    count, counts = [0], []
    real = Pixels.__call__

    def counted(self, frame):
        count[0] += 1
        return real(self, frame)

    monkeypatch.setattr(Pixels, "__call__", counted)

    def slow(image):
        if len(counts) < 3:
            time.sleep(0.2)
        counts.append(count[0])
        return image

    stylize_film(slow, "in.mp4", "out.mp4")
    ahead = [read - done for done, read in enumerate(counts)]
    assert max(ahead) <= bounded_queue.HELD + 4  # in the queue, in each hand, and waiting
    assert count[0] == len(counts) == 100


def test_the_network_waits_for_writing(place, monkeypatch):
    ready = BoundedQueue()
    given = []

    def give():
        for thing in range(20):
            if not ready.put(thing):
                return
            given.append(thing)
        ready.end()

    giver = threading.Thread(target=give)
    giver.start()
    time.sleep(0.3)
    assert len(given) == bounded_queue.HELD
    assert list(ready) == list(range(20))
    giver.join()


def test_a_stopped_queue_takes_nothing_and_keeps_nobody_waiting():
    stopped = BoundedQueue()
    stopped.put(1)
    stopped.stop()
    assert not stopped.put(2)
    assert list(stopped) == []


# Bad films: one line that names the mend, nothing written


def sound_only(path):
    with av.open(path, "w") as film:
        from films import packets_of_sine

        film.mux(packets_of_sine(film.add_stream("aac", rate=48_000, layout="mono"), 0.2))


def without_frames(path):
    make_film("whole.mp4", options={"movflags": "faststart"}, sound=None)
    raw = Path("whole.mp4").read_bytes()
    Path(path).write_bytes(raw[: raw.index(b"mdat") + 4])
    Path("whole.mp4").unlink()


def unknown_codec(path):
    make_film(path, sound=None)
    Path(path).write_bytes(Path(path).read_bytes().replace(b"avc1", b"zzzz").replace(b"avcC", b"zzzC"))


BAD = {
    "missing": (lambda path: None, "cannot read in.mp4: No such file or directory"),
    "zero bytes": (lambda path: Path(path).write_bytes(b""), r"in.mp4 is empty \(0 bytes\): fetch or copy it again"),
    "text": (lambda path: Path(path).write_text("words"), r"in.mp4 is no film that can be read \(.*\): fetch or copy"),
    "no video stream": (sound_only, "in.mp4 has no video stream: give a film"),
    "no frames": (without_frames, "in.mp4 has no picture that can be read.*: fetch or copy it again"),
    "no such codec": (unknown_codec, "in.mp4 has a codec that is unknown here: convert it to H.264 first"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_films(place, case):
    make, message = BAD[case]
    make("in.mp4")
    before = names()
    with pytest.raises(InputError, match=message) as error:
        stylize_film(same, "in.mp4", "out.mp4")
    assert "\n" not in str(error.value)
    assert names() == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "out.avi"}, "cannot write out.avi: a film ends with one of .gif, .m4v, .mkv, .mov, .mp4, .webm"),
        ({"target": "out"}, "cannot write out: a film ends with one of"),
        ({"target": "./in.mp4"}, "in.mp4 would overwrite the film: give another output"),
        ({"target": "folder.mp4"}, "cannot write folder.mp4: "),
        ({"target": "in.mp4/out.mp4"}, "cannot write in.mp4/out.mp4: "),
        ({"target": None}, "give a film to write, or a folder for frames"),
        ({"start": 99}, "in.mp4 has no picture that can be read: give another start"),
        ({"start": 0.2, "end": 0.1}, "end 0.1 s is not after start 0.2 s"),
        ({"start": -1}, "start -1: give seconds from 0 on"),
    ],
)
def test_bad_requests(place, options, message):
    make_film("in.mp4")
    Path("folder.mp4").mkdir()
    with pytest.raises(InputError, match=message):
        stylize_film(same, "in.mp4", **{"target": "out.mp4"} | options)
    assert names() == ["folder.mp4", "in.mp4"]


def test_a_missing_encoder_is_named(place, monkeypatch):
    make_film("in.mp4")
    monkeypatch.setattr(av, "codecs_available", av.codecs_available - {"libvpx-vp9"})
    with pytest.raises(InputError, match=r"cannot write out\.webm: PyAV has no libvpx-vp9 here"):
        stylize_film(same, "in.mp4", "out.webm")


@pytest.mark.parametrize("suffix", [".webp", ".mp4", ".mkv"])
def test_a_picture_that_the_format_cannot_hold_is_one_line(place, suffix):
    make_film("in.mp4", sound=None)
    with pytest.raises(InputError, match=rf"cannot write out\{suffix}: .*\(17000x2 pixels\); scale it down"):
        stylize_film(lambda image: torch.zeros(1, 3, 2, 17_000), "in.mp4", f"out{suffix}")
    assert names() == ["in.mp4"]


def test_pictures_of_16000_pixels_in_width(place):
    make_film("in.mp4", (0, 40), sound=None)
    stylize_film(lambda image: torch.zeros(1, 3, 2, 16_000), "in.mp4", "out.mp4")
    assert facts_of("out.mp4")["size"] == (2, 16_000)


def test_too_many_pixels_are_refused(place, monkeypatch):
    make_film("in.mp4")
    monkeypatch.setattr("stylenet.film.pixels.MAX_PIXELS", 64 * 48 - 1)
    with pytest.raises(InputError, match="in.mp4 has too many pixels, over 3,071: scale it down"):
        open_film("in.mp4")


def test_without_pyav_the_mend_is_named(place, monkeypatch):
    make_film("in.mp4")
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(InputError, match=r"pip install 'stylenet\[video\]'"):
        stylize_film(same, "in.mp4", "out.mp4")


def test_odd_names_are_files(place):
    make_film("plain.mp4")
    Path("plain.mp4").rename("concat:a|b.mp4")
    assert stylize_film(same, "concat:a|b.mp4", "pipe:1.mp4").frames == 10
    assert names() == ["concat:a|b.mp4", "pipe:1.mp4"]


def test_frames_are_freed_as_the_film_goes_on(tmp_path):
    make_film(tmp_path / "in.mp4")
    gc.collect()
    gc.disable()  # frames in a circle of references would stay
    try:
        with open_film(tmp_path / "in.mp4") as film:
            assert len(list(film.chunks())) >= 10
            left = sum(type(thing) is av.VideoFrame for thing in gc.get_objects())
    finally:
        gc.enable()
    assert left < 5
