"""`stylenet gatys` of films, in this process."""

import os
import signal
import sys
from pathlib import Path

import pytest
from films import facts_of, make_film, packets_of
from PIL import Image
from support import picture

from stylenet.cli import gatys
from stylenet.cli.exits import guarded
from stylenet.cli.gatys_film import FilmBar
from stylenet.images import load_image, save_image
from stylenet.locking import alone_in

INPUTS = ["film.mp4", "left.png", "one.png", "photo.png"]


@pytest.fixture
def place(tmp_path, monkeypatch, bare_environment):
    """A working folder with a film of three frames, a painting, a mask and a photograph."""
    monkeypatch.chdir(tmp_path)
    make_film("film.mp4", times=[0, 40, 80])
    save_image(picture(0, 48, 64), "photo.png")
    save_image(picture(1), "one.png")
    mask = picture(2, 48, 64) * 0
    mask[..., :32] = 1
    save_image(mask, "left.png")


def run(*options, **named):
    arguments = {"content": "film.mp4", "style": "one.png", "output": "out.mp4", "steps": "3", "frame_steps": "2"}
    arguments |= {"device": "cpu", "backbone": "vgg16", "weights": "bundled"} | named
    given = [f"--{key.replace('_', '-')}={value}" for key, value in arguments.items() if value is not None]
    return guarded(lambda: gatys.run([*given, *options]))


def files():
    return sorted(str(path) for path in Path().rglob("*") if path.is_file())


def press_at(monkeypatch, number, times=1):
    """Ctrl-C during a frame."""
    real = FilmBar.watch

    def watch(self, frame, frames, progress):
        if frame == number and progress.record.step == 1:
            for _ in range(times):
                os.kill(os.getpid(), signal.SIGINT)
        real(self, frame, frames, progress)

    monkeypatch.setattr(FilmBar, "watch", watch)


def test_a_film_becomes_a_film(place, capsys):
    assert run() == 0
    assert packets_of("out.mp4", "audio") == packets_of("film.mp4", "audio")
    assert facts_of("out.mp4")["times"] == facts_of("film.mp4")["times"]
    assert files() == sorted([*INPUTS, "out.mp4"])
    printed = " ".join(capsys.readouterr().err.split())
    assert "frames about 3 next frames 2 steps each, temporal weight" in printed
    assert "step 3/7 frame 1 of 3 content" in printed
    assert "step 7/7 frame 3 of 3 content" in printed
    assert printed.endswith("wrote out.mp4: 3 frames, 0.1 s")


def test_one_ctrl_c_or_two_keep_frames_and_the_same_command_goes_on(place, capsys, monkeypatch):
    assert run(output="whole.mp4") == 0
    kept = [f"out.mp4.frames/frame_00000{number}.png" for number in (1, 2)]
    written = []
    for done, times in ((1, 2), (2, 1)):
        capsys.readouterr()
        with monkeypatch.context() as patch:
            press_at(patch, number=done + 1, times=times)
            assert run() == 130
        told = f"{done} frames are done and kept in out.mp4.frames: the same command goes on from there"
        assert capsys.readouterr().err.endswith(f"interrupted; {told}\n")
        assert [name for name in files() if "out" in name] == [*kept[:done], "out.mp4.frames/settings.json"]
        written.append(Path(kept[0]).stat().st_mtime_ns)
    assert written[0] == written[1]
    assert run() == 0
    assert "frames about 3, 2 of them done" in " ".join(capsys.readouterr().err.split())
    assert Path("out.mp4").read_bytes() == Path("whole.mp4").read_bytes()


def test_other_settings_are_refused(place, capsys, monkeypatch):
    press_at(monkeypatch, number=2)
    assert run() == 130
    save_image(picture(3), "one.png")
    before = files()
    assert run("style_weight=3", temporal_weight="5") == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("error: out.mp4.frames holds frames of other settings (style, temporal_weight, loss): give")
    assert files() == before


def test_one_run_at_a_time(place, capsys):
    with alone_in(Path("out.mp4.frames")):
        assert run() == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("error: another run writes into out.mp4.frames: wait")
    assert run() == 0


def test_masks_and_cuts_of_the_film(place):
    assert run(mask="left.png", start="0.04", output="out.gif", steps="6") == 0
    with Image.open("out.gif") as film:
        assert (film.n_frames, film.size) == (2, (64, 48))
    assert run(start="0:00.04", end="0.08") == 0
    assert len(facts_of("out.mp4")["times"]) == 1


def test_a_moving_gif_stays_one_or_gives_its_first_picture(place):
    first, *others = (Image.new("RGB", (48, 40), (60 * index, 90, 120)) for index in range(3))
    first.save("film.gif", save_all=True, append_images=others, duration=80)
    assert run(content="film.gif", output="out.webp") == 0
    with Image.open("out.webp") as film:
        assert film.n_frames == 3
    assert run(content="film.gif", output="out.png", frame_steps=None) == 0
    assert load_image("out.png").shape == (1, 3, 40, 48)


BAD = {
    "an image of a film": ("cannot write out.png: a film ends with / or one of .gif", {"output": "out.png"}),
    "a film of an image": ("cannot write out.mp4: end it with / or one of .bmp", {"content": "photo.png"}),
    "over the film": ("film.mp4 would overwrite a photograph", {"output": "./film.mp4"}),
    "film of the optimization": ("--video shows how one photograph is painted, and film.mp4", {"video": "v.mp4"}),
    "no film": ("text.mp4 is no film that can be read", {"content": "text.mp4"}),
    "empty": ("empty.mp4 is empty (0 bytes)", {"content": "empty.mp4"}),
    "no time": ("start=soon: give seconds or minutes:seconds", {"start": "soon"}),
    "end before start": ("end 1 s is not after start 2 s", {"start": "2", "end": "1"}),
    "after the end": ("film.mp4 has no picture that can be read: give another start", {"start": "9"}),
    "negative weight": ("temporal_weight=-1", {"temporal_weight": "-1"}),
    "infinite weight": ("temporal_weight is inf: give a finite number", {"temporal_weight": "inf"}),
    "no steps": ("frame_steps=0", {"frame_steps": "0"}),
    "mask of another shape": ("mask one.png has 60x40 pixels, its picture 64x48", {"mask": "one.png"}),
    "too small": ("film.mp4 has 16x12 pixels at this size: vgg16 needs at least 16", {"size": "16"}),
    **{
        name: (
            f"--{name.replace('_', '-')} is for films, and photo.png becomes none: leave it out",
            {"content": "photo.png", "output": "out.png", "frame_steps": None, name: value},
        )
        for name, value in (("start", "1"), ("end", "1"), ("frame_steps", "3"), ("temporal_weight", "3"))
    },
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(place, refused, monkeypatch, case):
    message, named = BAD[case]
    Path("text.mp4").write_text("words")
    Path("empty.mp4").touch()
    monkeypatch.setattr(FilmBar, "watch", lambda *_: pytest.fail("a step was made"))
    refused(lambda: run(**named), message, card=True)


def test_opencv_is_asked_for_first(place, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    assert run() == 2
    assert "pip install 'stylenet[video]'" in capsys.readouterr().err
    assert files() == INPUTS
