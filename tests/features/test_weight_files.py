"""Which layouts of weights files are read, and which are refused."""

import os

import pytest
import torch
from safetensors.torch import save_file

from stylenet.errors import InputError
from stylenet.features.backbones import BACKBONES
from stylenet.features.extractor import FeatureExtractor
from stylenet.features.weights import read_tensors

LAYOUTS = {
    "torchvision": lambda state: state,
    "lightning": lambda state: {"epoch": 1, "state_dict": {f"model.{key}": value for key, value in state.items()}},
    "robustness": lambda state: {
        "model": {f"module.model.{key}": value for key, value in state.items()}
        | {f"module.attacker.model.{key}": value + 1 for key, value in state.items()}
        | {"module.normalizer.new_mean": torch.zeros(3, 1, 1), "module.normalizer.new_std": torch.ones(3, 1, 1)},
        "optimizer": {"lr": 0.1},
        "epoch": 90,
    },
    "half": lambda state: {key: value.half() for key, value in state.items()},
}


@pytest.mark.parametrize("modern", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_of_state_dicts(layout, modern, tiny, state, tmp_path, first_bias):
    path = tmp_path / "weights.pth"
    torch.save(LAYOUTS[layout](state), path, _use_new_zipfile_serialization=modern)
    expected = state["features.0.bias"].half().float() if layout == "half" else state["features.0.bias"]
    bias = first_bias(str(path))
    assert bias.dtype == torch.float32
    assert torch.equal(bias, expected)


def test_safetensors_by_path_and_by_name(tiny, state, tmp_path, monkeypatch, first_bias):
    save_file(state, tmp_path / "mine.safetensors")
    assert torch.equal(first_bias(str(tmp_path / "mine.safetensors")), state["features.0.bias"])
    monkeypatch.setenv("STYLENET_WEIGHTS", str(tmp_path))
    assert torch.equal(first_bias("mine.safetensors"), state["features.0.bias"])


def test_features_use_the_weights_that_were_read(tiny, state, tmp_path):
    torch.save(state, tmp_path / "weights.pth")
    reference = BACKBONES["tiny"].build()
    reference.load_state_dict(state)
    image = torch.rand(1, 3, 16, 16)
    mean, std = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]]).view(2, 3, 1, 1)
    features = FeatureExtractor("tiny", ("relu1_2",), str(tmp_path / "weights.pth"))(image)["relu1_2"]
    torch.testing.assert_close(features, reference.features((image - mean) / std))


def test_wrong_shapes_are_refused_by_the_tensor_that_is_wrong(tiny, state, tmp_path, refusal):
    torch.save(state | {"features.2.weight": torch.zeros(6, 4, 3, 3)}, tmp_path / "wide.pth")
    message = refusal(str(tmp_path / "wide.pth"))
    assert message.startswith(str(tmp_path / "wide.pth"))
    assert message.endswith("no features.2.weight of shape (5, 4, 3, 3)")


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("features.0.weight", "does not fit this backbone: no features.0.weight of shape"),
        ("features.2.bias", "part.pth holds no features.2.bias: ask for other layers"),
    ],
)
def test_missing_tensors_are_refused(missing, message, tiny, state, tmp_path, refusal):
    del state[missing]
    torch.save(state, tmp_path / "part.pth")
    assert message in refusal(str(tmp_path / "part.pth"))


class Evil:
    """Makes a folder when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("modern", [True, False], ids=["zip", "legacy"])
def test_a_malicious_pickle_is_refused_and_not_executed(modern, tiny, state, tmp_path, refusal):
    state["evil"] = Evil(str(tmp_path / "done"))
    torch.save(state, tmp_path / "e.pth", _use_new_zipfile_serialization=modern)
    assert "cannot be read safely" in refusal(str(tmp_path / "e.pth"))
    assert not (tmp_path / "done").exists()


@pytest.mark.parametrize("layout", ["zip", "legacy", "safetensors"])
def test_truncated_files_are_refused(layout, tiny, state, tmp_path):
    path = tmp_path / ("whole.safetensors" if layout == "safetensors" else "whole.pth")
    if layout == "safetensors":
        save_file(state, path)
    else:
        torch.save(state, path, _use_new_zipfile_serialization=layout == "zip")
    whole = path.read_bytes()
    for length in range(0, len(whole) - 1, max(1, len(whole) // 50)):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match="cannot be read safely"):
            read_tensors(path)


def test_a_file_of_something_else_is_refused(tiny, tmp_path, refusal):
    torch.save(torch.zeros(3), tmp_path / "tensor.pth")
    assert refusal(str(tmp_path / "tensor.pth")).endswith("holds no state dict")
    (tmp_path / "page.pth").write_text("<html>404</html>")
    assert "cannot be read safely" in refusal(str(tmp_path / "page.pth"))
