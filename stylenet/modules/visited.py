"""Images that an optimiser visits on its way down the student's own loss."""

from collections.abc import Mapping

import torch
from torch import Tensor

from stylenet.losses.functional import gram, relative_error

Features = Mapping[str, Tensor]


class Visited:
    """Images on their way to a painting's Gram matrices, as far as the student sees.

    They move a step a training step, by Adam on the student's own loss: where that errs they go, and there the teacher
    corrects it. A run that is resumed starts with new ones.

    Args:
        count: Number of images.
        length: Steps of each, then it starts anew; their starts are spread over that time.
        rate: How far a pixel goes in a step, at most about this.
    """

    def __init__(self, count: int, length: int = 40, rate: float = 0.03) -> None:
        self.count, self.length, self.rate = count, length, rate
        self.images = torch.empty(0)  # (count, 3, H, W), free of bounds
        self._content: dict[str, Tensor] = {}
        self._grams: dict[str, Tensor] = {}

    def due(self, step: int) -> list[int]:
        """Return which images are to start at this step: all of them if there are none yet."""
        if not len(self.images):
            return list(range(self.count))
        return [index for index in range(self.count) if (step + index * self.length // self.count) % self.length == 0]

    def start(self, indices: list[int], images: Tensor, content: Features, style: Features, strength: Tensor) -> None:
        """Start some images anew.

        Args:
            indices: Which ones.
            images: Where they begin, (n, 3, H, W).
            content: The student's maps of n photographs that they are not to leave, by layer.
            style: The student's maps of n paintings, by layer.
            strength: Weight of the style of each, (n,).
        """
        if not len(self.images):
            self.images = images.new_empty(self.count, *images.shape[1:])
            self._mean, self._square = torch.zeros_like(self.images), torch.zeros_like(self.images)
            self._strength = images.new_empty(self.count)
            self._content = {name: maps.new_empty(self.count, *maps.shape[1:]) for name, maps in content.items()}
            self._grams = {name: maps.new_empty(self.count, *[maps.shape[1]] * 2) for name, maps in style.items()}
        self.images[indices], self._strength[indices] = images, strength
        self._mean[indices], self._square[indices] = 0, 0
        for name, maps in content.items():
            self._content[name][indices] = maps
        for name, maps in style.items():
            self._grams[name][indices] = gram(maps)

    def move(self, images: Tensor, maps: Features) -> None:
        """Move a step down the student's loss.

        Args:
            images: `self.images`, as they were given to the student, with their graph.
            maps: The student's maps of them.
        """
        content = [relative_error(maps[name], target) for name, target in self._content.items()]
        style = [relative_error(gram(maps[name]), target) for name, target in self._grams.items()]
        loss = torch.stack(content).mean(0) + self._strength * torch.stack(style).mean(0)
        (slope,) = torch.autograd.grad(loss.sum(), images, retain_graph=True)
        self._mean.lerp_(slope, 0.2)
        self._square.lerp_(slope.square(), 0.05)
        pace = self._mean / (self._square.sqrt() + 1e-12)
        self.images = images.detach() - self.rate * pace.clamp(-1, 1)
