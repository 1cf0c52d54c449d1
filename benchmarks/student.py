"""How well a student stands in for its teacher: the ranks of its losses, and what it drives the optimiser to.

    python benchmarks/student.py --paintings FOLDER_OF_PAINTINGS
    python benchmarks/student.py --paintings FOLDER --weights checkpoints/distill/version_0/student.safetensors

Photographs are those held out by `data.val_count=40` of the best source at hand; give paintings that the student never
saw. Both tables are Markdown. In the second, Gatys' method is driven by the teacher and by the student, and both images
are judged by the teacher.
"""

import argparse
import sys
from pathlib import Path

import torch
from scipy.stats import spearmanr

from stylenet.cli.exits import guarded
from stylenet.data.datamodule import StylizationData
from stylenet.data.styles import load_style
from stylenet.features.extractor import FeatureExtractor
from stylenet.gatys.optimize import optimize
from stylenet.images import grid, list_images, save_image
from stylenet.losses.options import LossOptions
from stylenet.losses.perceptual import PerceptualLoss, group_of
from stylenet.metrics import Judge
from stylenet.modules.disturb import disturb, random_crop
from stylenet.modules.lessons import LESSONS, Lesson

DISTURBED = 3
"""Images made of each photograph, of which losses are ranked."""
FIGURES = ("gram_difference", "content_distance")
Losses = tuple[PerceptualLoss, PerceptualLoss]  # the teacher's and the student's


def both_losses(lesson: Lesson, extractors: list[FeatureExtractor], painting: torch.Tensor, weight: float) -> Losses:
    """Return the loss of the teacher and that of the student at the same places."""
    layers = (list(lesson.pairs.values()), [lesson.teachers_content]), (list(lesson.pairs), [lesson.content])
    teacher, student = (
        PerceptualLoss(
            extractor, painting, LossOptions(style_layers=styles, content_layers=contents, style_weight=weight)
        )
        for extractor, (styles, contents) in zip(extractors, layers, strict=True)
    )
    return teacher, student


def sums(loss: PerceptualLoss, images: torch.Tensor, photographs: torch.Tensor) -> dict[str, list[float]]:
    """Return the style and the content loss of each image, unweighted."""
    terms = loss.per_item(images, loss.targets(photographs))
    return {
        group: torch.stack([term for name, term in terms.items() if group_of(name) == group]).sum(0).tolist()
        for group in ("style", "content")
    }


@torch.no_grad()
def ranks(
    lesson: Lesson, extractors: list[FeatureExtractor], photographs: torch.Tensor, paintings: list[torch.Tensor]
) -> None:
    """Print Spearman's rank correlation of the two losses over photographs, disturbed ones and paintings."""
    generator = torch.Generator().manual_seed(0)
    crops = [random_crop(painting, photographs.shape[-1], generator) for painting in paintings]
    images = [
        disturb(photograph, crops[(i + turn) % len(crops)], generator)
        for turn in range(DISTURBED)
        for i, photograph in enumerate(photographs.split(1))
    ]
    candidates, originals = torch.cat([photographs, *images]), torch.cat([photographs] * (DISTURBED + 1))
    found: dict[str, tuple[list[float], list[float]]] = {"style": ([], []), "content": ([], [])}
    for index, painting in enumerate(paintings):
        for side, loss in enumerate(both_losses(lesson, extractors, painting, 1.0)):
            values = sums(loss, candidates, originals)
            found["style"][side].extend(values["style"])
            if not index:  # the content does not depend on the painting; untouched photographs have none
                found["content"][side].extend(values["content"][len(photographs) :])
    print("| loss | pairs | rank correlation | student's over teacher's, median |\n|---|---|---|---|")
    for group, (its, own) in found.items():
        ratio = (torch.tensor(own) / torch.tensor(its)).nanmedian()
        print(f"| {group} | {len(own)} | {spearmanr(own, its).statistic:.4f} | {ratio:.3f} |", flush=True)


def gatys(
    given: argparse.Namespace,
    lesson: Lesson,
    extractors: list[FeatureExtractor],
    photographs: torch.Tensor,
    paintings: list[torch.Tensor],
) -> None:
    """Print what the teacher says of images optimised by its own loss and by the student's."""
    print("\n| photograph and painting | driven by | Gram difference | content distance |\n|---|---|---|---|")
    totals: dict[str, list[tuple[float, ...]]] = {"none": [], "teacher": [], "student": []}
    sheet = []
    for i in range(given.pairs):
        photograph, painting = photographs[i : i + 1], paintings[i % len(paintings)]
        losses = both_losses(lesson, extractors, painting, given.style_weight)
        judge = Judge(extractors[0], painting, tuple(lesson.pairs.values()), (lesson.teachers_content,))
        images = [photograph, *[optimize(photograph, painting, loss, steps=given.steps).image for loss in losses]]
        for driver, image in zip(totals, images, strict=True):
            figures = judge(image, photograph)
            totals[driver].append(tuple(float(figures[name]) for name in FIGURES))
            print(f"| {i} | {driver} | {totals[driver][-1][0]:.4f} | {totals[driver][-1][1]:.4f} |", flush=True)
        sheet.append([painting[..., : given.size, : given.size], *images])
    means = {driver: torch.tensor(rows).mean(0) for driver, rows in totals.items()}
    for driver, (style, content) in means.items():
        print(f"| mean | {driver} | {style:.4f} | {content:.4f} |")
    style, content = (means["student"] / means["teacher"] - 1) * 100
    print(f"\nDriven by the student: Gram difference {style:+.1f} %, content distance {content:+.1f} %")
    if given.output:
        save_image(grid(sheet), given.output)


def _student() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--paintings", required=True, help="folder of paintings")
    parser.add_argument("--weights", default="bundled", help="of the student")
    parser.add_argument("--teacher", default="vgg19_16x", choices=LESSONS)
    parser.add_argument("--teacher_weights", default="imagenet")
    parser.add_argument("--root", help="folder of photographs; by default the best source at hand")
    parser.add_argument("--size", type=int, default=160, help="pixels of a side")
    parser.add_argument("--steps", type=int, default=80, help="of the optimiser")
    parser.add_argument(
        "--pairs", type=int, default=4, help="that are optimised; and paintings that losses are ranked for"
    )
    parser.add_argument("--style_weight", type=float, default=5.0)
    parser.add_argument("--output", help="picture of painting, photograph, the teacher's and the student's image")
    given = parser.parse_args()
    lesson = LESSONS[given.teacher]
    data = StylizationData(root=given.root, size=given.size, val_count=40)
    photographs = torch.cat(list(data.val_dataloader()))
    paintings = [load_style(path, given.size) for path in list_images(Path(given.paintings))]
    extractors = [
        FeatureExtractor(given.teacher, lesson.layers, given.teacher_weights),
        FeatureExtractor("vgg_small", list(dict.fromkeys([*lesson.pairs, lesson.content])), given.weights),
    ]
    print(f"{len(photographs)} held-out photographs, {len(paintings)} paintings, {given.size} px, {given.teacher}\n")
    ranks(lesson, extractors, photographs, paintings[: given.pairs])
    gatys(given, lesson, extractors, photographs, paintings)
    return 0


if __name__ == "__main__":
    sys.exit(guarded(_student))
