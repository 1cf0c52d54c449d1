"""One network of many styles: rows of scale and shift, mixed."""

import copy

import numpy as np
import pytest
import torch
from test_johnson import shaken

from stylenet.errors import InputError
from stylenet.networks.checkpoint import describe, load_network, save_network
from stylenet.networks.johnson import JohnsonNet
from stylenet.networks.layers import Chain, ConditionalNorm, ConvBlock, UpsampleBlock, norm_layer

STYLES = 3


def network(**arguments):
    torch.manual_seed(0)
    return shaken(JohnsonNet(**{"width": 2, "blocks": 1, "num_styles": STYLES, **arguments}))


def images(count=2, height=24, width=32):
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(1))


def shares(*size):
    return torch.rand(*size, generator=torch.Generator().manual_seed(2)).softmax(1)


def single(many, row):
    """A network of one style with one row of a network of many."""
    one = JohnsonNet(**(many.arguments | {"num_styles": 1}))
    own = one.to(many.encoder[0][0].weight.dtype).state_dict()
    one.load_state_dict({n: t if t.shape == own[n].shape else t[row] for n, t in many.state_dict().items()})
    return one.eval()


def by_formula(norm, x, mixture):
    """(x - mean) / sqrt(variance + eps) * scale + shift, with maps averaged over the area of each place."""
    x, mixture = x.double().numpy(), mixture.double().numpy()
    weight, bias = norm.weight.detach().double().numpy(), norm.bias.detach().double().numpy()
    if mixture.ndim == 2:
        mixture = mixture[:, :, None, None]
    else:
        batch, styles, height, width = mixture.shape
        h, w = x.shape[2:]
        mixture = mixture.reshape(batch, styles, h, height // h, w, width // w).mean((3, 5))
    mean, variance = x.mean((2, 3), keepdims=True), x.var((2, 3), keepdims=True)
    scale = (mixture[:, :, None] * weight[None, :, :, None, None]).sum(1)
    shift = (mixture[:, :, None] * bias[None, :, :, None, None]).sum(1)
    return (x - mean) / np.sqrt(variance + 1e-5) * scale + shift


@pytest.mark.parametrize(
    "size", [(4, 3), (1, 3), (4, 3, 6, 8), (4, 3, 24, 32), (1, 3, 12, 8)], ids=lambda size: "x".join(map(str, size))
)
def test_a_conditional_norm_is_its_formula(size):
    norm, x = shaken(ConditionalNorm(5, STYLES)), torch.randn(4, 5, 6, 8)
    assert np.allclose(norm(x, shares(*size)).detach().numpy(), by_formula(norm, x, shares(*size)), atol=1e-5)


@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("size", [(4, 3), (1, 3), (4, 3, 6, 8)], ids=lambda size: "x".join(map(str, size)))
def test_in_bfloat16_it_is_its_formula_but_for_rounding_and_its_rows_have_the_slopes_of_float32(size, order):
    norm, mixture = shaken(ConditionalNorm(5, STYLES)), shares(*size)
    x = torch.randn(4, 5, 6, 8, generator=torch.Generator().manual_seed(3)).to(torch.bfloat16, memory_format=order)
    with torch.autocast("cpu", torch.bfloat16):
        found = norm(x, mixture)
    assert found.dtype == torch.bfloat16
    expected = by_formula(norm, x, mixture)
    assert np.allclose(found.detach().float().numpy(), expected, rtol=2**-7, atol=2**-6)
    pull = torch.randn(4, 5, 6, 8, generator=torch.Generator().manual_seed(4)).to(x)
    slopes = torch.autograd.grad(found, list(norm.parameters()), pull)
    wanted = torch.autograd.grad(norm(x.float(), mixture), list(norm.parameters()), pull.float())
    for slope, right in zip(slopes, wanted, strict=True):
        assert slope.dtype == torch.float32
        assert (slope - right).norm() < 0.01 * right.norm()


def test_a_map_that_is_the_same_everywhere_is_a_vector():
    vector = shares(2, STYLES)
    everywhere = vector[:, :, None, None].expand(-1, -1, 23, 30)
    with torch.no_grad():
        difference = network()(images(2, 23, 30), everywhere) - network()(images(2, 23, 30), vector)
    assert difference.abs().max() < 1e-5


def test_mixing_rows_is_a_network_whose_row_is_mixed():
    many, vector = network(), shares(1, STYLES)
    mixed = copy.deepcopy(many)
    with torch.no_grad():
        for layer in mixed.modules():
            if isinstance(layer, ConditionalNorm):
                for rows in (layer.weight, layer.bias):
                    rows[0] = vector[0] @ rows
        assert torch.allclose(many(images(), vector), single(mixed, 0)(images()), atol=1e-5)


@pytest.mark.parametrize("output", ["tanh", "linear", "residual"])
def test_a_whole_share_of_one_style_is_the_network_of_its_row(output):
    many, photographs = network(output=output).double(), images(STYLES).double()
    with torch.no_grad():
        together = many(photographs, torch.eye(STYLES).double())
        for row in range(STYLES):
            alone = single(many, row)(photographs[row : row + 1])
            assert torch.allclose(together[row : row + 1], alone, atol=1e-9)


def test_halves_of_a_map_are_in_their_styles_far_from_the_seam():
    """Without residual blocks, what is 30 pixels away from the seam sees one style alone, but for the statistics."""
    many = network(blocks=0)
    for layer in many.modules():
        if isinstance(layer, ConditionalNorm):
            layer.plain = torch.nn.Identity()
            torch.nn.init.normal_(layer.weight, 1)
    photographs = images(1, 16, 128)
    maps = torch.zeros(1, STYLES, 16, 128)
    maps[:, 0, :, :64] = maps[:, 2, :, 64:] = 1
    with torch.no_grad():
        halves = many(photographs, maps)
        left, right = (many(photographs, torch.eye(STYLES)[row : row + 1]) for row in (0, 2))
    assert torch.allclose(halves[..., :34], left[..., :34], atol=1e-6)
    assert torch.allclose(halves[..., -34:], right[..., -34:], atol=1e-6)
    assert (left - right).abs().max() > 0.05


def test_gradients_touch_only_the_rows_in_use():
    many = network().train()
    many(images(), torch.eye(STYLES)[[0, 2]]).sum().backward()
    for layer in many.modules():
        if isinstance(layer, ConditionalNorm):
            assert layer.weight.grad[1].eq(0).all()
            assert layer.bias.grad[1].eq(0).all()
            assert layer.bias.grad[[0, 2]].abs().sum(1).gt(0).all()


def test_one_style_is_as_it_was():
    assert describe(JohnsonNet(width=2))["arguments"]["num_styles"] == 1
    names = set(JohnsonNet(width=2).state_dict())
    assert names == set(network(blocks=5).state_dict())
    assert {"encoder.0.1.weight", "residuals.4.body.1.bias", "decoder.1.1.1.weight"} <= names
    assert type(norm_layer("instance", 4)) is torch.nn.InstanceNorm2d


def test_networks_are_rebuilt_from_their_file(tmp_path):
    many = network()
    save_network(many, tmp_path / "many.safetensors", describe(many, styles=["a", "b", "c"]))
    again, metadata = load_network(tmp_path / "many.safetensors")
    assert metadata["styles"] == ["a", "b", "c"]
    assert torch.equal(again(images(), shares(1, STYLES)), many(images(), shares(1, STYLES)))


@pytest.mark.parametrize("size", [(2, STYLES), (2, STYLES, 24, 32)])
def test_under_autocast_rows_are_mixed_in_float32(size):
    norm, x = shaken(ConditionalNorm(5, STYLES)), torch.randn(2, 5, 24, 32)
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        assert torch.equal(norm(x, shares(*size)), shaken(ConditionalNorm(5, STYLES))(x, shares(*size)).float())
        assert norm(x.bfloat16(), shares(*size)).dtype == torch.bfloat16
        assert network()(images(), shares(*size)).isfinite().all()
    assert torch.allclose(norm(x, shares(*size)), norm.double()(x.double(), shares(*size).double()).float(), atol=1e-5)


def test_a_copy_is_its_own():
    many = network()
    other = copy.deepcopy(many)
    with torch.no_grad():
        before = many(images(), shares(1, STYLES))
        other.encoder[0][1].bias += 1
        assert torch.equal(many(images(), shares(1, STYLES)), before)


@pytest.mark.parametrize(
    ("arguments", "mixture", "words"),
    [
        ({}, None, "this network has 3 styles: give a mixture"),
        ({"num_styles": 1}, torch.ones(1, 1), "this network has a single style: leave the mixture out"),
        ({}, torch.ones(1, 2), r"a mixture of shape \(1, 2\) for 3 styles"),
        ({}, torch.ones(3), r"a mixture of shape \(3,\) for 3 styles"),
        ({}, torch.ones(1, 3, 24, 31), "another size than the images"),
    ],
)
def test_mixtures_that_do_not_fit(arguments, mixture, words):
    with pytest.raises(InputError, match=words):
        network(**arguments)(images(), mixture)


@pytest.mark.parametrize(("arguments", "words"), [({"norm": "batch"}, "norm=instance"), ({"num_styles": 0}, "least 1")])
def test_networks_that_cannot_be(arguments, words):
    with pytest.raises(InputError, match=words):
        network(**arguments)


def test_blocks_without_conditional_norms_take_none():
    chain = Chain(ConvBlock(3, 2, 3), UpsampleBlock(2, 2))
    assert chain(images()).shape == (2, 2, 48, 64)


@pytest.mark.slow
def test_onnx_with_shares_as_an_input(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    many, dynamic = network(), torch.export.Dim.DYNAMIC
    path = tmp_path / "many.onnx"
    sizes = {"images": {0: dynamic, 2: dynamic, 3: dynamic}, "mixture": {0: dynamic}}
    torch.onnx.export(
        many,
        (images(2, 32, 48), shares(2, STYLES)),
        path,
        dynamo=True,
        dynamic_shapes=sizes,
        input_names=["images", "mixture"],
    )
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for count, height, width in ((2, 32, 48), (3, 64, 36)):
        given = {"images": images(count, height, width).numpy(), "mixture": shares(count, STYLES).numpy()}
        with torch.no_grad():
            ours = many(*map(torch.from_numpy, given.values()))
        assert np.abs(session.run(None, given)[0] - ours.numpy()).max() < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("size", [(2, STYLES), (2, STYLES, 24, 32)])
def test_a_compiled_network_is_the_same(size):
    many = network()
    compiled = torch.compile(many, backend="aot_eager", fullgraph=True)
    with torch.no_grad():
        assert torch.allclose(compiled(images(), shares(*size)), many(images(), shares(*size)), atol=1e-6)
