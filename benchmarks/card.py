"""Figures of the model card: how checkpoints fare on held-out photographs, the untouched photographs as a row.

    python benchmarks/card.py checkpoints/starry_night.safetensors [--root PHOTOGRAPHS] [--val_count 40] [--size 256]

The judge is vgg19_16x (the file is looked for in STYLENET_WEIGHTS) unless told otherwise. Photographs are those that a
training with the same source and val_count held out. Networks of many styles get a row for each. Checkpoints may be
peers' files: give their style's name. AdaIN is for `stylenet evaluate`.
"""

import argparse
import sys
from pathlib import Path

import torch

from stylenet.cli.exits import guarded
from stylenet.data.datamodule import StylizationData
from stylenet.data.styles import find_style, load_style
from stylenet.features.backbones import get_backbone
from stylenet.features.extractor import FeatureExtractor
from stylenet.inference.stylizer import Stylizer
from stylenet.metrics import Judge, ssim
from stylenet.networks.checkpoint import load_network


def make_judge(style: str, style_size: int, backbone: str, weights: str) -> Judge:
    """Return the judge of one style, with the backbone's own layers."""
    spec = get_backbone(backbone)
    extractor = FeatureExtractor(backbone, [*dict.fromkeys([*spec.style_layers, *spec.content_layers])], weights)
    return Judge(extractor, load_style(find_style(style), style_size), spec.style_layers, spec.content_layers)


@torch.inference_mode()
def figures(judge: Judge, stylizer: Stylizer | None, photographs: torch.Tensor) -> dict[str, float]:
    """Return mean figures over photographs, (B, 3, H, W); without a stylizer, of the photographs themselves."""
    rows = []
    for photograph in photographs.split(1):
        image = stylizer(photograph) if stylizer else photograph
        found = judge(image, photograph) | {"ssim": ssim(image, photograph)}
        rows.append({name: float(value) for name, value in found.items()})
    return {name: sum(row[name] for row in rows) / len(rows) for name in rows[0]}


def _card() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoints", nargs="+")
    parser.add_argument("--style", help="of checkpoints that do not tell")
    parser.add_argument("--root", help="folder of photographs; by default the best source at hand")
    parser.add_argument("--val_count", type=int, default=40)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--backbone", default="vgg19_16x")
    parser.add_argument("--weights", default="imagenet")
    given = parser.parse_args()
    data = StylizationData(root=given.root, size=given.size, val_count=given.val_count)
    photographs = torch.cat(list(data.val_dataloader()))
    print(f"{len(photographs)} held-out photographs of {data.describe()}, {given.size} px, judge {given.backbone}\n")
    print("| style | image | Gram difference | content distance | SSIM |\n|---|---|---|---|---|")
    for path in given.checkpoints:
        _, metadata = load_network(path)
        many = metadata.get("styles", [])
        for style in [given.style] if given.style else many or [metadata["style"]]:
            judge = make_judge(style, metadata.get("style_size", given.size), given.backbone, given.weights)
            stylizer = Stylizer.from_checkpoint(path, "cpu", styles=[style] if many else [])
            for name, stylize in (("photograph", None), (Path(path).name, stylizer)):
                row = figures(judge, stylize, photographs)
                values = " | ".join(f"{row[key]:.3f}" for key in ("gram_difference", "content_distance", "ssim"))
                print(f"| {style} | {name} | {values} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(guarded(_card))
