"""The benchmarks run, at a size that says nothing about speed."""

import runpy
import sys
from pathlib import Path

import pytest
import torch
from support import ROOT
from torch import nn
from torch.nn.functional import conv2d

from stylenet.images import load_image, save_image
from stylenet.networks.adain import AdaIN
from stylenet.networks.checkpoint import describe, load_network, save_network
from stylenet.networks.johnson import JohnsonNet

SCRIPTS = sorted((ROOT / "benchmarks").glob("*.py"))


@pytest.fixture
def run(monkeypatch, capsys):
    """Run a benchmark with some flags in this process, and return what it printed and its exit code."""

    def run(script: str, *options: str) -> tuple[str, int]:
        monkeypatch.syspath_prepend(ROOT / "benchmarks")
        monkeypatch.setattr(sys, "argv", [script, *options])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(ROOT / "benchmarks" / script), run_name="__main__")
        return capsys.readouterr().out, ended.value.code

    return run


@pytest.mark.parametrize("script", [path.name for path in SCRIPTS if "parse_args" in path.read_text()])
def test_every_benchmark_tells_its_flags(script, run):
    printed, code = run(script, "--help")
    assert code == 0
    assert f"python benchmarks/{script}" in printed


@pytest.mark.slow
def test_training_has_the_losses_of_the_plain_loop(run):
    small = "--size=32", "--batch=2", "--pairs=1", "--steps=2", "--threads=1"
    printed, _ = run("training.py", *small, "--precision=64-true")  # Adam makes much of float32's rounding
    assert "| images/s |" in printed
    assert "the first 2 losses are equal" in printed


@pytest.mark.slow
def test_loading(run):
    assert "| images/s a worker |" in run("loader.py", "--size=32", "--photographs=2", "--rounds=1")[0]


@pytest.mark.slow  # tests/acceleration says as much, without the benchmark
@pytest.mark.parametrize("network", ["johnson", "adain"])
def test_inference_gives_the_pictures_of_the_plain_code(network, run):
    printed, _ = run(
        "inference.py", f"--network={network}", "--sizes", "32", "--sides", "ours", "--pairs=1", "--threads=1"
    )
    header, _, *rows = (line.strip("| ").split(" | ") for line in printed.splitlines() if line.startswith("|"))
    assert header[:3] == ["32 px", "seconds", "times as fast"]
    assert [row[0] for row in rows] == ["plain", "ours"]
    assert {len(row) for row in rows} == {len(header)}
    assert all(float(row[header.index("off by, 1/255")]) < 0.1 for row in rows)


def test_convolutions_are_compared(run):
    printed, _ = run("convolution.py", "--size=32", "--batch=1", "--rounds=1", "--threads=1", "--backbones", "vgg16")
    assert "| 128 to 128, 16x16 |" in printed
    assert "| vgg16, 32 px |" in printed


@pytest.mark.slow
def test_operations_are_those_of_direct_convolutions(run):
    printed, _ = run("arithmetic.py", "--size=64", "--rounds=1")
    rows = [line.strip("| ").split(" | ") for line in printed.splitlines() if line.startswith("|")]
    count = {row[0]: float(row[2]) for row in rows[2:]}
    assert count["a convolution, 128 to 128 channels, 3x3, 128x128"] == round(2 * 128 * 128 * 9 * 128**2 / 1e9, 1)
    trunk = 10 * 2 * 128 * 128 * 9 * 16**2 / 1e9  # which Winograd's method would hide
    assert trunk < count["ours, eager"] < count["plain"]


@pytest.mark.slow
def test_the_recipe_of_neural_style_moves_noise_towards_the_painting(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    script = runpy.run_path(str(ROOT / "benchmarks" / "neural_style.py"))
    generator = torch.Generator().manual_seed(0)
    photograph, painting = torch.rand(2, 1, 3, 48, 48, generator=generator)
    painting[:, 0] = 1.0  # red
    ticks: list[int] = []
    image = script["neural_style"](photograph, painting, backbone="vgg16", weights="random", steps=8, tick=ticks.append)
    assert ticks == list(range(1, 9))
    assert image.shape == photograph.shape
    assert 0 <= image.min() < image.max() <= 1
    red, green, _ = image.mean((0, 2, 3))
    assert red > green


@pytest.mark.slow
def test_published_pictures_are_judged_beside_ours(run, tmp_path: Path):
    names = {"photo": (48, 64), "painting": (40, 40), "picture": (36, 48)}
    for i, (name, size) in enumerate(names.items()):
        image = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(i))
        save_image(image, tmp_path / f"{name}.png")
    files = [str(tmp_path / f"{name}.png") for name in names]
    loss = ["--backbone=vgg16", "--weights=random", "--ours=short: steps=2 style_weight=1"]
    printed, _ = run("neural_style.py", f"--output={tmp_path}", "--judge=vgg16", *loss, "--published", *files)
    rows = [line.strip("| ").split(" | ") for line in printed.splitlines() if line.startswith("|")]
    judged = {row[0]: [float(value) for value in row[1:]] for row in rows[2:6]}
    assert list(judged) == ["photograph", "published", "ours, defaults", "ours, short"]
    assert judged["photograph"][1:] == [0, 1]  # content distance and SSIM
    assert load_image(tmp_path / "vgg16, 48 px, photo, painting, ours, short.png").shape == (1, 3, 36, 48)
    assert (tmp_path / "sheet.png").exists()


def test_a_first_layer_of_caffe_sees_the_same_in_what_torchvision_takes():
    script = runpy.run_path(str(ROOT / "benchmarks" / "weights.py"))
    generator = torch.Generator().manual_seed(0)
    weight, bias = torch.randn(4, 3, 3, 3, generator=generator), torch.randn(4, generator=generator)
    image = torch.rand(1, 3, 8, 8, generator=generator)
    theirs = image.flip(1) * 255 - torch.tensor([103.939, 116.779, 123.68])[:, None, None]
    mean, std = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])[:, :, None, None]
    ours = conv2d((image - mean) / std, *script["takes_torchvision"](weight, bias, script["CAFFE_VGG"], "vgg16"))
    torch.testing.assert_close(ours, conv2d(theirs, weight, bias), rtol=1e-4, atol=1e-2)


def test_odd_rows_unlike_even_ones_are_told_by_the_row_ratio(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    row_ratio = runpy.run_path(str(ROOT / "benchmarks" / "any_style.py"))["row_ratio"]
    rows = torch.tensor([0.0, 1.0, 1.5, 2.5, 3.0, 4.0])  # steps of 1, .5, 1, .5, 1
    image = rows.view(1, 1, 6, 1).expand(1, 3, 6, 4)
    assert row_ratio(image).item() == pytest.approx(2.0)
    assert row_ratio(image[..., 1:, :]).item() == pytest.approx(2.0)  # which of them is larger does not matter
    assert row_ratio(torch.arange(6.0).view(1, 1, 6, 1).expand(2, 3, 6, 4)).tolist() == pytest.approx([1.0, 1.0])


def test_channels_that_never_open_are_named(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    network = JohnsonNet(width=8, blocks=1)
    with torch.no_grad():
        network.decoder[1][1][1].bias[2:5] = -100
    save_network(network, tmp_path / "net.safetensors", describe(network, style="x"))
    monkeypatch.delenv("STYLENET_IMAGES", raising=False)
    printed, code = run("channels.py", str(tmp_path / "net.safetensors"), "--photographs=2", "--size=32")
    assert code == 0
    assert "| net.safetensors | decoder.1.1.2 | 8 | 3 |" in printed
    assert "| net.safetensors | residuals.0.body.0.2 | 32 | 0 |" in printed


def test_depth_is_0_for_a_decoder_whose_deepest_layer_is_closed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    depth = runpy.run_path(str(ROOT / "benchmarks" / "any_style.py"))["depth"]
    torch.manual_seed(0)
    network = AdaIN(weights="random", width=4, exchange=["relu4_1", "relu3_1"]).eval()
    photograph, painting = torch.rand(2, 1, 3, 32, 32)
    for module in network.decoder:
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
    assert depth(network, photograph, painting) > 1e-3
    network.decoder[0].bias.data.fill_(-1e4)
    assert depth(network, photograph, painting) == 0


@pytest.mark.parametrize("styles", [1, 2])
def test_reopened_channels_get_gradients_and_the_picture_stays(
    run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, styles: int
):
    network = JohnsonNet(width=8, blocks=1, num_styles=styles)
    with torch.no_grad():
        network.decoder[1][1][1].bias[..., 2:5] = -100
        network.residuals[0].body[0][1].bias[..., :7] = -100
    metadata = describe(network, style="x", styles=["a", "b"][:styles])
    save_network(network, tmp_path / "net.safetensors", metadata)
    monkeypatch.delenv("STYLENET_IMAGES", raising=False)
    options = ["--photographs=2", "--size=32", f"--reopen={tmp_path}/new.safetensors"]
    assert run("channels.py", str(tmp_path / "net.safetensors"), *options)[1] == 0
    reopened, _ = load_network(tmp_path / "new.safetensors")
    photograph = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    given = (photograph,) if styles == 1 else (photograph, torch.tensor([[0.3, 0.7]]))
    torch.testing.assert_close(reopened(*given), network.eval()(*given))
    reopened(*given).square().mean().backward()
    assert reopened.decoder[2].weight.grad[:, 2:5].abs().amin((0, 2, 3)).min() > 0
    assert reopened.residuals[0].body[1].weight.grad[:, :7].abs().amax((0, 2, 3)).min() > 0
