"""Networks from and to the Hugging Face hub, for which a folder stands in."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from huggingface_hub import ModelCard
from huggingface_hub.errors import LocalEntryNotFoundError
from support import picture

from stylenet.errors import InputError
from stylenet.inference import hub
from stylenet.inference.stylizer import Stylizer
from stylenet.networks.adain import AdaIN
from stylenet.networks.checkpoint import describe, load_network, save_network
from stylenet.networks.johnson import JohnsonNet


@pytest.fixture
def remote(tmp_path, monkeypatch):
    """A folder that stands for the hub: repositories are uploaded to it and downloaded from it."""
    folder = tmp_path / "hub"

    class Api:
        def __init__(self, token=None):
            self.token = token

        def create_repo(self, repo_id, **options):
            return SimpleNamespace(repo_id=repo_id)

        def upload_folder(self, *, repo_id, folder_path, **options):
            shutil.copytree(folder_path, folder / repo_id)
            return f"commit of {repo_id}"

    def download(repo_id, filename, **options):
        if not (folder / repo_id / filename).is_file():
            raise LocalEntryNotFoundError("no such repository\nand more")
        return str(folder / repo_id / filename)

    monkeypatch.setattr("huggingface_hub.hub_mixin.HfApi", Api)
    monkeypatch.setattr(hub, "hf_hub_download", download)
    return folder


@pytest.fixture
def many(tmp_path):
    """The file of a network of two styles."""
    network = JohnsonNet(width=2, blocks=1, num_styles=2)
    metadata = describe(network, styles=["wave", "night"], steps=7)
    save_network(network, tmp_path / "many.safetensors", metadata)
    return tmp_path / "many.safetensors"


def test_a_network_goes_to_the_hub_and_comes_back(remote, many):
    given = Stylizer.from_checkpoint(many, "cpu", styles=["night"])
    assert given.push_to_hub("me/mine", private=True) == "commit of me/mine"
    assert sorted(path.name for path in (remote / "me/mine").iterdir()) == [
        "README.md", "config.json", "stylizer.safetensors",
    ]  # fmt: skip
    assert load_network(remote / "me/mine" / hub.FILE)[1] == load_network(many)[1]
    found = Stylizer.from_pretrained("me/mine", "cpu", styles=["night"])
    assert torch.equal(found(picture(0)), given(picture(0)))


def test_a_folder_is_read_as_a_repository_is(many, tmp_path):
    given = Stylizer.from_checkpoint(many, "cpu", styles=["wave"])
    given.save_pretrained(tmp_path / "saved")
    found = Stylizer.from_pretrained(str(tmp_path / "saved"), "cpu", styles=["wave"])
    assert torch.equal(found(picture(0)), given(picture(0)))


def test_a_network_that_was_never_in_a_file_is_saved_too(tmp_path):
    given = Stylizer(JohnsonNet(width=2, blocks=1), "cpu")
    given.save_pretrained(tmp_path)
    assert torch.equal(Stylizer.from_pretrained(str(tmp_path), "cpu")(picture(0)), given(picture(0)))


@pytest.mark.parametrize(
    ("network", "made", "words"),
    [
        (JohnsonNet(width=1), {"style": "night"}, ['in the style of night', 'from_pretrained("USER/REPOSITORY")']),
        (JohnsonNet(width=1, num_styles=2), {"styles": ["a", "b"]}, ["in the style of a, b", ', styles=["a"])']),
        (AdaIN("vgg16", "random", width=1), {}, ["in the style of any painting", ', styles=["painting.jpg"])']),
    ],
    ids=["one", "many", "any"],
)  # fmt: skip
def test_the_card_says_what_it_is(network, made, words, tmp_path):
    hub.HubNetwork(network, describe(network, **made)).save_pretrained(tmp_path)
    card = ModelCard.load(Path(tmp_path, "README.md"))
    assert (card.data.license, card.data.library_name) == ("apache-2.0", "stylenet")
    assert card.data.pipeline_tag == "image-to-image"
    assert {"style-transfer", "neural-style-transfer"} <= set(card.data.tags)
    for expected in words:
        assert expected in card.text


def test_a_name_that_no_repository_can_have_is_one_line():
    with pytest.raises(InputError, match=r"no network at a b \(.*\): give a folder"):
        Stylizer.from_pretrained("a b", "cpu")


def test_a_repository_that_cannot_be_had_is_one_line(remote, tmp_path):
    with pytest.raises(InputError, match=r"no network at me/none \(no such repository\): give a folder that holds"):
        Stylizer.from_pretrained("me/none", "cpu")
    with pytest.raises(InputError, match=r"no such file: .*stylizer\.safetensors"):
        Stylizer.from_pretrained(str(tmp_path), "cpu")
