from pathlib import Path

import pytest
import torch

from stylenet.cli import export as command
from stylenet.cli.exits import guarded
from stylenet.inference import export as exporting
from stylenet.networks.checkpoint import describe, save_network
from stylenet.networks.johnson import JohnsonNet


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A working folder with a network of one style, `one.safetensors`, and of two, `two.safetensors`."""
    monkeypatch.chdir(tmp_path)
    one, two = JohnsonNet(width=1, blocks=1), JohnsonNet(width=1, blocks=1, num_styles=2)
    save_network(one, "one.safetensors", describe(one))
    save_network(two, "two.safetensors", describe(two, styles=["waves", "stars"]))
    return tmp_path


@pytest.fixture
def untraced(monkeypatch):
    """Write what was asked for, in words: tracing takes seconds."""
    asked = []

    def trace(network, **baked):
        asked.append(baked)
        return lambda images, *mixture: network(images, *mixture, **baked)

    def write(program, path):
        path.write_text("graph")
        return program

    monkeypatch.setattr(exporting, "trace", trace)
    monkeypatch.setattr(exporting, "_write_torch", write)
    monkeypatch.setattr(exporting, "_write_onnx", write)
    return asked


def run(*options, ckpt="one.safetensors", form="torch"):
    return guarded(lambda: command.run([f"--ckpt={ckpt}", f"--format={form}", *options]))


def test_writes_beside_the_checkpoint_and_tells_the_difference(place, untraced, capsys):
    assert run() == 0
    assert Path("one.pt2").read_text() == "graph"
    captured = capsys.readouterr()
    assert "90x33: differs from PyTorch by 0.0e+00 at most" in captured.out.splitlines()
    assert captured.err == "wrote one.pt2\n"


def test_format_says_the_suffix(place, untraced):
    pytest.importorskip("onnxruntime")
    assert run("--output=new/net.onnx", form="onnx") == 0
    assert Path("new/net.onnx").exists()


def test_styles_are_baked_in(place, untraced):
    assert run("--style=stars", ckpt="two.safetensors") == 0
    assert torch.equal(untraced[0]["mixture"], torch.tensor([[0.0, 1.0]]))


def test_without_styles_the_mixture_is_an_input(place, untraced):
    assert run(ckpt="two.safetensors") == 0
    assert untraced == [{}]


def test_wrong_graph_is_exit_code_1(place, untraced, monkeypatch, capsys):
    monkeypatch.setattr(exporting, "TOLERANCE", -1.0)
    assert run() == 1
    assert capsys.readouterr().err.startswith("failed: what was exported differs by 0.0e+00 at ")
    assert sorted(path.name for path in place.iterdir()) == ["one.safetensors", "two.safetensors"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "give --ckpt, --format; see stylenet export --help"),
        (["--ckpt=one.safetensors", "--format=onx"], "unknown format 'onx': did you mean 'onnx'?"),
        (["--ckpt=one.safetensors", "--format=torch", "--out=a.pt2"], "did you mean '--output'?"),
        (["--ckpt=one.safetensors", "--format=torch", "--output=a.onnx"], "cannot write a.onnx: end it with .pt2"),
        (["--ckpt=missing.ckpt", "--format=torch"], "no such file: missing.ckpt"),
        (["--ckpt=two.safetensors", "--format=torch", "--style=star"], "did you mean 'stars'?"),
        (["--ckpt=one.safetensors", "--format=torch", "--style=waves"], "leave --style out"),
    ],
)
def test_bad_input(place, refused, options, message):
    refused(lambda: guarded(lambda: command.run(options)), message)


def test_missing_packages(place, monkeypatch, capsys):
    monkeypatch.setattr(exporting, "find_spec", lambda name: None)
    assert run(form="onnx") == 2
    assert "pip install 'stylenet[onnx]'" in capsys.readouterr().err
