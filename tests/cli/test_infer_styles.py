"""The options of `infer.py` that say in which styles, how strongly, where, in which colors, with which strokes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from stylenet.cli import infer
from stylenet.cli.exits import guarded
from stylenet.color import luminance
from stylenet.images import load_image
from stylenet.inference.stylizer import Stylizer
from stylenet.networks.adain import AdaIN
from stylenet.networks.checkpoint import describe, save_network
from stylenet.networks.johnson import JohnsonNet


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """A folder with a tiny network of each kind."""
    folder = tmp_path_factory.mktemp("networks")
    torch.manual_seed(0)
    one, many = JohnsonNet(width=1, blocks=1), JohnsonNet(width=2, blocks=1, num_styles=3)
    for name, parameter in many.named_parameters():
        if parameter.dim() == 2:  # the rows, which start as one
            torch.nn.init.normal_(parameter, mean=float("weight" in name), std=0.5)
    scales = {"relu4_1": 334, "relu2_1": 331}  # without which images would be clamped
    any_ = AdaIN("vgg16", "bundled", width=4, exchange=list(scales), scales=scales)
    save_network(one, folder / "one.safetensors", describe(one))
    save_network(many, folder / "many.safetensors", describe(many, styles=["wave", "quilt", "night"]))
    save_network(any_, folder / "any.safetensors", describe(any_))
    return folder


@pytest.fixture
def place(tmp_path, monkeypatch, networks):
    """A working folder with the networks, a photograph, two paintings and two masks."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("stylenet.inference.conditions.STYLE_SIZE", 64)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the quickest for tiny images
    for network in networks.iterdir():
        Path(network.name).symlink_to(network)
    noise("photo.png", (48, 40), 0)
    noise("red.png", (40, 32), 1, red=True)
    noise("gray.png", (32, 48), 2)
    mask = np.zeros((10, 12), np.uint8)
    mask[:, :6] = 255
    Image.fromarray(mask).save("left.png")
    Image.fromarray(255 - mask).save("right.png")
    yield tmp_path
    torch.set_num_threads(threads)


def noise(path, size, seed, red=False):
    pixels = np.random.default_rng(seed).integers(0, 256, (*size[::-1], 3)).astype(np.uint8)
    pixels[..., 1:] //= 4 if red else 1
    Path(path).parent.mkdir(exist_ok=True)
    Image.fromarray(pixels).save(path)


def run(ckpt, *options):
    """The exit code of `infer.py`; of options given twice, the last counts."""
    given = [f"--ckpt={ckpt}.safetensors", "--input=photo.png", "--output=out.png", "--device=cpu", *options]
    return guarded(lambda: infer.run(given))


def stylizer(ckpt, **options):
    return Stylizer.from_checkpoint(f"{ckpt}.safetensors", "cpu", **options)


def same(path, image):
    return (load_image(path) - image).abs().max() < 0.6 / 255


def test_a_style_is_found_by_its_name_or_path(place, monkeypatch, capsys):
    monkeypatch.setenv("STYLENET_IMAGES", str(place))
    expected = stylizer("any", styles=["red.png"], style_size=32)(load_image("photo.png"))
    for style in ("red", "red.png"):
        assert run("any", f"--style={style}", "--style-size=32") == 0
        assert same("out.png", expected)
        assert capsys.readouterr().err == "wrote out.png\n"


def test_paintings_blend_as_weighted(place, capsys):
    paintings = ["--style=red.png", "--style=gray.png", "--style-size=32"]
    assert run("any", *paintings, "--style-weights=3,7", "--alpha=0.8") == 0
    options = {"styles": ["red.png", "gray.png"], "style_size": 32, "shares": (0.3, 0.7), "alpha": 0.8}
    assert same("out.png", stylizer("any", **options)(load_image("photo.png")))
    assert capsys.readouterr().err.splitlines()[0] == "alpha 0.8: features are blended with the photograph's"


def test_styles_of_a_network_for_many(place):
    assert run("many", "--style=night", "--style=wave", "--style-weights=1,3") == 0
    network = stylizer("many", styles=["wave"]).network
    with torch.no_grad():
        assert same("out.png", network(load_image("photo.png"), torch.tensor([[0.75, 0, 0.25]])))


def test_a_folder_with_masks_of_each_photograph_s_size(place):
    noise("in/a.png", (30, 30), 3)
    noise("in/b/c.png", (21, 50), 4)
    options = ("--style=night", "--style=wave", "--mask=left.png", "--mask=right.png")
    assert run("many", *options, "--input=in", "--output=out") == 0
    masks = tuple(luminance(load_image(path)) for path in ("left.png", "right.png"))
    expected = stylizer("many", styles=["night", "wave"], masks=masks)
    for name in ("a.png", "b/c.png"):
        assert same(f"out/{name}", expected(load_image(f"in/{name}")))


def test_black_stays_the_photograph(place):
    assert run("one", "--mask=left.png") == 0
    photograph, whole = load_image("photo.png"), stylizer("one")(load_image("photo.png"))
    assert torch.equal(load_image("out.png")[..., 30:], photograph[..., 30:])
    assert (load_image("out.png") - whole)[..., :18].abs().max() < 0.6 / 255


@pytest.mark.parametrize(
    ("ckpt", "options", "lines"),
    [
        ("one", ["--alpha=0.5"], ["alpha 0.5: the output is blended with the photograph, pixel by pixel"]),
        ("one", ["--preserve-color=coral"], ["coral: the output gets mean and covariance of the photograph's colors"]),
        (
            "one",
            ["--stroke-scale=2", "--preserve-color=luminance"],
            [
                "luminance: the output gets the photograph's chroma",
                "strokes 2 times as large: the network sees the photograph at 0.5 of its size, detail is lost",
            ],
        ),
        (
            "any",
            ["--style=red.png", "--preserve-color=coral", "--stroke-scale=0.5", "--style-size=64"],
            [
                "coral: paintings get mean and covariance of each photograph's colors first",
                "strokes 0.5 times as large: paintings are shown at 32 pixels",
            ],
        ),
    ],
)
def test_the_way_it_is_done_is_said_once(place, capsys, ckpt, options, lines):
    noise("in/a.png", (30, 30), 3)
    noise("in/b.png", (21, 50), 4)
    assert run(ckpt, *options, "--input=in", "--output=out") == 0
    assert capsys.readouterr().err.splitlines() == [*lines, "2 stylized"]


@pytest.mark.parametrize(
    ("ckpt", "options"),
    [
        ("one", []),
        ("many", ["--style=night", "--style=wave"]),
        ("any", ["--style=red.png", "--style=gray.png", "--alpha=0.6", "--style-size=32"]),
    ],
)
def test_tiles_make_the_same_picture(place, ckpt, options):
    noise("photo.png", (100, 70), 0)
    extra = ["--mask=left.png"] if options else []
    assert run(ckpt, *options, *extra) == 0
    assert run(ckpt, *options, *extra, "--tile=64", "--output=tiled.png") == 0
    assert (load_image("tiled.png") - load_image("out.png")).abs().max() < 1.1 / 255


@pytest.mark.parametrize("options", [["--style=red.png"], ["--mask=left.png"]])
def test_inputs_are_not_overwritten(place, capsys, options):
    target = options[0].partition("=")[2]
    before = Path(target).read_bytes()
    assert run("any", *options, f"--output={target}") == 2
    assert capsys.readouterr().err == f"error: {target} would overwrite an input: give another --output\n"
    assert Path(target).read_bytes() == before


def test_only_compile_compiles_the_network(place, monkeypatch):
    asked = []
    monkeypatch.setattr("stylenet.inference.stylizer.compile_network", lambda _, device: asked.append(device.type))
    noise("in/a.png", (30, 20), 1)
    assert run("one", "--input=in", "--output=out") == 0
    assert asked == []
    assert run("one", "--input=in", "--output=out", "--compile") == 0
    assert asked == ["cpu"]


BOTH = ["--style=red.png", "--style=gray.png"]


@pytest.mark.parametrize(
    ("ckpt", "options", "message"),
    [
        ("any", [], "this network paints in any style: give --style=PAINTING"),
        ("any", ["--style=rad.png"], "no style image at rad.png: give the path of an image"),
        ("any", ["--style=folder/red.png"], "no style image at folder/red.png"),
        ("any", ["--style=any.safetensors"], "any.safetensors is not an image"),
        ("any", ["--style=red.png", "--style-size=0"], "style_size=0: give whole pixels from 1"),
        ("any", [*BOTH, "--style-weights=1,2,3"], "3 style weights for 2 styles: give one for each style"),
        ("any", [*BOTH, "--style-weights=1;2"], "style_weights=1;2: give a number"),
        ("any", [*BOTH, "--style-weights=0,0"], "style weights 0, 0: give none under 0 and one over 0"),
        ("any", [*BOTH, "--mask=left.png", "--mask=left.png", "--mask=left.png"], "3 masks for 2 styles: give one,"),
        ("any", [*BOTH, "--mask=any.safetensors"], "any.safetensors is not an image"),
        ("any", [*BOTH, "--mask=none.png"], "cannot read none.png: No such file"),
        ("many", [], "this network has 3 styles: give --style=NAME, of wave, quilt, night"),
        ("many", ["--style=nigth"], "unknown style of this network 'nigth': did you mean 'night'?"),
        ("many", ["--style=quilt.jpg"], "--ckpt=adain paints in any style"),
        ("many", ["--style=night", "--style-size=99"], "--style-size is for networks of any style"),
        ("one", ["--style=red.png"], "--style: this network has one style, the one it was trained for"),
        ("one", ["--style-weights=1"], "1 style weights for 0 styles"),
        ("one", ["--mask=left.png", "--mask=right.png"], "2 masks for 1 styles: give one for each style"),
        ("one", ["--alpha=2"], "alpha 2: give a number from 0 to 1"),
        ("one", ["--alpha=much"], "alpha=much: give a number"),
        ("one", ["--stroke-scale=9"], "stroke scale 9: give a number from 0.25 to 4"),
        ("one", ["--preserve-color=lumiance"], "unknown way to preserve color 'lumiance': did you mean 'luminance'?"),
        ("one", ["--preserve-colour=coral"], "unknown option '--preserve-colour': did you mean '--preserve-color'?"),
        ("one", ["--tile=8"], "tile=8: give whole pixels from 64"),
    ],
)
def test_bad_looks_are_one_line_and_nothing_is_written(place, refused, ckpt, options, message):
    refused(lambda: run(ckpt, *options), message)
