import pytest
import torch

from stylenet.errors import InputError
from stylenet.networks.johnson import JohnsonNet

SIZES = [(1, 1), (1, 9), (2, 3), (15, 16), (17, 33), (40, 1), (64, 61)]


def shaken(network, seed=0):
    """Random norm weights, statistics and biases too, so that nothing is hidden by zeros and ones."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point():
            noise = torch.randn(tensor.shape, generator=generator)
            tensor.add_(0.1 * noise.abs() if name.endswith("running_var") else 0.1 * noise)
    return network.eval()


@pytest.mark.parametrize("norm", ["instance", "batch"])
@pytest.mark.parametrize("output", ["tanh", "linear", "residual"])
@pytest.mark.parametrize("size", SIZES)
def test_gives_exactly_the_size_and_range(size, norm, output):
    network = shaken(JohnsonNet(width=2, blocks=1, norm=norm, output=output))
    with torch.inference_mode():
        stylized = network(torch.rand(2, 3, *size))
    assert stylized.shape == (2, 3, *size)
    assert 0 <= stylized.min() <= stylized.max() <= 1


def test_linear_output_has_gradients_everywhere_in_training():
    network = JohnsonNet(width=2, blocks=1, output="linear").train()
    with torch.no_grad():
        network.decoder[2].bias.fill_(5)
    assert network(torch.rand(1, 3, 16, 16)).max() > 1


def test_parameters():
    assert sum(parameter.numel() for parameter in JohnsonNet(width=32).parameters()) == 1_679_235


@pytest.mark.parametrize("size", [(32, 32), (21, 35)])
def test_no_frame_around_a_flat_image(size):
    """Reflection keeps a flat image flat up to its border; zeros would draw a frame.

    Batch norm, since instance norm divides rounding errors by a deviation of nearly zero, and so proves nothing.
    """
    network = shaken(JohnsonNet(width=4, blocks=2, norm="batch"))
    with torch.inference_mode():
        stylized = network(torch.tensor([0.2, 0.5, 0.8])[None, :, None, None].expand(1, 3, *size))
    middle = stylized[..., size[0] // 2, size[1] // 2]
    assert (stylized - middle[..., None, None]).abs().max() < 1e-5


def test_padding_does_not_reach_the_image_of_a_fitting_size():
    """A size that is a multiple of four is not padded: the batch's images do not depend on it."""
    network = shaken(JohnsonNet(width=2, blocks=1, norm="batch"))
    images = torch.rand(2, 3, 32, 48)
    with torch.inference_mode():
        together = network(images)
        direct = 0.5 + 0.5 * network.decoder(network.residuals(network.encoder(2 * images - 1))).tanh()
    assert torch.equal(together, direct)


def test_batch_norm_learns_statistics_in_training_and_uses_them_in_eval():
    network = JohnsonNet(width=2, blocks=1, norm="batch")
    images = torch.rand(2, 3, 16, 16)
    network.train()(images)
    assert network.encoder[0][1].running_mean.abs().sum() > 0
    network.eval()
    with torch.inference_mode():
        assert torch.allclose(network(images)[:1], network(images[:1]), atol=1e-6)


@pytest.mark.parametrize("arguments", [{"norm": "batsch"}, {"output": "tan"}])
def test_unknown_names(arguments):
    with pytest.raises(InputError, match="did you mean '(batch|tanh)'"):
        JohnsonNet(width=2, **arguments)
