"""TransformerNet files of pytorch/examples, against that network written out here from its paper."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from stylenet.errors import InputError
from stylenet.networks.checkpoint import load_network

PLAN = {  # name: input channels, output channels, kernel, stride, upsampling
    "conv1": (3, 32, 9, 1, 1),
    "conv2": (32, 64, 3, 2, 1),
    "conv3": (64, 128, 3, 2, 1),
    "deconv1": (128, 64, 3, 1, 2),
    "deconv2": (64, 32, 3, 1, 2),
    "deconv3": (32, 3, 9, 1, 1),
}
NORMS = {"in1": 32, "in2": 64, "in3": 128, "in4": 64, "in5": 32}


def random_state(statistics=False):
    """A TransformerNet's state dict with random tensors, norms included."""
    generator = torch.Generator().manual_seed(0)
    state = {}

    def add(prefix, *shape, mean=0.0, scale=0.3):
        state[f"{prefix}.weight"] = mean + scale * torch.randn(shape, generator=generator)
        state[f"{prefix}.bias"] = 0.3 * torch.randn(shape[0], generator=generator)
        if statistics and len(shape) == 1:
            state[f"{prefix}.running_mean"] = torch.randn(shape, generator=generator)
            state[f"{prefix}.running_var"] = torch.rand(shape, generator=generator)

    for name, (channels, out, kernel, _, _) in PLAN.items():
        add(f"{name}.conv2d", out, channels, kernel, kernel, scale=(channels * kernel**2) ** -0.5)
    for name, channels in NORMS.items():
        add(name, channels, mean=1.0)
    for block in range(1, 6):
        for half in (1, 2):
            add(f"res{block}.conv{half}.conv2d", 128, 128, 3, 3, scale=0.03)
            add(f"res{block}.in{half}", 128, mean=1.0)
    state["deconv3.conv2d.weight"] *= 120  # an image in 0-255, with values over and under
    state["deconv3.conv2d.bias"] += 127
    return state


def transformer_net(state, x):
    """Their forward pass: RGB in 0-255 in and out, not clamped."""

    def conv(name, x, kernel, stride=1, upsampling=1):
        if upsampling > 1:
            x = F.interpolate(x, scale_factor=upsampling, mode="nearest")
        x = nn.ReflectionPad2d(kernel // 2)(x)
        return F.conv2d(x, state[f"{name}.conv2d.weight"], state[f"{name}.conv2d.bias"], stride)

    def norm(name, x):
        mean, variance = x.mean((2, 3), keepdim=True), x.var((2, 3), keepdim=True, unbiased=False)
        scale, shift = (state[f"{name}.{kind}"][:, None, None] for kind in ("weight", "bias"))
        return (x - mean) / (variance + 1e-5).sqrt() * scale + shift

    for index in (1, 2, 3):
        x = norm(f"in{index}", conv(f"conv{index}", x, *PLAN[f"conv{index}"][2:])).relu()
    for block in range(1, 6):
        y = norm(f"res{block}.in1", conv(f"res{block}.conv1", x, 3)).relu()
        x = x + norm(f"res{block}.in2", conv(f"res{block}.conv2", y, 3))
    for index in (1, 2):
        x = norm(f"in{index + 3}", conv(f"deconv{index}", x, *PLAN[f"deconv{index}"][2:])).relu()
    return conv("deconv3", x, 9)


@pytest.mark.parametrize(("statistics", "count"), [(False, 62), (True, 92)])
def test_equals_the_original(tmp_path, statistics, count):
    state = random_state(statistics)
    assert len(state) == count
    torch.save(state, tmp_path / "mosaic.pth")
    network, metadata = load_network(tmp_path / "mosaic.pth")
    image = torch.rand(2, 3, 32, 20, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected = transformer_net(state, 255 * image) / 255
        stylized = network(image)
    assert expected.min() < -0.05
    assert expected.max() > 1.05
    assert (stylized - expected.clamp(0, 1)).abs().max() < 1e-4
    assert metadata["source"] == "pytorch/examples"


@pytest.mark.parametrize(
    "damage",
    [
        lambda state: state.pop("res3.in2.weight"),
        lambda state: state.pop("conv1.conv2d.weight"),
        lambda state: state.update({"conv9.conv2d.weight": torch.zeros(1)}),
        lambda state: state.update({"in1.weight": torch.zeros(7)}),
        lambda state: state.update({"conv1.conv2d.weight": torch.zeros(7)}),
        lambda state: state.update({"in1.weight": 3}),
    ],
)
def test_damaged(tmp_path, damage):
    state = random_state()
    damage(state)
    torch.save(state, tmp_path / "mosaic.pth")
    with pytest.raises(InputError, match="mosaic.pth looks like a TransformerNet.* but does not fit"):
        load_network(tmp_path / "mosaic.pth")
