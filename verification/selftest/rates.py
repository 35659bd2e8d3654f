"""The number of events beyond which a promised rate is not kept."""

from __future__ import annotations

from scipy import stats

__all__ = ["FALSE_ACCUSATION", "fail_above"]

FALSE_ACCUSATION = 0.05
"""Probability of failing a rate that is just as promised."""


def fail_above(runs: int, rate: float) -> int:
    """The largest count that a test of this rate may show: more has probability .05 at most.

    Example:
        >>> fail_above(246, 0.05), fail_above(1325, 0.01), fail_above(13055, 0.001)
        (18, 19, 19)
    """
    return int(stats.binom.isf(FALSE_ACCUSATION, runs, rate))
