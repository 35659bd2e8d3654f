"""The smallest change of a variance that a comparison would have found, and the rows that a smaller one takes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import stats

from ..record.record import Cell
from .change import Change
from .differences import log_variance_error

__all__ = ["PLANNED", "Sensitivity", "sensitivities"]

PLANNED = 0.1
"""The relative increase for which the needed rows are reported."""

POWER = 0.9


@dataclass(frozen=True, kw_only=True)
class Sensitivity:
    """The sensitivity of the test of one cell's variance.

    Attributes:
        estimator: Name of the estimator.
        problem: Key of the problem.
        rows: The numbers of rows of base and head.
        detectable: The smallest relative increase that the test would have found with probability 0.9.
        rows_needed: The number of rows a side at which an increase of ten per cent is found with probability 0.9; None if the
            margin is that large already.
    """

    estimator: str
    problem: str
    rows: tuple[int, int]
    detectable: float
    rows_needed: float | None


def sensitivities(
    moved: Sequence[tuple[Cell, Cell]], tests: Sequence[Change], margin: float, level: float
) -> list[Sensitivity]:
    """Return the detectable increase of each tested variance at Bonferroni's level, unpaired; paired rows detect more."""
    tested = {(each.estimator, each.problem) for each in tests if each.quantity == "variance"}
    reach = float(stats.norm.isf(level / 2)) + float(stats.norm.ppf(POWER))
    found = []
    for one, two in moved:
        if (two.estimator, two.problem) not in tested:
            continue
        checks = [each.find("variance") for each in (one, two)]
        rows = tuple(each.num_samples for each in checks if each is not None)
        error = math.hypot(*(log_variance_error(each) for each in checks if each is not None))
        room = math.log1p(PLANNED) - math.log1p(margin)
        found.append(
            Sensitivity(
                estimator=two.estimator,
                problem=two.problem,
                rows=rows,  # type: ignore[arg-type]
                detectable=math.expm1(min(math.log1p(margin) + reach * error, 700.0)),
                rows_needed=_harmonic(rows) * (reach * error / room) ** 2 if room > 0 else None,
            )
        )
    return sorted(found, key=lambda each: -each.detectable)


def _harmonic(rows: Sequence[int]) -> float:
    """Return the number of rows a side that would have had the same error."""
    return len(rows) / sum(1 / max(each, 1) for each in rows)
