import subprocess
import sys
from pathlib import Path

import pytest
import torch
from support import ROOT

from stylenet.errors import InputError
from stylenet.inference.stylizer import Stylizer
from stylenet.web.networks import WHOLE, Choice, Learnt, Networks, tile_for, title

STYLES = ROOT / "data" / "styles"
OWN = {"quilt": Learnt(Path("quilt.safetensors"), Path("quilt.jpg"))}


def choice(style="starry_night", **options):
    return Choice("photo.jpg", options.pop("mask", None), style, **options)


def test_preview_is_what_the_stylizer_makes():
    image = torch.rand(1, 3, 48, 64, generator=torch.Generator().manual_seed(0))
    network = ROOT / "checkpoints" / "multistyle.safetensors"
    networks = Networks()
    for strength in (1.0, 0.4):  # the second time the network is there already
        look = choice(second="the_scream", blend=0.25, strength=strength)
        styles = {"styles": ["starry_night", "the_scream"], "shares": (0.75, 0.25)}
        expected = Stylizer.from_checkpoint(network, "cpu", **styles, alpha=strength)(image)
        assert torch.equal(networks.preview(look, image), expected)


def test_first_preview_needs_neither_torchvision_nor_the_compiler_of_torch():
    code = "import sys; from stylenet.web.networks import Networks; Networks().warm(); import stylenet.web.pictures; "
    done = subprocess.run([sys.executable, "-c", f"{code}print(*sys.modules)"], capture_output=True, text=True)
    assert "torch" in done.stdout.split()
    assert not {"torchvision", "torch._dynamo"} & set(done.stdout.split())  # each takes as long as torch


def test_few_looks_are_remembered():
    image, networks = torch.rand(1, 3, 24, 24), Networks()
    for style in networks.names():
        networks.preview(choice(style), image)
    assert len(networks._ready) == 8


@pytest.mark.parametrize(("painting", "ready"), [(None, 1), (str(STYLES / "tahiti.jpg"), 2)], ids=["learnt", "any"])
def test_strokes_and_colors_are_those_asked_for(painting, ready):
    image, networks = torch.rand(1, 3, 48, 64, generator=torch.Generator().manual_seed(0)), Networks()
    for options in ({"colors": "luminance"}, {"colors": "coral"}):
        look = choice(painting=painting, strokes=0.25, **options)
        expected = networks.open(look)(image)
        assert torch.equal(networks.preview(look, image), expected)
    assert len(networks._ready) == ready


def test_painting_takes_the_place_of_the_style():
    look = choice(painting="mine.jpg", second="the_scream", blend=0.25)
    assert (look.network.stem, look.styles, look.shares) == ("adain", ("mine.jpg", "the_scream"), (0.75, 0.25))
    assert look.words == "The photograph in the style of your painting and The scream"


def test_learnt_style_has_its_own_network_and_no_names():
    look = choice("quilt", learnt=OWN)
    assert (look.network, look.styles, look.names) == (Path("quilt.safetensors"), (), ("quilt.jpg",))


def test_learnt_style_is_not_blended():
    with pytest.raises(InputError, match="quilt was learnt here"):
        _ = choice("quilt", second="the_scream", learnt=OWN).styles


def test_large_photographs_are_cut():
    assert tile_for(torch.empty(1, 3, 1, WHOLE, device="meta")) is None
    assert tile_for(torch.empty(1, 3, 1, WHOLE + 1, device="meta")) == 512


def test_title_is_for_people():
    assert title("the_scream") == "The scream"
    assert title("composition_vii") == "Composition VII"
