"""What each teacher is asked, and how far the student is from its answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from stylenet.features.vgg_small import PLACES
from stylenet.losses.functional import gram, relative_error

Features = Mapping[str, Tensor]

HINT_SCALE = 0.125
"""Narrow maps of vgg19_16x reach tens, far from where the student starts: its own are an eighth of them."""

GRAM_CHANNELS = 64
"""A training step compares Gram matrices of so many channels, drawn at random: whole ones cost more than the nets."""


@dataclass(frozen=True)
class Lesson:
    """What a teacher is asked.

    Attributes:
        lifts: The student's places with an embedding, mapped to the teacher's layers that these imitate.
        hints: The student's narrow maps, mapped to the teacher's that have as many channels (Romero et al. 2015).
        content: The student's layer that stands for the content.
    """

    lifts: Mapping[str, str]
    hints: Mapping[str, str] = field(default_factory=dict)
    content: str = "lift3_1"

    @property
    def pairs(self) -> dict[str, str]:
        """The student's lifted maps and the teacher's layers."""
        return {f"lift{place}": layer for place, layer in self.lifts.items()}

    @property
    def layers(self) -> list[str]:
        """Every layer of the teacher that is read, once."""
        return list(dict.fromkeys([*self.lifts.values(), *self.hints.values()]))

    @property
    def teachers_content(self) -> str:
        """The teacher's layer that stands for the content."""
        return (self.pairs | dict(self.hints))[self.content]

    def errors(self, maps: Features, targets: Features, generator: torch.Generator | None = None) -> dict[str, Tensor]:
        """Return the relative errors of features and Gram matrices, each the mean over items and layers.

        Args:
            maps: The student's.
            targets: The teacher's, of the same images.
            generator: Draws the channels whose Gram matrices are compared; without it all are.
        """
        lifts = [(maps[own], targets[its]) for own, its in self.pairs.items()]
        errors = {"feature_error": [_feature_error(maps, own, targets[its]) for own, its in self.pairs.items()]}
        errors["gram_error"] = [_gram_error(own, its, generator) for own, its in lifts]
        if self.hints:
            errors["hint_error"] = [
                _feature_error(maps, own, HINT_SCALE * targets[its]) for own, its in self.hints.items()
            ]
        return {name: torch.stack(values).mean() for name, values in errors.items()}


LESSONS = {
    "vgg16": Lesson({place: f"relu{place}" for place in ("1_2", "2_2", "3_3", "4_1", "4_3")}, content="lift2_2"),
    "vgg19": Lesson({place: f"relu{place}" for place in ("1_1", "2_1", "3_1", "4_1", "4_2")}, content="lift4_2"),
    "vgg19_16x": Lesson(
        {place: f"lift{place}" for place in ("1_1", "2_1", "3_1", "4_1")},
        {f"relu{place}": f"relu{place}" for place in PLACES[: PLACES.index("4_1") + 1]},
        content="relu3_1",
    ),
}
"""The teachers, each with the layers at which the losses read it."""


def _feature_error(maps: Features, layer: str, target: Tensor) -> Tensor:
    """Return the relative error of each item, (B,), before the ReLU where the teacher's is on.

    `(z - t)^2` where the target t > 0, else `max(z, 0)^2`, over the sum of `t^2`: the teacher's zeros are reached by
    any z below, and a unit that is off where it should be on has a slope. (After the ReLU it has none, and of 32 units
    20 stayed off for good.) A one-sided loss as in Heo et al. 2019.
    """
    before = maps[layer.replace("relu", "conv").replace("lift", "embed")]
    return relative_error(torch.where(target > 0, before, maps[layer]), target)


def _gram_error(own: Tensor, its: Tensor, generator: torch.Generator | None) -> Tensor:
    """Return the relative error of each item's Gram matrix, (B,)."""
    if generator is not None:
        some = torch.randperm(own.shape[1], generator=generator)[:GRAM_CHANNELS].to(own.device)
        own, its = own[:, some], its[:, some]
    return relative_error(gram(own), gram(its))
