"""Entry points of `torch.hub`: the networks that ship, by name.

network = torch.hub.load(REPOSITORY, "starry_night")                 # takes and gives (B, 3, H, W) in [0, 1]
network = torch.hub.load(REPOSITORY, "multistyle")                   # network(images, mixture): a share for each style
"""

from torch import nn

from stylenet.networks.checkpoint import load_network

dependencies = ["torch", "torchvision", "safetensors", "numpy"]


def starry_night() -> nn.Module:
    """Return the Johnson net of van Gogh's Starry Night, in eval mode."""
    return load_network("starry_night")[0]


def great_wave() -> nn.Module:
    """Return the Johnson net of Hokusai's Great Wave, in eval mode."""
    return load_network("great_wave")[0]


def multistyle() -> nn.Module:
    """Return the network of ten styles, in eval mode, with `styles`: their names in the order of the mixture."""
    network, metadata = load_network("multistyle")
    network.styles = metadata["styles"]
    return network


def adain() -> nn.Module:
    """Return AdaIN for any painting, in eval mode: `network(images, network.palette(paintings))`."""
    return load_network("adain")[0]
