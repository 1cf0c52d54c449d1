"""What users of other projects have reported; each test says where."""

from pathlib import Path

import pytest
import torch
from PIL import Image
from support import picture

from stylenet.cli import gatys, infer
from stylenet.cli.exits import guarded
from stylenet.images import load_image, resize, save_image
from stylenet.modules.adain import AdaINModule

SHIPPED = [
    ("starry_night", []),
    ("multistyle", ["--style=tahiti"]),
    ("adain", ["--style=style.png", "--style-size=64"]),
]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bare_environment: None) -> None:
    """A working folder with photo.png, 50x50, and style.png."""
    monkeypatch.chdir(tmp_path)
    save_image(picture(0, 50, 50), "photo.png")
    save_image(picture(1, 64, 64), "style.png")


def stylize(ckpt: str, *options: str, photograph: str = "photo.png", output: str = "out.png") -> torch.Tensor:
    given = [f"--ckpt={ckpt}", f"--input={photograph}", f"--output={output}", "--device=cpu", *options]
    assert guarded(lambda: infer.run(given)) == 0
    return load_image(output)


def optimize(*options: str, output: str = "out.png") -> torch.Tensor:
    given = ["content=photo.png", "style=style.png", f"output={output}", "steps=3", "device=cpu", *options]
    assert guarded(lambda: gatys.run(given)) == 0
    return load_image(output)


def make_gray(name: str) -> None:
    with Image.open(name) as image:
        image.convert("L").save(name)


@pytest.mark.parametrize("colors", ["coral", "luminance"])
def test_a_gray_photograph_and_a_gray_painting_keep_colors(colors):
    """chainer-neural-style #7: NaN in a square root."""
    make_gray("photo.png")
    make_gray("style.png")
    for image in (
        stylize("adain", "--style=style.png", f"--preserve-color={colors}"),
        optimize(f"preserve_color={colors}"),
    ):
        assert (image.amax(1) - image.amin(1)).mean() < 0.05  # gray but for a tint
        assert image.std() > 0.02


@pytest.fixture(scope="module")
def adain_module():
    return AdaINModule(width=4)


@pytest.mark.parametrize(
    "photograph", [torch.zeros(2, 3, 32, 32), torch.ones(2, 3, 32, 32), None], ids=["black", "white", "gray"]
)
@pytest.mark.parametrize("plain_painting", [False, True])
def test_gradients_of_pictures_without_color_or_contrast_are_finite(adain_module, photograph, plain_painting):
    """chainer-neural-style #7, in training."""
    gray = torch.rand(2, 1, 32, 32, generator=torch.Generator().manual_seed(0)).expand(2, 3, 32, 32)
    photograph = gray if photograph is None else photograph
    adain_module.zero_grad()
    batch = {"photographs": photograph, "paintings": photograph if plain_painting else gray.flip(3)}
    adain_module.loss.total(adain_module.terms(batch)).backward()
    gradients = [parameter.grad for parameter in adain_module.network.parameters() if parameter.grad is not None]
    assert gradients
    assert all(gradient.isfinite().all() for gradient in gradients)


@pytest.mark.parametrize(("ckpt", "options"), SHIPPED)
def test_a_picture_of_50_pixels_is_painted_at_its_size(ckpt, options):
    """neural-style #47."""
    assert stylize(ckpt, *options).shape == (1, 3, 50, 50)


def test_a_picture_of_50_pixels_is_optimized_at_its_size():
    """neural-style #47."""
    assert optimize().shape == (1, 3, 50, 50)


@pytest.mark.parametrize(("ckpt", "options"), SHIPPED)
@pytest.mark.parametrize("size", [(51, 77), (33, 98), (1, 40)])
def test_odd_sizes_come_back_exactly(ckpt, options, size):
    """Pytorch_AdaIN #1."""
    save_image(picture(2, *size), "odd.png")
    assert stylize(ckpt, *options, photograph="odd.png").shape[-2:] == size


def test_a_photograph_in_its_own_style_stays_nearer_than_in_another():
    """AdaIN-style #12. Nearly itself it is not: the decoder paints strokes all the same."""
    cat = torch.from_numpy(pytest.importorskip("skimage.data").chelsea().copy()).permute(2, 0, 1)[None] / 255
    photograph = resize(cat, 128)
    save_image(photograph, "cat.png")
    own, other = (stylize("adain", f"--style={style}", photograph="cat.png") for style in ("cat.png", "starry_night"))
    distance = (own - photograph).abs().mean()
    assert distance < 0.12
    assert distance < 0.9 * (other - photograph).abs().mean()


@pytest.mark.parametrize(("ckpt", "options"), SHIPPED)
def test_the_same_command_twice_gives_the_same_bytes(ckpt, options):
    """WCT-TF #14."""
    for output in ("once.png", "twice.png"):
        stylize(ckpt, *options, output=output)
    assert Path("once.png").read_bytes() == Path("twice.png").read_bytes()


@pytest.mark.parametrize("start", ["content", "noise"])
def test_the_same_optimization_twice_gives_the_same_bytes(start):
    """WCT-TF #14."""
    for output in ("once.png", "twice.png"):
        optimize(f"init={start}", output=output)
    assert Path("once.png").read_bytes() == Path("twice.png").read_bytes()
