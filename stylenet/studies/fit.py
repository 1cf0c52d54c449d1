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
    error, limit, slope, exponent = min((*_line(xs**-exponent, ys), exponent) for exponent in EXPONENTS.tolist())
    spread = float(np.square(ys - ys.mean()).sum())
    return PowerLaw(limit, slope, exponent, r2=1 - error / spread if spread else 1.0)


def _line(x: np.ndarray, y: np.ndarray) -> tuple[float, float, float]:
    """Return squared error, limit and slope of the line `y = limit + slope * x`, both (N,), of least squares."""
    columns = np.stack([np.ones_like(x), x], 1)  # (N, 2)
    limit, slope = np.linalg.lstsq(columns, y, rcond=None)[0]
    return float(np.square(columns @ [limit, slope] - y).sum()), float(limit), float(slope)
