"""A mean over seeds and its interval."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from ..record.study import Series

__all__ = ["CONFIDENCE", "Spread", "describe_span", "make_curve"]

CONFIDENCE = 0.95
"""The confidence of every interval over seeds."""


@dataclass(frozen=True, kw_only=True)
class Spread:
    """A mean over seeds with its Student interval, which is the whole line if there is only one seed.

    Attributes:
        mean: The mean.
        low: The lower limit.
        high: The upper limit.
    """

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, values: ArrayLike) -> Self:
        """Return the mean and interval of one number per seed, ``[seeds]``.

        Example:
            >>> print(Spread.of([0.86, 0.88, 0.90]))
            0.88 [0.83, 0.93]
            >>> print(Spread.of([0.86]))
            0.86 (one seed)
        """
        numbers = np.asarray(values, dtype=np.float64)
        mean, count = float(numbers.mean()), len(numbers)
        if count < 2:
            return cls(mean=mean, low=-math.inf, high=math.inf)
        reach = float(stats.t.isf((1 - CONFIDENCE) / 2, count - 1) * numbers.std(ddof=1) / math.sqrt(count))
        return cls(mean=mean, low=mean - reach, high=mean + reach)

    def __str__(self) -> str:
        if math.isinf(self.low):
            return f"{self.mean:.3g} (one seed)"
        return f"{self.mean:.3g} [{self.low:.3g}, {self.high:.3g}]"


def describe_span(spreads: Iterable[Spread]) -> str:
    """Return the smallest and the largest of several means, with their intervals, as text."""
    ordered = sorted(spreads, key=lambda each: each.mean)
    return f"{ordered[0]} to {ordered[-1]}"


def make_curve(label: str, x: Iterable[float], values: ArrayLike) -> Series:
    """Return a line of means over seeds with their intervals; without intervals if there is only one seed.

    Args:
        label: The name of the line.
        x: The abscissae, ``[n]``.
        values: The values, ``[n, seeds]``.
    """
    spreads = [Spread.of(each) for each in np.asarray(values)]
    known = not any(math.isinf(each.low) for each in spreads)
    return Series(
        label=label,
        x=tuple(float(each) for each in x),
        y=tuple(each.mean for each in spreads),
        low=tuple(each.low for each in spreads) if known else (),
        high=tuple(each.high for each in spreads) if known else (),
    )
