"""Pairs of photograph and label: what is written, what it claims, and the manifest of one process or several."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from support import picture
from torch import Tensor

from stylenet.data.pairs import Pair, read_manifest
from stylenet.errors import InputError
from stylenet.features.extractor import FeatureExtractor
from stylenet.gatys.optimize import optimize
from stylenet.images import load_image, resize, save_image
from stylenet.inference.label_shards import Shard, key_of, made
from stylenet.inference.labelers import AdaINLabeler, GatysLabeler
from stylenet.inference.pseudo_labels import PairMaker
from stylenet.losses.options import LossOptions
from stylenet.losses.perceptual import PerceptualLoss
from stylenet.networks.adain import AdaIN
from stylenet.networks.checkpoint import describe, save_network
from stylenet.networks.johnson import JohnsonNet
from stylenet.resources import CHECKPOINTS

CPU = torch.device("cpu")
OPTIONS = LossOptions(style_layers=["relu1_1", "relu2_1"], content_layers=["relu3_1"])


class Negative:
    """A slow method that is quick: the photograph's negative, or a mistake."""

    method = "negative"
    settings: dict[str, Any] = {"depth": (1, 2)}

    def stylist(self, painting: Tensor) -> Callable[[Tensor], Tensor]:
        def stylize(photograph: Tensor) -> Tensor:
            if photograph.mean() < 0.05:
                raise InputError("too dark")
            return 1 - photograph

        return stylize


@pytest.fixture(scope="module")
def loss() -> PerceptualLoss:
    return PerceptualLoss(FeatureExtractor("vgg16", OPTIONS.layers, "bundled"), [], OPTIONS)


@pytest.fixture
def make(tmp_path: Path, loss: PerceptualLoss) -> Callable[..., PairMaker]:
    save_image(picture(0, 36, 48), tmp_path / "photo.png")
    save_image(picture(1, 60, 50), tmp_path / "quilt.png")

    def maker(labeler: Any = None, **named: Any) -> PairMaker:
        given = {"folder": tmp_path / "out", "styles": {"quilt": tmp_path / "quilt.png"}, "size": 40, "style_size": 30}
        return PairMaker(labeler=labeler or Negative(), loss=loss, device=CPU, **(given | named))

    return maker


def pair_of(maker: PairMaker, source: Path, name: str = "photo") -> Pair:
    return maker.pair(maker.photograph(source, f"photographs/{name}.png"), "quilt")


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


# A pair


def test_the_files_are_what_the_pair_says(make: Callable[..., PairMaker], tmp_path: Path):
    maker, out = make(), tmp_path / "out"
    maker.write_styles()
    pair = pair_of(maker, tmp_path / "photo.png", "a/b")
    assert (pair.photograph, pair.label) == ("photographs/a/b.png", "labels/quilt/a/b.png")
    assert pair.style == "styles/quilt.png"
    claims = {pair.photograph: pair.photograph_sha256, pair.label: pair.label_sha256, pair.style: pair.style_sha256}
    assert {name: digest(out / name) for name in claims} == claims
    assert sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()) == sorted(claims)
    assert (pair.source, pair.source_sha256) == (str(tmp_path / "photo.png"), digest(tmp_path / "photo.png"))
    photograph, label = load_image(out / pair.photograph), load_image(out / pair.label)
    assert photograph.shape == (1, 3, pair.height, pair.width) == (1, 3, 30, 40)
    assert (photograph - resize(load_image(tmp_path / "photo.png"), 40, side="long")).abs().max() < 0.6 / 255
    assert (label - (1 - photograph)).abs().max() < 1e-6  # of the photograph as it was written
    assert load_image(out / pair.style).shape == (1, 3, 36, 30)
    assert pair.method == "negative"
    assert pair.settings == {"size": 40, "style_size": 30, "depth": [1, 2]}


def test_small_photographs_are_not_enlarged(make: Callable[..., PairMaker], tmp_path: Path):
    pair = pair_of(make(size=400), tmp_path / "photo.png")
    assert (pair.width, pair.height) == (48, 36)
    assert digest(tmp_path / "out" / pair.photograph) == pair.photograph_sha256


def test_losses_against_numpy_on_the_written_files(make: Callable[..., PairMaker], tmp_path: Path):
    maker, out = make(), tmp_path / "out"
    maker.write_styles()
    pair = pair_of(maker, tmp_path / "photo.png")
    extractor = FeatureExtractor("vgg16", OPTIONS.layers, "bundled")
    images = [load_image(out / name) for name in (pair.photograph, pair.label, pair.style)]
    p, x, s = ({n: v[0].double().numpy() for n, v in extractor(image).items()} for image in images)

    def gram(maps: np.ndarray) -> np.ndarray:
        return np.einsum("ihw,jhw->ij", maps, maps) / maps.size

    def error(a: np.ndarray, b: np.ndarray) -> float:
        return ((a - b) ** 2).sum() / (b**2).sum()

    def variation(image: Tensor) -> float:
        return sum((np.diff(image.double().numpy(), axis=axis) ** 2).mean() for axis in (2, 3))

    assert list(pair.losses) == ["content/relu3_1", "style/relu1_1", "style/relu2_1", "tv"]
    assert pair.losses["content/relu3_1"] == pytest.approx(error(x["relu3_1"], p["relu3_1"]), rel=1e-4)
    for layer in ("relu1_1", "relu2_1"):
        assert pair.losses[f"style/{layer}"] == pytest.approx(error(gram(x[layer]), gram(s[layer])), rel=1e-3)
    assert pair.losses["tv"] == pytest.approx(variation(images[1]) / variation(images[2]), rel=1e-4)
    assert all(value == float(f"{value:.6g}") for value in pair.losses.values())


def test_labels_of_gatys_are_those_of_optimize(make: Callable[..., PairMaker], loss: PerceptualLoss, tmp_path: Path):
    maker, out = make(GatysLabeler(loss, {"steps": 3, "init": "style"})), tmp_path / "out"
    maker.write_styles()
    pair = pair_of(maker, tmp_path / "photo.png")
    assert pair.settings["steps"] == 3
    assert pair.settings["style_weight"] == 5
    expected = optimize(load_image(out / pair.photograph), load_image(out / pair.style), loss, steps=3, init="style")
    assert (load_image(out / pair.label) - expected.image).abs().max() < 0.6 / 255


def test_a_network_that_ships_is_known_by_its_name():
    settings = AdaINLabeler("adain", CPU).settings
    shipped = CHECKPOINTS / "adain.safetensors"
    assert settings == {"checkpoint": shipped.name, "checkpoint_sha256": digest(shipped), "alpha": 1.0}


def test_labels_of_adain_are_the_networks(make: Callable[..., PairMaker], tmp_path: Path):
    torch.manual_seed(0)
    network = AdaIN("vgg16", "bundled", width=2).eval()
    save_network(network, tmp_path / "net.safetensors", describe(network))
    maker, out = make(AdaINLabeler(str(tmp_path / "net.safetensors"), CPU, 0.5)), tmp_path / "out"
    maker.write_styles()
    pair = pair_of(maker, tmp_path / "photo.png")
    assert pair.settings["checkpoint_sha256"] == digest(tmp_path / "net.safetensors")
    assert (pair.method, pair.settings["alpha"]) == ("adain", 0.5)
    with torch.no_grad():
        palette = network.palette(load_image(out / pair.style))
        expected = network(load_image(out / pair.photograph), palette, alpha=0.5)
    assert_allclose(load_image(out / pair.label), expected, atol=0.6 / 255)


def test_other_networks_do_not_label(tmp_path: Path):
    network = JohnsonNet(width=1, blocks=1)
    save_network(network, tmp_path / "net.safetensors", describe(network))
    with pytest.raises(InputError, match="holds a JohnsonNet: give an AdaIN checkpoint"):
        AdaINLabeler(str(tmp_path / "net.safetensors"), CPU)


def test_photographs_that_cannot_be_used_are_named(make: Callable[..., PairMaker], tmp_path: Path):
    maker, path = make(), "photographs/photo.png"
    (tmp_path / "text.jpg").write_text("words")
    save_image(picture(0, 3, 60), tmp_path / "flat.png")
    save_image(torch.zeros(1, 3, 40, 40), tmp_path / "night.png")
    for name, message in (("text.jpg", "not an image"), ("flat.png", "flat.png has 40x2 pixels: at least")):
        with pytest.raises(InputError, match=message):
            maker.photograph(tmp_path / name, path)
    with pytest.raises(InputError, match="photo.png has changed since other labels of it were made"):
        maker.photograph(tmp_path / "photo.png", path, before="0" * 64)
    with pytest.raises(InputError, match=r"'\\udcff.png' is no name in UTF-8: rename it"):
        maker.photograph(Path("\udcff.png"), path)
    with pytest.raises(InputError, match="night.png: too dark"):
        pair_of(maker, tmp_path / "night.png")
    assert not (tmp_path / "out").exists()


def test_a_folder_takes_pairs_of_one_kind(make: Callable[..., PairMaker], tmp_path: Path):
    maker, sources = make(), {"photographs/photo.png": tmp_path / "photo.png"}
    pair = pair_of(maker, tmp_path / "photo.png")
    maker.check([Pair.from_json(pair.to_json())], sources)
    maker.check([replace(pair, style_name="another", style_sha256="0")], sources)  # a further style is welcome
    others = {
        "pairs made with method=gatys, now method=negative": {"method": "gatys"},
        "pairs made with size=64, now size=40": {"settings": pair.settings | {"size": 64}},
        "pairs made with depth=None, now depth=": {"settings": {"size": 40, "style_size": 30}},
        "pairs of another painting called quilt": {"style_sha256": "0"},
        "pairs of another photographs/photo.png, elsewhere/photo.jpg": {"source": "elsewhere/photo.jpg"},
    }
    for message, changed in others.items():
        with pytest.raises(InputError, match=f"out holds {message}.*: give another --output"):
            maker.check([replace(pair, **changed)], sources)


# The manifest


def line(name: str, style: str = "quilt", seconds: float = 1.0) -> Pair:
    return Pair(f"{name}.png", "label.png", "style.png", style, "", "", "", "", "", "gatys", {}, {}, seconds, 1, 1)


ALL = [key_of(line(name)) for name in "abc"]
"""The pairs that are wanted: never all of them."""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_one_process_merges_sorted_by_style_and_photograph(tmp_path: Path):
    shard = Shard(tmp_path / "new/out")
    shard.open()
    for pair in (line("b"), line("a", "wave"), line("a")):
        shard.add(pair)
    assert len(made(shard.folder)) == 3
    assert shard.close(ALL) == made(shard.folder)
    assert names(shard.folder) == ["manifest.jsonl"]
    assert read_manifest(shard.folder) == [line("a"), line("b"), line("a", "wave")]


def test_a_torn_last_line_is_dropped(tmp_path: Path):
    first = Shard(tmp_path)
    first.open()
    first.add(line("a"))
    whole = first.part.read_bytes()
    first.part.write_bytes(whole + line("b").to_json().encode()[:-7])
    assert list(made(tmp_path)) == [("quilt", "a.png")]
    again = Shard(tmp_path)
    again.open()
    assert again.part.read_bytes() == whole
    again.add(line("b"))
    again.close(ALL)
    assert read_manifest(tmp_path) == [line("a"), line("b")]


def test_a_broken_line_in_the_middle_is_named(tmp_path: Path):
    (tmp_path / "manifest.3.jsonl").write_text(f"{line('a').to_json()}\n{{\n")
    with pytest.raises(InputError, match=r"manifest.3.jsonl, line 2: no JSON .*: delete it"):
        made(tmp_path)


def test_the_last_of_several_processes_merges(tmp_path: Path):
    shards = [Shard(tmp_path, rank, 3) for rank in range(3)]
    for shard in shards:
        shard.open()
        shard.add(line(str(shard.rank)))
    assert shards[1].close(ALL) is None
    assert shards[2].close(ALL) is None
    assert len(made(tmp_path)) == 3
    assert not (tmp_path / "manifest.jsonl").exists()
    shards[0].close(ALL)
    assert names(tmp_path) == ["manifest.jsonl"]
    assert read_manifest(tmp_path) == [line("0"), line("1"), line("2")]


def test_a_process_that_ends_before_another_starts_leaves_the_merge_to_it(tmp_path: Path):
    for rank in (0, 1):
        shard = Shard(tmp_path, rank, 2)
        shard.open()
        shard.add(line(str(rank)))
        assert (shard.close(ALL) is None) == (rank == 0)
    assert names(tmp_path) == ["manifest.jsonl"]
    assert read_manifest(tmp_path) == [line("0"), line("1")]


def test_nobody_waits_for_a_process_that_has_nothing_left_to_do(tmp_path: Path):
    busy, other = (Shard(tmp_path, rank, 2) for rank in range(2))
    busy.open()
    for name in "abc":
        busy.add(line(name))
    assert len(busy.close(ALL) or {}) == 3
    other.open()
    assert len(other.close(ALL) or {}) == 3
    assert names(tmp_path) == ["manifest.jsonl"]


def test_parts_of_a_killed_run_of_more_processes_are_merged_too(tmp_path: Path):
    for rank in range(3):
        shard = Shard(tmp_path, rank, 3)
        shard.open()
        shard.add(line(str(rank)))
    shard.close(ALL)  # the others are killed
    assert names(tmp_path) == ["manifest.0.jsonl", "manifest.1.jsonl", "manifest.2.closed.jsonl"]
    last = Shard(tmp_path)
    last.open()
    last.add(line("3"))
    assert len(last.close(ALL) or {}) == 4
    assert names(tmp_path) == ["manifest.jsonl"]
    assert [pair.photograph for pair in read_manifest(tmp_path)] == ["0.png", "1.png", "2.png", "3.png"]


def test_a_closed_part_is_taken_up_again(tmp_path: Path):
    other = Shard(tmp_path, 0, 2)
    other.open()
    for name in ("a", "b"):
        shard = Shard(tmp_path, 1, 2)
        shard.open()
        shard.add(line(name))
        assert shard.close(ALL) is None
    assert len(made(tmp_path)) == 2
    other.close(ALL)
    assert read_manifest(tmp_path) == [line("a"), line("b")]


def test_a_merge_killed_before_it_deleted_the_parts_doubles_no_pair(tmp_path: Path):
    (tmp_path / "manifest.jsonl").write_text(f"{line('a').to_json()}\n")
    (tmp_path / "manifest.0.closed.jsonl").write_text(f"{line('a').to_json()}\n")
    shard = Shard(tmp_path)
    shard.open()
    shard.close(ALL)
    assert (tmp_path / "manifest.jsonl").read_text() == f"{line('a').to_json()}\n"
    assert json.loads(line("a").to_json())["style_name"] == "quilt"


def test_no_pairs_make_no_manifest(tmp_path: Path):
    shard = Shard(tmp_path)
    shard.open()
    assert shard.close(ALL) == {}
    assert names(tmp_path) == []


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("words")
    with pytest.raises(InputError, match="cannot write .*manifest.0.jsonl: "):
        Shard(tmp_path / "file").open()
