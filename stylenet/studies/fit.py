"""The trade-off of steps and closeness: a power law, fitted."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

EXPONENTS = np.geomspace(0.05, 5, 400)


@dataclass(frozen=True)
class PowerLaw:
    """`y = limit + slope * x^-exponent`.

    Args:
        limit: What y tends to.
        slope: Distance from that at x = 1.
        exponent: How fast it gets there.
        r2: Share of the variance that is explained.
    """

    limit: float
    slope: float
    exponent: float
    r2: float

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Return y."""
        return self.limit + self.slope * x**-self.exponent

    def __str__(self) -> str:
        sign = "-" if self.slope < 0 else "+"
        return f"{self.limit:.3g} {sign} {abs(self.slope):.3g} n^-{self.exponent:.2f} (R² {self.r2:.3f})"

    @property
    def nine_tenths(self) -> float:
        """The x at which nine tenths of the way from x = 1 to the limit are gone."""
        return 10 ** (1 / self.exponent)


def fit_power_law(x: Sequence[float], y: Sequence[float]) -> PowerLaw | None:
    """Return the power law of the least squared error, None where there are fewer than four points.

    The exponent is searched for on a grid from 0.05 to 5; limit and slope are solved for.

    Args:
        x: More than 0.
        y: As many values.
    """
    if len(x) < 4:
        return None
    xs, ys = np.asarray(x, float), np.asarray(y, float)
    best: tuple[float, float, float, float] | None = None
    for exponent in EXPONENTS:
        columns = np.stack([np.ones_like(xs), xs**-exponent], 1)
        solution = np.linalg.lstsq(columns, ys, rcond=None)[0]
        error = float(np.square(columns @ solution - ys).sum())
        if best is None or error < best[0]:
            best = error, float(solution[0]), float(solution[1]), float(exponent)
    assert best is not None
    spread = float(np.square(ys - ys.mean()).sum())
    return PowerLaw(*best[1:], r2=1 - best[0] / spread if spread else 1.0)
