"""Distillation: a small network learns to see what a large one sees."""

import copy
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torchmetrics.functional.regression import spearman_corrcoef

from stylenet.data.styles import known_styles, load_style
from stylenet.errors import InputError, unknown
from stylenet.features.extractor import FeatureExtractor
from stylenet.features.vgg_small import VGGSmall
from stylenet.features.weights import read_file
from stylenet.images import list_images
from stylenet.losses.functional import gram, relative_error
from stylenet.modules.disturb import disturb, random_crop
from stylenet.modules.lessons import LESSONS
from stylenet.modules.muon import Muon
from stylenet.modules.train import TrainModule, describe_network, named_network
from stylenet.modules.visited import Visited
from stylenet.networks.checkpoint import KEY, describe, read_metadata


def read_student(path: str | Path) -> dict[str, Any]:
    """Return the metadata of a student's file or of a Lightning checkpoint of its training.

    Raises:
        InputError: The file is missing, unsafe or holds something else.
    """
    path = Path(path)
    content = read_file(path)
    metadata = read_metadata(path) if path.suffix == ".safetensors" else content.get(KEY)
    if not isinstance(metadata, dict) or metadata.get("class") != VGGSmall.__name__:
        raise InputError(f"{path} holds no student: give a last.ckpt of a training with model=distill")
    return metadata


class DistillModule(TrainModule):
    """Train a small loss network, the student, to see what a large one, the teacher, sees.

    The student's lifted maps and their Gram matrices match the teacher's (relative errors). It learns from photographs,
    paintings, what `stylenet.modules.disturb` makes of them, and images that an optimiser visits on its way down the
    student's own loss (`stylenet.modules.visited`), so that what minimises its loss minimises the teacher's.

    Sources: Hinton et al. 2015 (distillation), Romero et al. 2015 (hints), Wang et al. 2020 (for style transfer).

    Args:
        teacher: `vgg16`, `vgg19` or `vgg19_16x`.
        weights: Of the teacher: `imagenet`, `random` or a file.
        paintings: Folder of paintings; by default every style that has a name.
        painting_size: Pixels of the short side of a painting, of which crops are taken.
        visited: Images on an optimiser's way, in addition to each batch.
        gram_weight: Weight of the error of Gram matrices.
        hint_weight: Weight of the error of narrow maps, where teacher and student have as many channels.
        lr: Learning rate of Muon; it grows over 200 steps and falls along a cosine over the whole training.
        recipe: Name of the recipe in use, kept in the checkpoint.

    Raises:
        InputError: An unknown teacher, weights that cannot be had, or no paintings.
    """

    run = "distill"
    slim = "student.safetensors"

    def __init__(
        self,
        teacher: str = "vgg16",
        weights: str = "imagenet",
        paintings: str | None = None,
        painting_size: int = 320,
        visited: int = 2,
        gram_weight: float = 1.0,
        hint_weight: float = 1.0,
        lr: float = 3e-3,
        recipe: str | None = None,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        if teacher not in LESSONS:
            raise unknown("teacher", teacher, LESSONS)
        if visited < 1:
            raise InputError(f"visited is {visited}: give at least 1")
        self.lesson = LESSONS[teacher]
        self.network = VGGSmall(list(self.lesson.lifts))
        self.keep_outside(FeatureExtractor(teacher, self.lesson.layers, weights))
        files = list_images(Path(paintings).expanduser()) if paintings else list(known_styles().values())
        if not files:
            raise InputError("no paintings: name a folder of them with model.paintings")
        self.paintings = [load_style(path, painting_size) for path in files]
        self.visited = Visited(visited)
        self.metadata = self._describe(teacher, weights)

    def _describe(self, teacher: str, weights: str) -> dict[str, Any]:
        """Return the metadata of every checkpoint."""
        return describe(
            self.network,
            teacher=describe_network(teacher, weights),
            paintings=len(self.paintings),
            recipe=self.hparams["recipe"],
        )

    @staticmethod
    def check(path: str | Path) -> None:
        """Raise an InputError for a checkpoint that holds no student."""
        read_student(path)

    @property
    def teacher(self) -> FeatureExtractor:
        """The network that is imitated."""
        (teacher,) = self._outside
        assert isinstance(teacher, FeatureExtractor)
        return teacher

    def ingredients(self) -> dict[str, str]:
        """Return the teacher and the paintings; see `TrainModule.ingredients`."""
        where = self.hparams["paintings"] or "the styles that have a name"
        teacher = named_network(self.metadata["teacher"], "teacher")
        return {"teacher": teacher, "paintings": f"{len(self.paintings)} ({where})"}

    def finished(self) -> nn.Module:
        """Return the student in 16 bits."""
        return copy.deepcopy(self.network).half()

    def training_step(self, photographs: Tensor, batch_idx: int) -> Tensor:
        """Return the loss of what is made of a batch of photographs, (B, 3, H, W) in [0, 1]."""
        errors = self._lesson_of(photographs, self.global_step)
        self.log_dict({f"train/{name}": value.detach() for name, value in errors.items()}, prog_bar=True)
        return self._total(errors)

    def trial(self, photographs: Tensor) -> Tensor:
        """Return the loss of a batch; see `TrainModule.trial`."""
        return self._total(self._lesson_of(photographs, 0))

    def _total(self, errors: Mapping[str, Tensor]) -> Tensor:
        weights = {"feature_error": 1.0, "gram_error": self.hparams["gram_weight"]}
        weights["hint_error"] = self.hparams["hint_weight"]
        return torch.stack([weights[name] * error for name, error in errors.items()]).sum()

    def _lesson_of(self, photographs: Tensor, step: int) -> dict[str, Tensor]:
        """Return the errors at images made of photographs, and move the visited ones; all chance hangs on the step."""
        generator = torch.Generator().manual_seed(step * self._world() + self._rank())
        paintings = self._crops(len(photographs), photographs, generator)
        pairs = zip(photographs.split(1), paintings.split(1), strict=True)
        images = torch.cat([disturb(photograph, painting, generator) for photograph, painting in pairs])
        self._start_visits(step, images, photographs, paintings, generator)
        visited = self.visited.images.requires_grad_()
        maps, seen = self.network(images), self.network(visited)
        self.visited.move(visited, seen)
        with torch.no_grad():
            targets = self.teacher(torch.cat([images, visited]))
        both = {name: torch.cat([maps[name], seen[name]]) for name in maps}
        return self.lesson.errors(both, targets, generator)

    def _world(self) -> int:
        return self._trainer.world_size if self._trainer else 1

    def _rank(self) -> int:
        return self._trainer.global_rank if self._trainer else 0

    def _crops(self, count: int, like: Tensor, generator: torch.Generator) -> Tensor:
        """Return parts of paintings drawn at random, (count, 3, H, W), of the size of photographs."""
        choice = torch.randint(len(self.paintings), (count,), generator=generator).tolist()
        return torch.cat([random_crop(self.paintings[i], like.shape[-1], generator) for i in choice]).to(like)

    @torch.no_grad()
    def _start_visits(
        self, step: int, images: Tensor, photographs: Tensor, paintings: Tensor, generator: torch.Generator
    ) -> None:
        """Start the visited images that are due: from images of the batch, towards its photographs and paintings."""
        due = self.visited.due(step)
        if not due:
            return
        some = [index % len(images) for index in range(len(due))]
        content, style = self.network(photographs[some]), self.network(paintings[some])
        strength = 100 ** torch.rand(len(due), generator=generator).to(images)
        kept = {self.lesson.content: content[self.lesson.content]}
        self.visited.start(due, images[some], kept, {name: style[name] for name in self.lesson.pairs}, strength)

    def on_validation_epoch_start(self) -> None:
        """Begin new ranks; the paintings are the same every time."""
        self._seen: list[tuple[Tensor, Tensor]] = []

    def validation_step(self, photographs: Tensor, batch_idx: int) -> None:
        """Log the errors at photographs never trained on, as they are and disturbed."""
        generator = torch.Generator().manual_seed(batch_idx)
        paintings = self._crops(len(photographs), photographs, generator)
        pairs = zip(photographs.split(1), paintings.split(1), strict=True)
        disturbed = torch.cat([disturb(photograph, painting, generator) for photograph, painting in pairs])
        batch = torch.cat([photographs, disturbed, paintings])
        maps, targets = self.network(batch), self.teacher(batch)
        errors = self.lesson.errors(maps, targets)
        values = {f"val/{name}": value for name, value in errors.items()}
        self.log_dict(values, batch_size=len(photographs), sync_dist=True)
        self._seen.append(
            (
                _style_losses(maps, list(self.lesson.pairs), len(paintings)),
                _style_losses(targets, list(self.lesson.pairs.values()), len(paintings)),
            )
        )

    def on_validation_epoch_end(self) -> None:
        """Log how well the student ranks the style losses of all pairs of an image and a painting."""
        own, its = (torch.cat(losses) for losses in zip(*self._seen, strict=True))
        self.log("val/style_rank", spearman_corrcoef(own.float(), its.float()), prog_bar=True, sync_dist=True)

    def configure_optimizers(self) -> Any:
        """Return Muon and a schedule by LambdaLR, which stays at its end when resumed past it."""
        optimizer = Muon(self.network.parameters(), self.hparams["lr"])
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, Cosine(self.trainer.estimated_stepping_batches))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def _style_losses(maps: Mapping[str, Tensor], layers: list[str], count: int) -> Tensor:
    """Return the relative style losses of all pairs of an image and a painting; the last `count` are paintings."""
    losses = []
    for layer in layers:
        matrices = gram(maps[layer])
        images, paintings = matrices[:-count], matrices[-count:]
        losses.append(torch.cat([relative_error(images, painting.unsqueeze(0)) for painting in paintings]))
    return torch.stack(losses).mean(0)


class Cosine:
    """A factor that grows linearly over 200 steps and falls along a cosine, to a two-hundredth after `steps`."""

    def __init__(self, steps: float) -> None:
        self.steps = steps

    def __call__(self, step: int) -> float:
        """Return the factor at a step."""
        fallen = (1 + math.cos(math.pi * min(1.0, step / self.steps))) / 2
        return min(1.0, (step + 1) / 200) * (0.005 + 0.995 * fallen)
