import copy

import pytest
import torch
from torch import nn
from torch._inductor import cpp_builder
from torch._inductor.exc import InvalidCxxCompiler

from stylenet.devices import pick_device
from stylenet.errors import InputError
from stylenet.inference.style_options import StyleOptions
from stylenet.inference.stylizer import Stylizer
from stylenet.networks.checkpoint import describe, save_network
from stylenet.networks.johnson import JohnsonNet


class OutOf(nn.Module):
    """A network that fails as one does when memory, or something else, runs out."""

    def __init__(self, error):
        super().__init__()
        self.error = error

    def forward(self, images):
        raise self.error


@pytest.mark.parametrize("size", [(1, 1), (3, 70), (33, 18)])
def test_gives_exactly_the_size(size):
    stylized = Stylizer(JohnsonNet(width=2, blocks=1), "cpu")(torch.rand(1, 3, *size))
    assert stylized.shape == (1, 3, *size)
    assert stylized.dtype == torch.float32
    assert not stylized.requires_grad
    assert 0 <= stylized.min() <= stylized.max() <= 1


def test_uses_eval_mode():
    network = JohnsonNet(width=2, blocks=1, norm="batch").train()
    stylizer, image = Stylizer(network, "cpu"), torch.rand(1, 3, 16, 16)
    assert torch.equal(stylizer(image), stylizer(image))
    assert network.encoder[0][1].num_batches_tracked == 0


def test_from_checkpoint(tmp_path):
    network = JohnsonNet(width=2, blocks=1)
    save_network(network, tmp_path / "stylizer.safetensors", describe(network))
    image = torch.rand(1, 3, 20, 20)
    stylizer = Stylizer.from_checkpoint(tmp_path / "stylizer.safetensors", torch.device("cpu"))
    assert torch.equal(stylizer(image), Stylizer(network, "cpu")(image))


def test_other_options_make_the_picture_of_a_new_stylizer_and_leave_the_old_one():
    torch.manual_seed(0)
    network = JohnsonNet(width=1, blocks=1)
    image = torch.rand(1, 3, 20, 30)
    stylizer = Stylizer(network, "cpu")
    before = stylizer(image)
    half = stylizer.with_options(alpha=0.5)
    torch.testing.assert_close(half(image), Stylizer(network, "cpu", StyleOptions(alpha=0.5))(image))
    torch.testing.assert_close(half(image), 0.5 * image + 0.5 * before)
    torch.testing.assert_close(stylizer(image), before)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB"),
        RuntimeError("MPS backend out of memory"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 4 bytes"),
        RuntimeError("DefaultCPUAllocator: not enough memory"),
    ],
)
def test_out_of_memory_names_the_mend(error):
    with pytest.raises(
        InputError,
        match="9x7 pixels do not fit into the memory of cpu: cut it with --tile=512, or scale down with --size",
    ):
        Stylizer(OutOf(error), "cpu")(torch.zeros(1, 3, 7, 9))


def test_real_allocation_failure():
    class Huge(nn.Module):
        def forward(self, images):
            return torch.empty(10**15)

    with pytest.raises(InputError, match="--size"):
        Stylizer(Huge(), "cpu")(torch.zeros(1, 3, 7, 9))


def test_other_errors_are_not_hidden():
    with pytest.raises(RuntimeError, match="wrong shape"):
        Stylizer(OutOf(RuntimeError("wrong shape")), "cpu")(torch.zeros(1, 3, 7, 9))


def machine(monkeypatch, cuda=0, mps=False):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)


@pytest.mark.parametrize(
    ("cuda", "mps", "name", "device"),
    [
        (0, False, "auto", "cpu"),
        (2, False, "auto", "cuda:0"),
        (0, True, "auto", "mps"),
        (2, True, "cpu", "cpu"),
        (2, False, "cuda", "cuda:0"),
        (2, False, "cuda:1", "cuda:1"),
        (0, True, "mps", "mps"),
    ],
)
def test_devices(monkeypatch, cuda, mps, name, device):
    machine(monkeypatch, cuda, mps)
    assert pick_device(name) == torch.device(device)


@pytest.mark.parametrize("name", ["cuda", "cuda:0", "cuda:7", "mps"])
def test_device_that_is_not_there(monkeypatch, name):
    machine(monkeypatch)
    with pytest.raises(InputError, match=f"no device {name} here.*: use --device=cpu"):
        pick_device(name)


def test_cuda_number_that_is_not_there(monkeypatch):
    machine(monkeypatch, cuda=2)
    with pytest.raises(InputError, match=r"no device cuda:2 here \(2 CUDA devices\)"):
        pick_device("cuda:2")


@pytest.mark.parametrize("name", ["cudda", "gpu", "cpu:0", "cuda:", "cuda:x", "cuda:-1", "mps:1", ""])
def test_unknown_device(name):
    with pytest.raises(InputError, match="unknown device"):
        pick_device(name)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_cuda_agrees_with_the_cpu():
    network, image = JohnsonNet(width=8), torch.rand(1, 3, 61, 83)
    expected = Stylizer(network, "cpu")(image)
    stylized = Stylizer(network, "cuda")(image)
    assert stylized.device.type == "cpu"
    assert (stylized - expected).abs().max() < 0.02


@pytest.mark.parametrize("light", [0.0, 0.3, 1.0])
def test_a_plain_photograph_is_painted_as_light_as_it_is(light: float):
    torch.manual_seed(0)
    stylized = Stylizer(JohnsonNet(width=1, blocks=1), "cpu")(torch.full((1, 3, 20, 30), light))
    assert float(stylized.mean()) == pytest.approx(light, abs=0.15)  # less what is clamped
    assert 0 <= float(stylized.min()) <= float(stylized.max()) <= 1


def test_only_what_is_asked_for_is_compiled(monkeypatch):
    calls = []
    monkeypatch.setattr(nn.Module, "compile", lambda module, **options: calls.append(type(module)))
    monkeypatch.setattr(cpp_builder, "get_cpp_compiler", lambda: "g++")
    Stylizer(JohnsonNet(width=2, blocks=1), "cpu")
    assert calls == []
    Stylizer(JohnsonNet(width=2, blocks=1), "cpu", compile=True)
    assert calls == [JohnsonNet]


def test_without_a_compiler_it_says_so(monkeypatch):
    def missing():
        raise InvalidCxxCompiler

    monkeypatch.setattr(cpp_builder, "get_cpp_compiler", missing)
    with pytest.raises(InputError, match=r"needs a C\+\+ compiler: install g\+\+"):
        Stylizer(JohnsonNet(width=2, blocks=1), "cpu", compile=True)


@pytest.mark.parametrize("tile", [None, 64], ids=["whole", "tiles"])
@pytest.mark.parametrize("styles", [1, 3], ids=["one", "many"])
def test_16_bit_floats_paint_the_same_but_for_rounding(styles: int, tile: int | None):
    torch.manual_seed(0)
    network = JohnsonNet(width=8, blocks=1, num_styles=styles)
    for tensor in network.parameters():
        if tensor.dim() == 2:  # rows of styles
            nn.init.uniform_(tensor, 0.5, 2)
    options, image = StyleOptions((styles - 1,) if styles > 1 else ()), torch.rand(1, 3, 90, 150)
    exact = Stylizer(copy.deepcopy(network), "cpu", options)(image)
    half = Stylizer(network, "cpu", options, tile, precision="bf16-mixed")(image)
    assert half.dtype == torch.float32
    assert exact.std() > 0.05
    assert 0 < (half - exact).abs().mean() < 0.01


def test_an_unknown_precision_is_refused():
    with pytest.raises(InputError, match="unknown precision '16': known are 32-true, bf16-mixed"):
        Stylizer(JohnsonNet(width=2, blocks=1), "cpu", precision="16")


@pytest.mark.slow
def test_compiled_pictures_are_the_same_in_any_size_and_in_tiles():
    torch.manual_seed(0)
    network = JohnsonNet(width=16, blocks=1, output="linear", num_styles=2).eval()  # 64 channels in the block
    options = StyleOptions((0, 1), shares=(1, 3))
    eager = Stylizer(copy.deepcopy(network), "cpu", options)
    compiled = Stylizer(network, "cpu", options, compile=True)
    for size in ((36, 50), (41, 64)):
        image = torch.rand(1, 3, *size)
        assert eager(image).std() > 0.05
        assert (compiled(image) - eager(image)).abs().max() < 1e-3
    eager.tile = compiled.tile = 64
    image = torch.rand(1, 3, 130, 140)
    assert torch.equal(compiled(image), eager(image))
