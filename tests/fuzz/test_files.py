"""Damaged images, networks, pickles, manifests: an InputError or what the file holds, soon, and no code runs."""

import io
import json
import os
import pickle
import resource
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from mutations import VALUES, damaged, replaced
from PIL import Image
from safetensors.torch import save
from support import picture

from stylenet.data.pairs import MANIFEST, read_manifest
from stylenet.errors import InputError
from stylenet.images import decode
from stylenet.networks.checkpoint import describe, load_network, save_network
from stylenet.networks.johnson import JohnsonNet

FORMATS = ["PNG", "JPEG", "WEBP", "TIFF", "GIF", "AVIF"]


class Evil:
    """A pickle that makes a folder when it is loaded without care."""

    def __reduce__(self):
        return os.mkdir, ("evil",)


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder in which no code may have run, and a limit of a gigabyte."""
    monkeypatch.chdir(tmp_path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert not Path("evil").exists()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1_000_000  # KB


def encoded(kind: str) -> bytes:
    file = io.BytesIO()
    pixels = picture(0)[0].mul(255).byte().permute(1, 2, 0).numpy()
    Image.fromarray(pixels).save(file, kind, **({"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0"} if kind == "JPEG" else {}))
    return file.getvalue()


def unless_refused(function: Callable[[], Any]) -> Any:
    """Return what a function returns, None where it refuses its input in one line."""
    try:
        return function()
    except InputError as error:
        message = str(error)
    assert "\n" not in message
    return None


def image_or_error(raw: bytes) -> None:
    image = unless_refused(lambda: decode(raw, "photo", max_pixels=50_000_000))
    if image is not None:
        assert image.dim() == 4
        assert image.shape[1] == 3
        assert 0 <= image.min() <= image.max() <= 1


@pytest.mark.parametrize("kind", FORMATS)
def test_damaged_images(kind: str):
    given(damaged(encoded(kind)))(image_or_error)()


@given(st.binary(max_size=200))
def test_bytes_that_are_no_image(raw: bytes):
    image_or_error(raw)


def network_or_error(raw: bytes, suffix: str) -> None:
    path = Path(f"net{suffix}")
    path.write_bytes(raw)
    loaded = unless_refused(lambda: load_network(path))
    if loaded is not None:
        network, metadata = loaded
        assert isinstance(metadata, dict)
        assert all(parameter.isfinite().all() for parameter in network.parameters())


def slim() -> tuple[bytes, dict]:
    """A small network's file, and its metadata."""
    network = JohnsonNet(width=1, blocks=1, num_styles=2)
    metadata = describe(network, styles=["one", "two"])
    save_network(network, "whole.safetensors", metadata)
    return Path("whole.safetensors").read_bytes(), metadata


def test_damaged_networks():
    given(damaged(slim()[0]))(lambda raw: network_or_error(raw, ".safetensors"))()


def test_metadata_that_no_training_writes():
    network = JohnsonNet(width=1, blocks=1, num_styles=2)
    state = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    metadata = describe(network, styles=["one", "two"])

    @given(replaced(metadata))
    def check(changed: object) -> None:
        network_or_error(save(state, {"stylenet": json.dumps(changed)}), ".safetensors")

    check()


def test_headers_of_safetensors():
    raw, _ = slim()
    length = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8 : 8 + length])
    header.pop("__metadata__")

    @given(replaced(header))
    def check(changed: object) -> None:
        text = json.dumps(changed).encode()
        network_or_error(struct.pack("<Q", len(text)) + text + raw[8 + length :], ".safetensors")

    check()


def test_damaged_pickles():
    network = JohnsonNet(width=1, blocks=1)
    file = io.BytesIO()
    state = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    torch.save({"state_dict": state, "stylenet": describe(network)}, file)
    given(damaged(file.getvalue()))(lambda raw: network_or_error(raw, ".ckpt"))()


KEYS = st.one_of(st.text(max_size=6), st.integers(-2, 2), st.none(), st.tuples(st.integers(0, 2)))
LEAVES = st.one_of(VALUES, st.just(Evil()), st.binary(max_size=8), st.just(torch.ones(2)), st.just(torch.float16))
OBJECTS = st.recursive(LEAVES, lambda inner: st.dictionaries(KEYS, inner, max_size=4), max_leaves=6)


@given(OBJECTS, st.sampled_from(["state_dict", "stylenet", "model", "x"]), st.booleans())
@example(Evil(), "state_dict", True)
def test_pickles_of_anything(content: object, key: str, modern: bool):
    file = io.BytesIO()
    torch.save({key: content}, file, _use_new_zipfile_serialization=modern)
    network_or_error(file.getvalue(), ".pth")


@given(st.binary(max_size=100))
@example(pickle.dumps(Evil(), 2))
def test_archives_with_another_pickle(program: bytes):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", program)
        archive.writestr("archive/version", "3\n")
    network_or_error(file.getvalue(), ".pt")


TEXTS = ["style_name", "source", "method", *(f"{name}_sha256" for name in ("photograph", "label", "style", "source"))]
PAIR = {"photograph": "photographs/0.png", "label": "labels/one/0.png", "style": "styles/one.png"}
PAIR |= dict.fromkeys(TEXTS, "x") | {"settings": {}, "losses": {}, "seconds": 1.0, "width": 8, "height": 8}


def elsewhere(part: str) -> st.SearchStrategy:
    """Lines of a manifest whose picture lies outside of its folder."""
    return st.sampled_from(["/etc/passwd", "../x.png", "labels/../../x.png", "~/x.png"]).map(
        lambda p: {**PAIR, part: p}
    )


@given(st.one_of(replaced(PAIR), st.sampled_from(["label", "photograph", "style"]).flatmap(elsewhere)))
def test_manifests_name_files_in_their_folder(line: object):
    Path(MANIFEST).write_text(json.dumps(line))
    for pair in unless_refused(lambda: read_manifest(".")) or []:
        for name in (pair.photograph, pair.label, pair.style):
            assert Path.cwd() in Path(name).resolve().parents


@pytest.mark.parametrize("bracket", ["[", '{"a":'])
def test_a_line_that_is_nested_without_end(bracket: str):
    Path(MANIFEST).write_text(bracket * 100_000)
    assert unless_refused(lambda: read_manifest(".")) is None
