"""The number of alarms beyond which a rate is not kept."""

from __future__ import annotations

from ..statistics.binomial import largest_count

__all__ = ["FALSE_ACCUSATION", "fail_above"]

FALSE_ACCUSATION = 0.05
"""The probability of failing a rate that is exactly as promised."""


def fail_above(runs: int, rate: float) -> int:
    """Return the largest count of alarms that a test of this rate may show: more has a probability of at most 0.05.

    Example:
        >>> fail_above(246, 0.05), fail_above(1325, 0.01), fail_above(13055, 0.001)
        (18, 19, 19)
    """
    return largest_count(runs, rate, FALSE_ACCUSATION)
