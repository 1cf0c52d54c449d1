"""An optimizer for networks whose inputs are strongly correlated, as the colors of neighboring pixels are."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

POLYNOMIAL = (3.4445, -4.7750, 2.0315)
"""Of Jordan et al.: odd, it drives singular values in (0, 1] to about 1, in five rounds to within 0.7 and 1.2."""


def orthogonal(matrix: Tensor, rounds: int = 5) -> Tensor:
    """Return about `U V'` of a matrix `U S V'`, (m, n), by Newton-Schulz iteration."""
    linear, cubic, quintic = POLYNOMIAL
    wide = matrix if len(matrix) <= matrix.shape[1] else matrix.T
    wide = wide / (wide.norm() + 1e-12)
    for _ in range(rounds):
        square = wide @ wide.T
        wide = linear * wide + (cubic * square + quintic * square @ square) @ wide
    return wide if len(matrix) <= matrix.shape[1] else wide.T


class Muon(Optimizer):
    """Momentum whose steps are made orthogonal (Jordan et al. 2024), so that no direction of a layer waits for others.

    The mean color of images dominates every gradient, and edges wait. Convolutions are
    matrices of their outputs by all else; biases go by Adam. Steps have the size of Adam's, as in Liu et al. 2025
    (Moonlight), so that both share a rate. Of what has two dimensions or less, such as norms, Adam takes care as well.

    A step never changes the sum of a filter's weights (gradient centralization, Yong et al. 2020). Features behind a
    ReLU are positive: along their mean, one step of a filter with thousands of inputs moves its response by several
    times its size, and a few such steps close the next ReLU for good. The bias can move the mean, at its own pace.

    Args:
        parameters: Of convolutions, norms and biases; or groups of them, some with a rate of their own.
        lr: Learning rate.
        momentum: Share of the last step's direction that is kept.
    """

    def __init__(
        self, parameters: Iterable[Tensor] | Iterable[dict[str, Any]], lr: float = 3e-3, momentum: float = 0.95
    ) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # type: ignore[override]
        """Take a step; `closure` evaluates the loss and its gradients first."""
        with torch.enable_grad():
            loss = closure() if closure is not None else None
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.sub_(group["lr"] * self._direction(parameter, parameter.grad, group["momentum"]))
        return loss

    def _direction(self, parameter: Tensor, slope: Tensor, momentum: float) -> Tensor:
        """Return the step of one parameter at a rate of 1, after its state took in the gradient `slope`."""
        state = self.state[parameter]
        mean = state.setdefault("mean", torch.zeros_like(parameter))
        if parameter.ndim > 2:
            mean.mul_(momentum).add_(slope)
            matrix = (slope + momentum * mean).flatten(1)  # Nesterov's
            return orthogonal(matrix - matrix.mean(1, keepdim=True)).view_as(parameter) * 0.2 * max(matrix.shape) ** 0.5
        square = state.setdefault("square", torch.zeros_like(parameter))
        state["steps"] = state.get("steps", 0) + 1
        mean.lerp_(slope, 0.1)
        square.lerp_(slope.square(), 0.001)
        deviation = (square / (1 - 0.999 ** state["steps"])).sqrt()
        return mean / (1 - 0.9 ** state["steps"]) / (deviation + 1e-8)
