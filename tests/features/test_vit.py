"""ViT-B/16 gives what torchvision's encoder computes, at any size."""

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from torch import nn
from torch.testing import assert_close

from stylenet.errors import InputError
from stylenet.features.backbones import get_backbone
from stylenet.features.extractor import FeatureExtractor

BLOCKS = [f"encoder.layers.encoder_layer_{n}" for n in range(12)]
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
STEM, BLOCK = 768 * (3 * 256 + 1), 7_087_872  # of ViT-B: 12 blocks are 85 million
EMBEDDINGS = 768 + 197 * 768


@pytest.fixture(scope="module")
def extractor():
    extractor = FeatureExtractor("vit_b_16", tuple(get_backbone("vit_b_16").layers), "random")
    generator = torch.Generator().manual_seed(0)
    for name, parameter in extractor.named_parameters():
        if name.endswith("bias"):
            parameter.normal_(std=0.1, generator=generator)
        if name.endswith(("pos_embedding", "class_token")):
            parameter.normal_(generator=generator)  # so that positions matter
    return extractor


@pytest.fixture
def network(extractor):
    """Return torchvision's own network, without what follows the blocks and with the weights of `extractor`."""
    with torch.device("meta"):
        network = torchvision.models.vit_b_16()
    network.encoder.ln = network.heads = nn.Identity()
    network.load_state_dict(extractor.body.state_dict(), assign=True)
    return network.eval()


@pytest.fixture
def tokens(network):
    """Return where hooks leave the tokens that every block of `network` gives."""
    outputs = {}
    for name in BLOCKS:
        network.get_submodule(name).register_forward_hook(
            lambda module, args, output, name=name: outputs.update({name: output})
        )
    return outputs


def check(features, tokens, height, width):
    """Compare features with tokens, of which the first is the class token."""
    for name in BLOCKS:
        expected = tokens[name][:, 1:].permute(0, 2, 1).reshape(-1, 768, height, width)
        assert_close(features[name], expected, rtol=1e-3, atol=1e-3, msg=lambda text, name=name: name + text)


def test_at_its_own_size_every_block_equals_torchvisions(extractor, network, tokens):
    image = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        network(torchvision.transforms.functional.normalize(image, MEAN, STD))
    check(extractor(image), tokens, 14, 14)


def pillow_positions(positions, height, width):
    """Return position embeddings whose grid Pillow has resampled."""
    grids = positions[0, 1:].detach().numpy().reshape(14, 14, 768)
    resampled = [
        np.asarray(Image.fromarray(np.ascontiguousarray(grids[..., c])).resize((width, height), Image.BICUBIC))
        for c in range(768)
    ]
    grid = torch.tensor(np.stack(resampled, -1)).reshape(1, height * width, 768)
    return torch.cat([positions[:, :1], grid], dim=1)


@pytest.mark.parametrize(
    ("height", "width", "rows", "columns"),
    [(48, 64, 3, 4), (33, 47, 3, 3), (16, 17, 1, 2), (31, 272, 2, 17)],
    ids=["whole patches", "odd", "smallest", "larger than trained on"],
)
def test_at_other_sizes_positions_are_resampled_and_borders_mirrored(
    height, width, rows, columns, extractor, network, tokens
):
    image = torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(0))
    features = extractor(image)
    beyond = (0, 0), (0, 0), (0, rows * 16 - height), (0, columns * 16 - width)
    padded = torch.tensor(np.pad(image.numpy(), beyond, mode="reflect"))
    with torch.no_grad():
        patches = network.conv_proj(torchvision.transforms.functional.normalize(padded, MEAN, STD))
        assert_close(features["conv_proj"], patches, rtol=1e-4, atol=1e-4)
        sequence = torch.cat([network.class_token.expand(2, -1, -1), patches.flatten(2).permute(0, 2, 1)], dim=1)
        network.encoder.pos_embedding = nn.Parameter(
            pillow_positions(network.encoder.pos_embedding.detach(), rows, columns)
        )
        network.encoder(sequence)
    check(features, tokens, rows, columns)


def test_every_layer_is_the_one_asked_for(extractor):
    image = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    features = extractor(image)
    assert set(features) == {"conv_proj", *BLOCKS}
    for n in (0, 1, 3, 10, 11):  # 1 begins the names of 10 and 11
        part = extractor.up_to((BLOCKS[n],))
        assert_close(part(image)[BLOCKS[n]], features[BLOCKS[n]])
        assert sum(parameter.numel() for parameter in part.parameters()) == STEM + EMBEDDINGS + (n + 1) * BLOCK


def test_the_stem_alone_holds_no_embeddings():
    stem = FeatureExtractor("vit_b_16", ("conv_proj",), "random")
    assert sum(parameter.numel() for parameter in stem.parameters()) == STEM


def test_every_pixel_has_a_gradient_also_beyond_the_last_whole_patch(extractor):
    image = torch.rand(1, 3, 35, 50, generator=torch.Generator().manual_seed(0)).requires_grad_()
    part = extractor.up_to((BLOCKS[0],))
    part(image)[BLOCKS[0]].square().mean().backward()
    assert image.grad.abs().amin(dim=1).gt(0).all()
    assert not any(parameter.requires_grad for parameter in part.parameters())


@pytest.mark.parametrize("old", [False, True])
def test_files_of_either_naming_are_read(old, extractor, tmp_path):
    state = extractor.up_to((BLOCKS[1],)).body.state_dict()
    if old:  # torchvision's file says mlp.linear_1, its modules say mlp.0
        state = {key.replace("mlp.0", "mlp.linear_1").replace("mlp.3", "mlp.linear_2"): state[key] for key in state}
        assert f"{BLOCKS[1]}.mlp.linear_2.bias" in state
    torch.save(state, tmp_path / "vit.pth")
    image = torch.rand(1, 3, 32, 32)
    read = FeatureExtractor("vit_b_16", (BLOCKS[1],), str(tmp_path / "vit.pth"))
    assert_close(read(image)[BLOCKS[1]], extractor(image)[BLOCKS[1]])


def test_a_file_of_another_grid_is_refused(extractor, tmp_path):
    state = extractor.up_to((BLOCKS[0],)).body.state_dict()
    torch.save(state | {"encoder.pos_embedding": torch.zeros(1, 577, 768)}, tmp_path / "vit.pth")  # of 384 px
    with pytest.raises(InputError, match=r"no encoder.pos_embedding of shape \(1, 197, 768\)"):
        FeatureExtractor("vit_b_16", (BLOCKS[0],), str(tmp_path / "vit.pth"))
