r"""An alarm for a mean vector in any direction: every batch is compared with the sum of those before it.

Under a mean of zero the projections of each batch on the direction of the earlier sum,

.. math:: z_k = \langle s_k, S_{k-1} \rangle / |S_{k-1}|,

are martingale differences, whatever the covariance and however many coordinates there are. Under a mean b they drift upwards,
once the earlier sum points towards b. So one studentised sequence with one sign watches all directions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .batches import Batches
from .confidence import boundary, hall_inverse

__all__ = ["Drift"]

Array = NDArray[np.float64]

LEAST_STEPS = 50  # projections before their mean is trusted to be near normal
MAX_SHARE = 0.1  # if one projection holds more of the sum of squares than this, the tail has not been seen


@dataclass(frozen=True, eq=False, kw_only=True)
class Drift:
    """The drift of batch sums along the sum of the batches before them.

    Attributes:
        total: The sum of all rows ``[d]``.
        rows: The number of rows.
        steps: The number of projections.
        sums: The sums of the projections, of their squares and of their cubes.
        farthest: The largest square of a projection.
    """

    total: Array
    rows: int = 0
    steps: int = 0
    sums: tuple[float, float, float] = (0.0, 0.0, 0.0)
    farthest: float = 0.0

    @classmethod
    def empty(cls, size: int) -> Drift:
        """Return the drift of no rows of ``size`` coordinates."""
        return cls(total=np.zeros(size))

    def extend(self, batches: Batches) -> Drift:
        """Return the drift with further batches, in their order."""
        if not len(batches.rows):
            return self
        running = self.total + np.cumsum(batches.errors, axis=0)
        before = np.concatenate([self.total[None], running[:-1]])
        length = np.sqrt((before * before).sum(axis=1))
        with np.errstate(invalid="ignore", divide="ignore"):
            along = (batches.errors * before).sum(axis=1) / length
        along = along[length > 0]
        powers = tuple(old + float((along**power).sum()) for power, old in zip((1, 2, 3), self.sums, strict=True))
        return Drift(
            total=running[-1],
            rows=self.rows + batches.count,
            steps=self.steps + len(along),
            sums=(powers[0], powers[1], powers[2]),
            farthest=max(self.farthest, float((along**2).max(initial=0.0))),
        )

    @property
    def open(self) -> bool:
        """True if there are fifty projections, and none holds more than a tenth of the sum of squares.

        The rows' own tails are the coordinates' to watch: a caller asks this of rows whose coordinates are open.
        """
        return self.steps >= LEAST_STEPS and 0 < self.farthest <= MAX_SHARE * self.sums[1]

    @property
    def direction(self) -> Array:
        """The unit vector along the sum of all rows ``[d]``; zero if the sum is zero."""
        length = math.sqrt(float((self.total * self.total).sum()))
        return self.total / length if length > 0 else np.zeros_like(self.total)

    def alarms(self, start: int, alpha: float) -> bool:
        """True if the projections have drifted upwards so far that a mean of zero is rejected at this look.

        Args:
            start: The number of rows at the first look at which the sequence was open.
            alpha: The error rate of the whole sequence. One sign counts, so the two-sided boundary has twice that rate.
        """
        mean, square, cube = (value / self.steps for value in self.sums)
        variance = square - mean * mean
        if not (self.open and variance > 0):
            return False
        skewness = (cube - 3 * mean * square + 2 * mean**3) / variance**1.5
        critical = boundary(self.rows, start, 2 * alpha)
        lower = mean - math.sqrt(variance / self.steps) * float(hall_inverse(critical, skewness, self.steps))
        return lower > 0
