"""The biases of batch gradients at the starts, where the gradient is not zero."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from ...problems.calibration_walk import SHIFT
from ..spread import Spread
from .findings import Findings

__all__ = ["Biases"]


@dataclass(frozen=True)
class Biases:
    """The measured biases of a set of estimators.

    Attributes:
        known: Each bias with its interval, and the exact gradient there.
        unknown: The number of points at which a batch was not finite.
    """

    known: tuple[tuple[Spread, float], ...]
    unknown: int

    @classmethod
    def of(cls, findings: Findings, names: Iterable[str]) -> Self:
        """Collect the biases of these estimators at every start, split and loss."""
        measured = [one for each in findings.select(names=names) for one in each.accuracy if one.theta != SHIFT]
        finite = [each for each in measured if math.isfinite(each.mean) and math.isfinite(each.error)]
        return cls(tuple((findings.bias(each), each.exact) for each in finite), len(measured) - len(finite))

    @property
    def seen(self) -> int:
        """The number of points at which a bias is seen."""
        return sum(each.low > 0 or each.high < 0 for each, _ in self.known)

    @property
    def largest(self) -> float:
        """The largest bias, relative to the gradient."""
        return max(abs(each.mean / exact) for each, exact in self.known)

    @property
    def widest(self) -> float:
        """The largest half-width of an interval, relative to the gradient: a smaller bias may not be seen."""
        return max((each.high - each.low) / 2 / abs(exact) for each, exact in self.known)
