import pytest
import torch
from torch import nn

from stylenet.errors import InputError
from stylenet.inference import export as exporting
from stylenet.inference.export import Mismatch, export, require_onnx, trace
from stylenet.networks.adain import AdaIN
from stylenet.networks.johnson import JohnsonNet, with_one_style
from stylenet.networks.layers import ConditionalNorm

ODD = [(1, 1), (17, 40), (64, 64), (75, 50)]


def tiny(**arguments):
    torch.manual_seed(0)
    network = JohnsonNet(width=2, blocks=1, **arguments).eval()
    for norm in network.modules():
        if isinstance(norm, ConditionalNorm):
            nn.init.uniform_(norm.weight, -1, 1)
    return network


FOUR = {
    "exchange": ("relu4_1", "relu3_1", "relu2_1", "relu1_1"),
    "scales": {"relu4_1": 334.0, "relu3_1": 518.0, "relu2_1": 331.0, "relu1_1": 41.7},
    "padding": "reflect",
}
COLORS = {"colors": True}


@torch.no_grad()
def any_style(**options):
    """An AdaIN whose random decoder gives pictures about 0.5, most of them within the range."""
    torch.manual_seed(0)
    network = AdaIN("vgg16", "bundled", width=8, **options)  # in training mode it clamps nothing
    palette = network.palette(torch.rand(2, 3, 40, 40))
    last, features = network.decoder[-1], network.transfer(network.encode(torch.rand(1, 3, 64, 64)), palette)
    last.weight.div_(5 * network.decode(features).std((0, 2, 3)).view(3, 1, 1, 1))
    last.bias.add_(0.5 - network.decode(features).mean((0, 2, 3)))
    return network.eval(), palette


def onnx_session(path):
    return pytest.importorskip("onnxruntime").InferenceSession(path, providers=["CPUExecutionProvider"])


@torch.no_grad()
def test_traced_graph_takes_any_batch_and_size():
    network = tiny(norm="batch")
    run = trace(network).module()
    for size in ODD:
        images = torch.rand(3, 3, *size)
        assert (run(images) - network(images)).abs().max() < 1e-5


@pytest.mark.slow
@torch.no_grad()
def test_onnx_takes_any_batch_and_size_in_one_file(tmp_path):
    network = tiny(output="residual")
    found = export(network, tmp_path / "net.onnx", "onnx")
    assert max(found.values()) < 1e-4
    assert [path.name for path in tmp_path.iterdir()] == ["net.onnx"]
    session = onnx_session(tmp_path / "net.onnx")
    for size in ODD:
        images = torch.rand(3, 3, *size)
        (stylized,) = session.run(["stylized"], {"images": images.numpy()})
        assert (torch.from_numpy(stylized) - network(images)).abs().max() < 1e-4


@pytest.mark.slow
@torch.no_grad()
def test_mixture_is_an_input_of_onnx(tmp_path):
    network, images = tiny(num_styles=3), torch.rand(1, 3, 33, 20)
    export(network, tmp_path / "net.onnx", "onnx")
    session = onnx_session(tmp_path / "net.onnx")
    for mixture in torch.eye(3).split(1):
        (stylized,) = session.run(None, {"images": images.numpy(), "mixture": mixture.numpy()})
        assert (torch.from_numpy(stylized) - network(images, mixture)).abs().max() < 1e-4


@pytest.mark.slow
@torch.no_grad()
def test_torch_file_takes_any_batch_and_size(tmp_path):
    network = tiny()
    export(network, tmp_path / "net.pt2", "torch")
    run = torch.export.load(tmp_path / "net.pt2").module()
    for size in ODD:
        images = torch.rand(3, 3, *size)
        assert (run(images) - network(images)).abs().max() < 1e-5


@pytest.mark.slow
@torch.no_grad()
@pytest.mark.parametrize(("alpha", "options"), [(0.6, COLORS), (1.0, FOUR)], ids=["colors", "four layers"])
def test_paintings_are_baked_into_adain(tmp_path, alpha, options):
    network, palette = any_style(**options)
    baked = {"palette": palette, "mixture": torch.tensor([[0.3, 0.7]]), "alpha": alpha}
    export(network, tmp_path / "net.pt2", "torch", **baked)
    run, images = torch.export.load(tmp_path / "net.pt2").module(), torch.rand(2, 3, 41, 30)
    expected = network(images, **baked)
    assert expected.std() > 0.05
    assert (run(images) - expected).abs().max() < 1e-5


@pytest.mark.slow
@torch.no_grad()
@pytest.mark.parametrize("options", [COLORS, FOUR], ids=["colors", "four layers"])
def test_adain_in_onnx(tmp_path, options):
    network, palette = any_style(**options)
    found = export(network, tmp_path / "net.onnx", "onnx", palette=palette)
    assert max(found.values()) < 1e-3
    session = onnx_session(tmp_path / "net.onnx")
    for size in ODD:
        images = torch.rand(2, 3, *size)
        expected = network(images, palette)
        assert ((expected > 0) & (expected < 1)).float().mean() > 0.5
        (stylized,) = session.run(None, {"images": images.numpy()})
        assert (torch.from_numpy(stylized) - expected).abs().max() < 1e-3


@torch.no_grad()
def test_fixed_mixture_makes_a_network_of_one_style():
    network, images, mixture = tiny(num_styles=3), torch.rand(2, 3, 30, 41), torch.tensor([[0.2, 0.5, 0.3]])
    single = with_one_style(network, mixture)
    assert single.num_styles == 1
    assert torch.allclose(single(images), network(images, mixture), atol=1e-5)


def test_wrong_graph_is_not_written(tmp_path, monkeypatch):
    def write_another(program, path):
        path.write_text("wrong")
        return lambda images: network(images) + 0.01

    network = tiny()
    (tmp_path / "net.pt2").write_text("earlier")
    monkeypatch.setattr(exporting, "trace", lambda network: None)
    monkeypatch.setattr(exporting, "_write_torch", write_another)
    with pytest.raises(Mismatch, match=r"differs by 1.0e-02 at \d+x\d+ pixels: not written"):
        export(network, tmp_path / "net.pt2", "torch")
    assert (tmp_path / "net.pt2").read_text() == "earlier"
    assert len(list(tmp_path.iterdir())) == 1


def test_missing_package_names_the_mend(monkeypatch):
    monkeypatch.setattr(exporting, "find_spec", lambda name: None if name == "onnx" else True)
    with pytest.raises(InputError, match=r"ONNX needs onnx: pip install 'stylenet\[onnx\]'"):
        require_onnx()


def test_other_networks():
    with pytest.raises(InputError, match="a Identity cannot be exported"):
        trace(nn.Identity())
