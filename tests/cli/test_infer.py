import io
import os
import re
import signal
import struct
import subprocess
import sys
import zlib
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from support import ROOT, interrupt_at

from stylenet.cli import infer
from stylenet.cli.exits import guarded
from stylenet.images import load_image, resize
from stylenet.inference import stylizer, tiling
from stylenet.inference.outputs import output_names
from stylenet.inference.stylizer import Stylizer
from stylenet.networks.checkpoint import describe, save_network
from stylenet.networks.johnson import JohnsonNet


class Evil:
    def __init__(self, marker):
        self.marker = str(marker)

    def __reduce__(self):
        return os.mkdir, (self.marker,)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A working folder with a tiny network, `net.safetensors`, and a photograph, `photo.jpg`."""
    monkeypatch.chdir(tmp_path)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the quickest for tiny images
    torch.manual_seed(0)
    network = JohnsonNet(width=1, blocks=1)
    save_network(network, "net.safetensors", describe(network))
    photograph("photo.jpg")
    yield tmp_path
    torch.set_num_threads(threads)


def photograph(path, size=(20, 16)):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (*size[::-1], 3)).astype(np.uint8)).save(path)


def run(*options, **named):
    """The exit code of `infer.py`."""
    arguments = {"ckpt": "net.safetensors", "input": "photo.jpg", "output": "out.png", "device": "cpu"} | named
    return guarded(lambda: infer.run([f"--{key}={value}" for key, value in arguments.items()] + list(options)))


def files(folder="."):
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*"))


def png_header(width, height):
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    rows = zlib.compress(bytes(1_000_000), 9)
    data = struct.pack(">I", len(rows)) + b"IDAT" + rows + struct.pack(">I", zlib.crc32(b"IDAT" + rows))
    return b"\x89PNG\r\n\x1a\n" + chunk + data


# One image


def test_one_image(place):
    assert run() == 0
    expected = Stylizer.from_checkpoint("net.safetensors", "cpu")(load_image("photo.jpg"))
    assert (load_image("out.png") - expected).abs().max() < 0.6 / 255
    assert files() == ["net.safetensors", "out.png", "photo.jpg"]


@pytest.mark.parametrize(("suffix", "kind"), [("png", "PNG"), ("jpg", "JPEG"), ("webp", "WEBP"), ("JPEG", "JPEG")])
def test_suffix_says_the_format(place, suffix, kind):
    assert run(output=f"new/folder/out.{suffix}") == 0
    with Image.open(f"new/folder/out.{suffix}") as written:
        assert (written.format, written.size) == (kind, (20, 16))


@pytest.mark.parametrize("existing", [True, False])
def test_one_image_into_a_folder(place, existing):
    if existing:
        Path("out").mkdir()
    assert run(output="out" if existing else "out/") == 0
    assert files("out") == ["photo.png"]


def test_size_scales_the_longer_side(place):
    assert run("--size", "10") == 0
    stylizer = Stylizer.from_checkpoint("net.safetensors", "cpu")
    expected = stylizer(resize(load_image("photo.jpg"), 10, side="long"))
    assert expected.shape == (1, 3, 8, 10)
    assert (load_image("out.png") - expected).abs().max() < 0.6 / 255


def test_the_network_computes_in_the_floats_asked_for(place, monkeypatch):
    asked = []
    monkeypatch.setattr(stylizer, "autocast", lambda name, device: asked.append(name) or nullcontext())
    assert run(precision="bf16-mixed") == 0
    assert asked == ["bf16-mixed"]


def test_existing_output_is_overwritten(place):
    Path("out.png").write_text("old")
    assert run() == 0
    assert load_image("out.png").shape == (1, 3, 16, 20)


def test_one_pixel(place):
    photograph("dot.png", (1, 1))
    assert run(input="dot.png") == 0
    assert load_image("out.png").shape == (1, 3, 1, 1)


# Folders


def test_folder_keeps_sub_folders_and_loses_no_image(place):
    for name in ("in/a.jpg", "in/b/a.png", "in/b/c/d.webp", "in/e.jpg", "in/E.png", "in/e.tiff", "in/e.jpg.bmp"):
        photograph(name)
    assert run(input="in", output="new/out") == 0
    outputs = [name for name in files("new/out") if name.endswith(".png")]
    assert outputs == ["E.png.png", "a.png", "b/a.png", "b/c/d.png", "e.jpg.bmp.png", "e.jpg.png", "e.tiff.png"]


def test_output_names_never_clash():
    names = ["a.jpg", "a.png", "a.jpg.png", "A.gif", "a.jpg.webp", "b/a.jpg", "b.jpg"]
    outputs = [str(path).casefold() for path in output_names([Path(name) for name in names])]
    assert len(set(outputs)) == len(names)
    assert outputs[-2:] == ["b/a.png", "b.png"]


def test_output_folder_inside_the_input_folder(place):
    photograph("in/a.jpg")
    assert run(input="in", output="in/out") == 0
    assert run(input="in", output="in/out") == 0
    assert files("in") == ["a.jpg", "out", "out/a.png"]


def test_output_folder_around_the_input_folder(place):
    photograph("all/raw/a.jpg")
    assert run(input="all/raw", output="all") == 0
    assert files("all") == ["a.png", "raw", "raw/a.jpg"]


def test_three_broken_of_a_hundred(place, capsys):
    photograph("in/000.png", (4, 4))
    raw = Path("in/000.png").read_bytes()
    for index in range(1, 100):
        Path(f"in/{index:03}.png").write_bytes(raw)
    Path("in/011.png").write_bytes(b"")
    Path("in/022.png").write_bytes(raw[: len(raw) // 2])
    Path("in/033.png").write_text("words")
    assert run(input="in", output="out") == 1
    assert len(files("out")) == 97
    lines = capsys.readouterr().err.splitlines()
    assert [re.sub(r"[ :].*", "", line.removeprefix("failed: ")) for line in lines[:3]] == [
        "in/011.png",
        "in/022.png",
        "in/033.png",
    ]
    assert lines[3:] == ["97 stylized, 3 failed: in/011.png, in/022.png, in/033.png"]


def test_all_broken(place, capsys):
    Path("in").mkdir()
    for index in range(9):
        Path(f"in/{index}.png").write_text("words")
    assert run(input="in", output="out") == 1
    assert not Path("out").exists()
    assert capsys.readouterr().err.splitlines()[-1] == (
        "0 stylized, 9 failed: in/0.png, in/1.png, in/2.png, in/3.png, in/4.png and 4 more"
    )


def test_ctrl_c_stops_after_the_current_image(place, monkeypatch, capsys):
    for index in range(5):
        photograph(f"in/{index}.png")
    interrupt_at(monkeypatch, 1)
    before = signal.getsignal(signal.SIGINT)
    assert run(input="in", output="out") == 130
    assert files("out") == ["0.png", "1.png"]
    assert capsys.readouterr().err.splitlines() == ["2 stylized; interrupted with 3 left"]
    assert signal.getsignal(signal.SIGINT) is before


def test_second_ctrl_c_stops_at_once(place, monkeypatch, capsys):
    photograph("in/0.png")
    real = Stylizer.__call__

    def press_twice(self, *given):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        return real(self, *given)

    monkeypatch.setattr(Stylizer, "__call__", press_twice)
    assert run(input="in", output="out") == 130
    assert not Path("out").exists()
    assert capsys.readouterr().err.splitlines() == ["interrupted"]


def test_photographs_that_do_not_fit_into_memory_are_cut_unasked(place, monkeypatch, capsys):
    photograph("photo.png", (100, 70))
    assert run(input="photo.png", output="whole.png") == 0
    assert "tiles" not in capsys.readouterr().err
    monkeypatch.setattr(tiling, "SMALL", 0)
    monkeypatch.setattr(tiling, "most_memory", lambda: 1000)
    monkeypatch.setattr(tiling, "USUAL", 64)
    assert run(input="photo.png", output="cut.png") == 0
    assert "cut into tiles of 64 pixels, as it does not fit into memory at once" in capsys.readouterr().err
    assert (load_image("cut.png") - load_image("whole.png")).abs().max() < 1.1 / 255


def test_out_of_memory_in_a_folder_goes_on(place, monkeypatch, capsys):
    photograph("in/large.png", (40, 40))
    photograph("in/small.png", (8, 8))
    real = JohnsonNet.forward

    def forward(self, images, *given):
        if images.shape[-1] > 20:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(self, images, *given)

    monkeypatch.setattr(JohnsonNet, "forward", forward)
    assert run(input="in", output="out") == 1
    assert files("out") == ["small.png"]
    assert (
        "40x40 pixels do not fit into the memory of cpu: cut it with --tile=512, or scale down with --size"
        in capsys.readouterr().err
    )


# Bad input: one line, exit code 2, nothing written


def resnet(path):
    torch.save({"conv1.weight": torch.rand(64, 3, 7, 7), "fc.bias": torch.rand(10)}, path)


def other_module(path):
    torch.save({"state_dict": {"model.weight": torch.rand(2)}, "epoch": 1, "hyper_parameters": {"lr": 0.1}}, path)


def truncated_jpeg():
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(buffer, "JPEG")
    return buffer.getvalue()[:-20]


BAD = {
    "missing checkpoint": ({"ckpt": "missing.ckpt"}, "no such file: missing.ckpt"),
    "resnet": ({"ckpt": "resnet.pth"}, "resnet.pth holds no network of stylenet"),
    "another module": ({"ckpt": "other.ckpt"}, "other.ckpt holds no network of stylenet"),
    "malicious pickle": ({"ckpt": "evil.ckpt"}, "evil.ckpt cannot be read safely"),
    "photograph as checkpoint": ({"ckpt": "photo.jpg"}, "photo.jpg cannot be read safely: it is an image"),
    "folder as checkpoint": ({"ckpt": "in/"}, "in is a folder: give a file in it, such as in/last.ckpt"),
    "missing image": ({"input": "missing.jpg"}, "no such file or folder: missing.jpg"),
    "missing folder": ({"input": "missing/"}, "no such file or folder: missing/"),
    "folder without images": ({"input": "empty"}, "no images in empty"),
    "text": ({"input": "text.jpg"}, "text.jpg is not an image"),
    "truncated": ({"input": "truncated.jpg"}, "truncated.jpg is broken"),
    "no bytes": ({"input": "zero.jpg"}, "zero.jpg is empty (0 bytes)"),
    "too large": ({"input": "huge.png"}, "huge.png has too many pixels, over 178,956,970: scale it down"),
    "text into a new folder": ({"input": "text.jpg", "output": "new/"}, "text.jpg is not an image"),
    "output under a file": ({"output": "text.jpg/out.png"}, "cannot write into text.jpg: text.jpg is no folder"),
    "folder under a file": ({"output": "text.jpg/"}, "cannot write into text.jpg: text.jpg is no folder"),
    "folder onto a file": ({"input": "in", "output": "text.jpg"}, "cannot write into text.jpg: text.jpg is no folder"),
    "folder into an image": (
        {"input": "in", "output": "out.png"},
        "in is a folder, and so is its output: give",
    ),
    "unknown precision": ({"precision": "bf16"}, "unknown precision 'bf16': did you mean 'bf16-mixed'?"),
    "unknown suffix": ({"output": "out.xyz"}, "cannot write out.xyz: end it with / or one of .bmp"),
    "no suffix": ({"output": "out"}, "cannot write out: end it with / or one of .bmp"),
    "over the photograph": ({"output": "./photo.jpg"}, "photo.jpg would overwrite a photograph"),
    "over the photograph in a folder": ({"input": "in/a.png", "output": "in"}, "in/a.png would overwrite a photograph"),
    "over a link's photograph": ({"output": "link.jpg"}, "link.jpg would overwrite a photograph"),
    "into the input folder": ({"input": "in", "output": "in/"}, "--output is the input folder in: give another"),
    "onto a folder": ({"input": "photo.jpg", "output": "in/"}, "cannot write in/photo.png: it is a folder"),
    "unknown device": ({"device": "cudda"}, "unknown device 'cudda': did you mean 'cuda'?"),
    "no such GPU": ({"device": "cuda:99"}, "no device cuda:99 here"),
    "unknown option": ({"chkpt": "x"}, "unknown option '--chkpt': did you mean '--ckpt'?"),
    "size of zero": ({"size": "0"}, "size=0: give whole pixels from 1 to 16384"),
    "negative size": ({"size": "-3"}, "size=-3: give whole pixels from 1 to 16384"),
    "size in words": ({"size": "big"}, "size=big: give whole pixels from 1 to 16384"),
    "size with a point": ({"size": "1.5"}, "size=1.5: give whole pixels"),
    "gigantic size": ({"size": "99999999"}, "size=99999999: give whole pixels"),
    "no input": ({"input": ""}, "no such file or folder"),
}


@pytest.fixture
def bad_place(place):
    resnet("resnet.pth")
    other_module("other.ckpt")
    torch.save({"stylenet": Evil(place / "marker"), "state_dict": {}}, "evil.ckpt")
    Path("empty").mkdir()
    Path("text.jpg").write_text("words")
    Path("truncated.jpg").write_bytes(truncated_jpeg())
    Path("zero.jpg").write_bytes(b"")
    Path("huge.png").write_bytes(png_header(60_000, 60_000))
    photograph("in/a.png")
    Path("in/photo.png").mkdir()
    Path("link.jpg").symlink_to("photo.jpg")
    return place


@pytest.mark.parametrize("case", BAD)
def test_bad_input(bad_place, refused, case):
    options, message = BAD[case]
    refused(lambda: run(**options), message)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "error: give --ckpt; see infer.py --help\n"),
        (["photo.jpg"], "error: give --input=FILE, a photograph, a film or a folder of them\n"),
        (["a.ckpt", "photo.jpg"], "error: give --output=FILE, or a folder for a folder\n"),
        (["--ckpt"], "error: --ckpt has no value: give --ckpt=VALUE\n"),
        (["--inputs", "photo.jpg"], "error: unknown option '--inputs': did you mean '--input'?"),
        (["--dev=cpu"], "error: unknown option '--dev': did you mean '--device'?"),
    ],
)
def test_mistyped_command(capsys, argv, message):
    assert guarded(lambda: infer.run(argv)) == 2
    error = capsys.readouterr().err
    assert error.startswith(message)
    assert error.count("\n") == 1


# As a program


def test_images_go_through_pipes_and_lightning_is_not_imported(place, monkeypatch, capsys):
    photograph("pipe.png")
    assert run(input="pipe.png", output="file.png") == 0
    assert capsys.readouterr().err == "wrote file.png\n"
    start = "import runpy, sys; sys.argv.pop(0)"
    code = (
        f"{start}\ntry: runpy.run_path(sys.argv[0], run_name='__main__')\nfinally: print(*sys.modules, file=sys.stderr)"
    )
    options = ["--ckpt", "net.safetensors", "--input", "-", "--output", "-", "--device", "cpu"]
    command = [sys.executable, "-c", code, str(ROOT / "infer.py"), *options]
    done = subprocess.run(command, input=Path("pipe.png").read_bytes(), capture_output=True, check=True)
    Path("piped.png").write_bytes(done.stdout)
    assert torch.equal(load_image("piped.png"), load_image("file.png"))
    (modules,) = done.stderr.decode().splitlines()
    assert "torch" in modules.split()
    assert not {"lightning", "pytorch_lightning", "datasets"} & set(modules.split())


def test_a_pipe_says_how_a_look_is_had_too(place, monkeypatch, capsys):
    photograph("pipe.png")
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(Path("pipe.png").read_bytes())))
    assert run("--alpha=0.5", input="-", output="out.png") == 0
    assert capsys.readouterr().err == "alpha 0.5: the output is blended with the photograph, pixel by pixel\n"


def test_what_cannot_go_through_a_pipe_is_refused(place, monkeypatch, refused):
    photograph("pipe.png")
    refused(lambda: run("--mask=pipe.png", input="-", output="pipe.png"), "would overwrite an input")
    refused(lambda: run("--start=1", input="-", output="-"), "--start is for films")
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"words")))
    refused(lambda: run(input="-", output="out.png"), "standard input is not an image that can be read")


def test_help_imports_no_torch():
    code = (
        "import sys, stylenet.cli.infer as i; sys.argv[1:] = ['--help']\ntry: i.infer()\nfinally: print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "overwritten" in done.stdout
    assert not {"torch", "torchvision", "lightning", "rich", "PIL"} & set(done.stdout.split())
