r"""The comparison of a sample variance with the exact one, in two stages, the second on fresh rows.

.. math:: z = \frac{\ln s^2 - \ln \sigma^2}{\mathrm{SE}(\ln s^2)}

The law of the logarithm of a sample variance is near normal in its middle, but not out to one in a million. So a difference is
reported when two independent stages show it on the same side, each at the square root of the rate, by Student's law with 29
degrees of freedom, and when no single row holds much of the fourth moment from which the standard error is made: a sample that
has missed its tail has too small a variance, and too small a standard error.

Rates at a nominal 1e-6 and 32,768 rows a stage, from 20,000 to 40,000 simulated stages of each law: normal (4,096 rows) 7e-8,
exponential 1e-8, 1/p with probability p = .01 2e-8, lognormal with sigma = .5, .75 and 1: 3e-7, 4e-8 and 3e-9. Without the
limit on a share the last rate is 1.2e-5; a single stage had five times its nominal rate there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from scipy import stats

from ..verdicts import VarianceOutcome
from .moments import GROUPS, Moments
from .variance import measurable, single_row_dominates

__all__ = ["ExactVariance"]

MAX_SHARE = 0.05
"""The largest share of the fourth moment that one row may hold when a difference is reported."""

MARGIN = math.log(1.1)
"""The largest distance of the logarithms, error included, at which the variances are said to match."""


@dataclass(eq=False)
class ExactVariance:
    """The comparison of a cell's rows with the exact variance of one replicate.

    Attributes:
        exact: The variance that was computed.
        alpha: Probability of ``differs from exact`` where the exact variance is right, over both stages.
        floor: The variance that rounding alone may leave: below it, both variances count as zero.
        channel: The channel that is compared; -1 before the screen.
        outcome: ``matches exact`` (within a tenth, at the rate of a stage), ``differs from exact``, or ``measured`` (not yet
            compared, the tail was not seen, or the rows are too few).
        rows_wanted: The number of fresh rows of the second stage; 0 if there is no second stage.
        confirming: The moments of the second stage, once it is complete.

    Example:
        >>> import numpy as np
        >>> rows = np.random.default_rng(0).normal(size=(2, 10_000, 1))
        >>> test = ExactVariance(exact=2.0, alpha=1e-6)
        >>> test.screen(Moments.from_rows(rows[0]), channel=0)
        >>> test.rows_wanted
        10000
        >>> test.confirm(Moments.from_rows(rows[1]))
        >>> test.outcome
        'differs from exact'
    """

    exact: float
    alpha: float
    floor: float = 0.0
    channel: int = -1
    outcome: VarianceOutcome = "measured"
    rows_wanted: int = 0
    confirming: Moments | None = None
    _side: float = 0.0

    @property
    def screened(self) -> bool:
        """True if the first stage is over."""
        return self.channel >= 0

    @property
    def waiting(self) -> bool:
        """True if a second stage is due and not complete."""
        return self.rows_wanted > 0 and self.confirming is None

    def screen(self, moments: Moments, channel: int) -> None:
        """Compare the rows of the first stage: settle the outcome, or ask for as many fresh rows."""
        self.channel = channel
        side = self._side_of(moments)
        if side == 0:
            self.outcome = self._unconfirmed_outcome(moments)
        elif side is not None:
            self._side, self.rows_wanted = side, moments.count

    def confirm(self, moments: Moments) -> None:
        """Compare the rows of the second stage: the difference stands if it is found again on the same side."""
        self.confirming = moments
        side = self._side_of(moments)
        if side is not None:
            self.outcome = "differs from exact" if side == self._side else self._unconfirmed_outcome(moments)

    def _unconfirmed_outcome(self, moments: Moments) -> Literal["measured", "matches exact"]:
        """Return the outcome of a variance that was not confirmed to differ."""
        if self._rounding(moments):
            return "matches exact"
        if not (self.exact > 0 and measurable(moments, self.channel)):
            return "measured"
        off = abs(math.log(moments.variance[self.channel] / self.exact))
        return "matches exact" if off + self._reach(moments) <= MARGIN else "measured"

    def _rounding(self, moments: Moments) -> bool:
        return max(float(moments.variance[self.channel]), self.exact) <= self.floor

    def _reach(self, moments: Moments) -> float:
        """Return the distance that a stage allows on either side; the second too, although one side counts there."""
        rate = math.sqrt(self.alpha)
        return float(stats.t(GROUPS - 1).isf(rate / 2) * moments.log_variance_error()[self.channel])

    def _side_of(self, moments: Moments) -> float | None:
        """Return the side on which the sample lies: 1, -1, or 0 within the limits; None if the tail was not seen."""
        j = self.channel
        if self._rounding(moments):
            return 0.0
        if not moments.m2[j] > 0 or not measurable(moments, j):
            return None
        if self.exact > 0:
            distance = math.log(moments.variance[j] / self.exact)
            if abs(distance) <= self._reach(moments):
                return 0.0
            return None if single_row_dominates(moments, j, share=MAX_SHARE) else math.copysign(1.0, distance)
        return 1.0
