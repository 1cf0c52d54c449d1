"""Films through the command line."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from films import STEADY, av, drawn, facts_of, make_film, packets_of, pixels_of
from PIL import Image
from support import ROOT, files, interrupt_at

from stylenet.cli import infer
from stylenet.cli.exits import guarded
from stylenet.images import load_image
from stylenet.inference.outputs import film_names
from stylenet.inference.stylizer import Stylizer
from stylenet.networks.checkpoint import describe, save_network
from stylenet.networks.johnson import JohnsonNet


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A working folder with a tiny network, `net.safetensors`, and a film, `film.mp4`."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    network = JohnsonNet(width=1, blocks=1)
    save_network(network, "net.safetensors", describe(network))
    make_film("film.mp4")
    return tmp_path


def run(*options, **named):
    """The exit code of `infer.py`."""
    arguments = {"ckpt": "net.safetensors", "input": "film.mp4", "output": "out.mp4", "device": "cpu"} | named
    given = [f"--{key}={value}" for key, value in arguments.items() if value is not None]
    return guarded(lambda: infer.run([*given, *options]))


def animate(path, count=3):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    first, *others = (Image.fromarray(drawn(index)) for index in range(count))
    first.save(path, save_all=True, append_images=others, duration=80, loop=0)


def photograph(path):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(drawn(3)).save(path)


def film(path, **options):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    return make_film(path, **options)


# One film


def test_a_film_becomes_a_film(place, capsys):
    assert run(frames="frames") == 0
    assert packets_of("out.mp4", "audio") == packets_of("film.mp4", "audio")
    assert facts_of("out.mp4")["times"] == facts_of("film.mp4")["times"]
    stylizer = Stylizer.from_checkpoint("net.safetensors", "cpu")
    frame = torch.from_numpy(pixels_of("film.mp4", 6)[0]).permute(2, 0, 1)[None] / 255
    expected = 255 * stylizer(frame)[0].permute(1, 2, 0).numpy()
    assert np.abs(np.array(Image.open("frames/frame_000001.png")) - expected).max() < 0.6
    assert np.abs((pixels_of("out.mp4", 6)[0] - expected) @ [0.299, 0.587, 0.114]).mean() < 3
    lines = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"wrote out\.mp4: 10 frames, 0\.4 s long, [\d.e+]+ frames/s", lines[0])
    assert len(lines) == 1


@pytest.mark.parametrize("output", ["out/", "out"])
def test_a_film_into_a_folder_keeps_its_name(place, output):
    if output == "out":
        Path("out").mkdir()
    assert run(output=output) == 0
    assert files("out") == ["film.mp4"]


def test_size_scales_the_longer_side(place):
    assert run("--size=32") == 0
    assert facts_of("out.mp4")["size"] == (24, 32)


def test_tiles_masks_and_colors_apply_to_every_frame(place):
    mask = np.zeros((48, 64), np.uint8)
    mask[:, 32:] = 255
    Image.fromarray(mask).save("mask.png")
    assert run("--mask=mask.png", "--tile=64", "--preserve-color=luminance", "--alpha=0.5") == 0
    before, after = pixels_of("film.mp4", 6).astype(float), pixels_of("out.mp4", 6).astype(float)
    changes = np.abs(after - before).mean((1, 3))  # (frame, column)
    assert changes[:, :28].mean() < 4
    assert changes[:, 36:].mean() > 2 * changes[:, :28].mean()


@pytest.mark.parametrize(("start", "end", "count"), [("0.2", None, 5), ("0:00.2", "0:00:00.36", 4), (None, "0.1", 3)])
def test_start_and_end_are_seconds_or_a_clock(place, start, end, count):
    assert run(start=start, end=end) == 0
    assert len(pixels_of("out.mp4")) == count


@pytest.mark.parametrize(
    ("times", "start", "end"),
    [("start: 1\nend: 2.5", 1, 2.5), ("start: 0:01\nend: 1:02.5", 1, 62.5), ("end: '1:00'", None, 60)],
)
def test_a_file_of_arguments_has_times_as_they_are_typed(times, start, end, tmp_path, monkeypatch):
    got = []
    monkeypatch.setattr("stylenet.cli.infer_job.run_job", lambda options: got.append((options.start, options.end)) or 0)
    (tmp_path / "given.yaml").write_text(f"ckpt: a\ninput: b\noutput: c\n{times}\n")
    assert infer.run([f"--config={tmp_path / 'given.yaml'}"]) == 0
    assert got == [(start, end)]


def test_frames_of_an_earlier_film_are_told_of(place, capsys):
    assert run(output=None, frames="frames", end="0.2") == 0
    assert "earlier" not in capsys.readouterr().err
    assert run(output=None, frames="frames", end="0.12") == 0
    line = "frames holds 2 frames of an earlier film too, with higher numbers: remove them"
    assert line in capsys.readouterr().err.splitlines()
    assert len(files("frames")) == 5


def test_frames_need_no_output(place, capsys):
    assert run(output=None, frames="frames", end="0.12") == 0
    assert files("frames") == ["frame_000001.png", "frame_000002.png", "frame_000003.png"]
    assert "wrote frames: 3 frames, 0.1 s" in capsys.readouterr().err
    assert files() == ["film.mp4", *[f"frames/{name}" for name in files("frames")], "net.safetensors"]


def test_frames_beside_the_film(place):
    assert run(frames="frames") == 0
    assert len(files("frames")) == len(pixels_of("out.mp4")) == 10


def test_a_sound_that_is_left_out_is_named(place, capsys):
    assert run(output="out.webm") == 0
    assert "left out: sound (aac), which .webm cannot hold; .mkv can" in capsys.readouterr().err.splitlines()


def test_a_gif_stays_animated_or_says_that_it_does_not(place, capsys):
    animate("moving.gif")
    assert run(input="moving.gif", output="out.gif") == 0
    with Image.open("out.gif") as picture:
        assert picture.n_frames == 3
    assert run(input="moving.gif", output="out.mp4") == 0
    assert len(pixels_of("out.mp4")) == 3
    capsys.readouterr()
    assert run(input="moving.gif", output="out.png") == 0
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "moving.gif moves, out.png does not: only the first picture; end it with .gif or .mp4 for all"
    expected = Stylizer.from_checkpoint("net.safetensors", "cpu")(load_image("moving.gif"))
    assert (load_image("out.png") - expected).abs().max() < 0.6 / 255


def test_a_still_gif_stays_still(place):
    photograph("still.gif")
    assert run(input="still.gif", output="out.gif") == 0
    with Image.open("out.gif") as picture:
        assert not picture.is_animated


# Stabilized


def unsteadiness(path):
    return np.abs(np.diff(pixels_of(path, 6).astype(float), axis=0)).mean()


def flicker(monkeypatch):
    """Make every network paint other noise each time."""
    generator = torch.Generator().manual_seed(0)

    def noise(self, image, *given):
        return (image + 0.3 * torch.randn(image.shape, generator=generator)).clamp(0, 1)

    monkeypatch.setattr(Stylizer, "__call__", noise)


@pytest.mark.parametrize("source", ["film.mp4", "moving.gif"])
def test_a_stabilized_film_flickers_less(place, monkeypatch, source):
    animate("moving.gif", 10)
    flicker(monkeypatch)
    assert run(input=source, output="alone.mkv") == 0
    assert run("--stabilize=0.8", input=source, output="steady.mkv") == 0
    assert unsteadiness("steady.mkv") < 0.7 * unsteadiness("alone.mkv")


def test_each_film_of_a_folder_begins_anew(place):
    film("in/a.mp4", draw=lambda index, *size: 255 - drawn(index, *size))
    film("in/b.mp4")
    photograph("in/c.png")
    assert run("--stabilize=0.9", input="in", output="out") == 0
    assert run("--stabilize=0.9", input="in/b.mp4", output="alone.mp4") == 0
    assert files("out") == ["a.mp4", "b.mp4", "c.png"]
    assert (pixels_of("out/b.mp4") == pixels_of("alone.mp4")).all()


def test_without_opencv_the_mend_is_named(place, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "cv2", None)
    assert run() == 0
    capsys.readouterr()
    assert run("--stabilize=0.5", output="steady.mp4") == 2
    assert capsys.readouterr().err == (
        "error: optical flow needs OpenCV, which is not installed: run pip install 'stylenet[video]'\n"
    )


# Folders


def test_a_folder_of_films_and_images(place, capsys):
    film("in/a.mp4")
    film("in/b/a.webm", codec="libvpx-vp9", sound=None)
    film("in/c.avi", codec="mpeg4", sound="mp2", times=STEADY)
    animate("in/d.gif")
    photograph("in/a.jpg")
    photograph("in/e.gif")
    assert run(input="in", output="out") == 0
    assert files("out") == ["a.mp4", "a.png", "b/a.webm", "c.mkv", "d.gif", "e.png"]
    assert [facts_of(f"out/{name}")["size"] for name in ("a.mp4", "b/a.webm", "c.mkv")] == [(48, 64)] * 3
    with Image.open("out/d.gif") as picture:
        assert picture.n_frames == 3
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1] == "6 stylized"
    assert sum(line.startswith("wrote out/") for line in lines) == 4


def test_cuts_and_sizes_apply_to_all_films_of_a_folder(place):
    film("in/a.mp4")
    film("in/b.mp4")
    assert run("--size=32", input="in", output="out", end="0.2") == 0
    assert [pixels_of(f"out/{name}.mp4").shape for name in "ab"] == [(5, 24, 32, 3)] * 2


def test_film_names_never_clash():
    names = [Path(name) for name in ("a.avi", "a.mkv", "b.avi", "c.mp4", "c.webm", "D.avi", "d.AVI")]
    assert [str(path) for path in film_names(names)] == [
        "a.avi.mkv",
        "a.mkv",
        "b.mkv",
        "c.mp4",
        "c.webm",
        "D.avi.mkv",
        "d.AVI.mkv",
    ]


def test_broken_films_of_a_folder_are_named_and_skipped(place, capsys):
    film("in/a.mp4")
    Path("in/b.mp4").write_bytes(b"")
    raw = film("in/c.mkv", times=tuple(range(0, 4000, 40)), sound="libopus").read_bytes()
    Path("in/c.mkv").write_bytes(raw[: len(raw) // 2])
    photograph("in/d.png")
    assert run(input="in", output="out") == 1
    assert files("out") == ["a.mp4", "c.mkv", "d.png"]
    lines = capsys.readouterr().err.splitlines()
    assert "failed: in/b.mp4 is empty (0 bytes): fetch or copy it again" in lines
    assert any(line.startswith("in/c.mkv: it is cut off after ") and "; wrote out/c.mkv: " in line for line in lines)
    assert lines[-1] == "2 stylized, 2 failed: in/b.mp4, in/c.mkv"


# Ends before the end


def test_ctrl_c_keeps_what_was_done(place, monkeypatch, capsys):
    interrupt_at(monkeypatch, 3)
    before = signal.getsignal(signal.SIGINT)
    assert run() == 130
    assert len(pixels_of("out.mp4")) == 4
    assert capsys.readouterr().err.splitlines()[-1].startswith("interrupted; wrote out.mp4: 4 frames, 0.2 s long, ")
    assert files() == ["film.mp4", "net.safetensors", "out.mp4"]
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_in_a_folder_ends_the_film_and_the_run(place, monkeypatch, capsys):
    film("in/a.mp4")
    film("in/b.mp4")
    interrupt_at(monkeypatch, 3)
    assert run(input="in", output="out") == 130
    assert files("out") == ["a.mp4"]
    assert len(pixels_of("out/a.mp4")) == 4
    lines = capsys.readouterr().err.splitlines()
    assert lines[-2].startswith("interrupted; wrote out/a.mp4: 4 frames")
    assert lines[-1] == "1 stylized; interrupted with 1 left"


def test_a_broken_end_is_exit_code_1_and_one_line(place, capsys):
    raw = film("long.mkv", times=tuple(range(0, 4000, 40)), sound="libopus").read_bytes()
    Path("long.mkv").write_bytes(raw[: len(raw) // 2])
    assert run(input="long.mkv") == 1
    line = capsys.readouterr().err.splitlines()[-1]
    assert re.fullmatch(
        r"long\.mkv: it is cut off after \d\.\d s of 4\.0 s; wrote out\.mp4: \d+ frames, \d\.\d s long, .*", line
    )
    assert len(pixels_of("out.mp4")) == int(re.search(r"(\d+) frames", line)[1])


# Bad requests: one line, exit code 2, nothing written

BAD = {
    "missing": ({"input": "missing.mp4"}, "no such file or folder: missing.mp4"),
    "zero bytes": ({"input": "zero.mp4"}, "zero.mp4 is empty (0 bytes)"),
    "text": ({"input": "text.mp4"}, "text.mp4 is no film that can be read"),
    "onto itself": ({"output": "./film.mp4"}, "film.mp4 would overwrite a photograph"),
    "wrong suffix": ({"output": "out.png"}, "cannot write out.png: a film ends with / or one of .gif, .m4v, .mkv"),
    "avi": ({"output": "out.avi"}, "cannot write out.avi: a film ends with / or one of .gif, .m4v, .mkv"),
    "a still as a film": ({"input": "still.png"}, "cannot write out.mp4: end it with / or one of .bmp"),
    "start in words": ({"start": "soon"}, "start=soon: give seconds or minutes:seconds, as in 62.5 or 1:02.5"),
    "negative start": ({"start": "-1"}, "start=-1: give seconds or minutes:seconds"),
    "end before start": ({"start": "0.3", "end": "0.1"}, "end 0.1 s is not after start 0.3 s"),
    "start after the end": ({"start": "9:00"}, "film.mp4 has no picture that can be read: give another start"),
    "start of a still": (
        {"input": "still.png", "output": "o.png", "start": "1"},
        "--start is for films, and still.png",
    ),
    "frames of a still": ({"input": "still.png", "output": None, "frames": "f"}, "--frames takes the pictures of one"),
    "frames of a folder": ({"input": "in", "output": "out", "frames": "f"}, "--frames takes the pictures of one film"),
    "frames onto a file": ({"frames": "still.png"}, "cannot write into still.png: still.png is no folder"),
    "a stabilized still": (
        {"input": "still.png", "output": "o.png", "stabilize": "0.5"},
        "--stabilize is for films, and still.png",
    ),
    "too much": ({"stabilize": "1.5"}, "stabilize=1.5: give a number from 0 to 1"),
    "no output": ({"output": None}, "give --output=FILE, or a folder for a folder"),
    "empty folder": ({"input": "empty", "output": "out"}, "no images in empty, and no films: looked for .avi"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_requests(place, refused, case):
    Path("zero.mp4").write_bytes(b"")
    Path("text.mp4").write_text("words")
    photograph("still.png")
    film("in/a.mp4")
    film("in/b.mp4")
    Path("empty").mkdir()
    options, message = BAD[case]
    refused(lambda: run(**options), message)


def test_a_missing_encoder_is_named_before_anything_is_read(place, monkeypatch, capsys):
    monkeypatch.setattr(av, "codecs_available", av.codecs_available - {"libvpx-vp9"})
    assert run(output="out.webm", ckpt="missing.safetensors") == 2
    assert "cannot write out.webm: PyAV has no libvpx-vp9 here" in capsys.readouterr().err


def test_without_pyav_the_mend_is_named(place, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "av", None)
    assert run() == 2
    assert capsys.readouterr().err == (
        "error: films need PyAV, which is not installed: run pip install 'stylenet[video]'\n"
    )


# As a program


@pytest.mark.slow  # test_ctrl_c_keeps_what_was_done says as much, within this process
def test_the_program_stylizes_a_film_and_stops_when_asked(place):
    film("long.mp4", times=tuple(range(0, 24_000, 40)), sound=None)
    options = ["--ckpt=net.safetensors", "--input=long.mp4", "--output=out.mp4", "--device=cpu"]
    code = (
        "import sys, threading, time, os, signal, runpy\n"
        "def press():\n"
        "    while not any(n.endswith('.tmp') for n in os.listdir()): time.sleep(.01)\n"
        "    time.sleep(.1); os.kill(os.getpid(), signal.SIGINT)\n"
        "threading.Thread(target=press, daemon=True).start()\n"
        "sys.argv.pop(0); runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    command = [sys.executable, "-c", code, str(ROOT / "infer.py"), *options]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 130
    line = done.stderr.splitlines()[-1]
    assert line.startswith("interrupted; wrote out.mp4: ")
    assert len(pixels_of("out.mp4")) == int(re.search(r"(\d+) frames", line)[1]) < 600
    assert files() == ["film.mp4", "long.mp4", "net.safetensors", "out.mp4"]
