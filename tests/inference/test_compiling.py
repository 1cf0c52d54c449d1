import warnings

import pytest
import torch
from torch import nn
from torch._inductor import cpp_builder
from torch._inductor.exc import InvalidCxxCompiler

from stylenet.errors import InputError
from stylenet.inference.compiling import Compiled, prepare
from stylenet.networks.johnson import JohnsonNet

CPU = torch.device("cpu")


@pytest.fixture
def network():
    torch.manual_seed(0)
    return JohnsonNet(width=16, blocks=1, output="linear").eval()


@pytest.fixture
def compiling(monkeypatch):
    """Stand in for torch.compile: what it makes adds 1 to the pictures, so that its use is seen."""
    monkeypatch.setattr(torch, "compile", lambda module, **_: lambda images, **given: module(images, **given) + 1)
    monkeypatch.setattr(cpp_builder, "get_cpp_compiler", lambda: "g++")


def seen(module, image):
    """Tell whether what stands in for torch.compile computed the picture."""
    return module(image).max() > 1


def test_little_work_is_done_as_ever(network, compiling):
    module, reason = prepare(network, CPU, 3, 256, 256)
    assert module is network
    assert reason == "not compiled: that takes about 20 s, and would save 0 s"


def test_one_large_picture_is_not_compiled(compiling):
    network = JohnsonNet(width=32, blocks=1).eval()
    module, reason = prepare(network, CPU, 1, 512, 512)
    assert reason == "not compiled: that takes about 20 s, and would save 0 s"
    assert module is network


def test_many_pictures_are_compiled(network, compiling):
    module, reason = prepare(network, CPU, 10**7, 24, 32)
    assert reason.startswith("compiled: that takes about 20 s, and saves ")
    assert seen(module, torch.rand(1, 3, 24, 32))


def test_it_depends_on_the_amount_of_work(network, compiling, monkeypatch):
    def compiled(images, side, threads):
        monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
        return isinstance(prepare(network, CPU, images, side, side)[0], Compiled)

    millions = sum(p.numel() for p in network.parameters()) / 1e6
    monkeypatch.setattr("stylenet.inference.compiling.SAVED", 1 / millions)  # a second a megapixel
    assert compiled(21, 1000, threads=1)
    assert not compiled(19, 1000, threads=1)
    assert not compiled(21, 500, threads=1)
    assert not compiled(21, 1000, threads=4)


def test_pictures_of_other_sizes_are_computed_as_before(network, compiling):
    module, _ = prepare(network, CPU, 10**7, 24, 32)
    image = torch.rand(1, 3, 32, 24)
    assert torch.allclose(module(image), network(image), atol=1e-4)


def test_without_a_compiler_it_says_so(network, monkeypatch):
    def missing():
        raise InvalidCxxCompiler

    monkeypatch.setattr(cpp_builder, "get_cpp_compiler", missing)
    module, reason = prepare(network, CPU, 10**7, 24, 32)
    assert not isinstance(module, Compiled)
    assert reason.startswith("not compiled: there is no C++ compiler")


def test_a_compilation_that_fails_is_named_once(network, monkeypatch, recwarn):
    def fails(*_, **__):
        raise RuntimeError("the linker is ill\nand so on")

    monkeypatch.setattr(torch, "compile", lambda module, **_: fails)
    module, image = Compiled(network, 24, 32), torch.rand(1, 3, 24, 32)
    assert torch.equal(module(image), network(image))
    assert torch.equal(module(image), network(image))
    assert [str(warning.message) for warning in recwarn] == [
        "goes on without compiling, which failed: the linker is ill"
    ]


def test_errors_of_the_network_stay_what_they_are(compiling):
    class Refuses(nn.Module):
        def forward(self, images, shade):
            raise InputError(f"no shade {shade}")

    module = Compiled(Refuses(), 24, 32)
    with pytest.raises(InputError, match="no shade blue"):
        module(torch.rand(1, 3, 24, 32), shade="blue")


def test_cuda_waits_for_many_pictures_of_one_size(network, compiling):
    cuda = torch.device("cuda")
    assert prepare(network, cuda, 99, 24, 32)[0] is network
    module, reason = prepare(network, cuda, 100, 24, 32)
    assert "not tested" in reason
    assert seen(module, torch.rand(1, 3, 24, 32))


def test_other_devices_are_left_alone(network):
    module, reason = prepare(network, torch.device("mps"), 10**9, 512, 512)
    assert module is network
    assert reason == "not compiled: there is no gain known on mps"


@pytest.mark.slow
def test_the_compiled_picture_is_the_same():
    torch.manual_seed(0)
    network = JohnsonNet(width=16, blocks=1, output="linear", num_styles=2).eval()  # 64 channels in the block
    module, _ = prepare(network, CPU, 10**9, 36, 50)
    assert isinstance(module, Compiled)
    image, mixture = torch.rand(1, 3, 36, 50), torch.tensor([[0.25, 0.75]])
    with torch.inference_mode():
        expected = network(image, mixture=mixture)
    assert expected.std() > 0.05
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "goes on without compiling")
        assert (module(image, mixture=mixture) - expected).abs().max() < 1e-3
