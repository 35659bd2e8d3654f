"""Shares of runs: the exact interval, and the number beyond which a rate is not kept."""

from __future__ import annotations

from scipy import stats

__all__ = ["FALSE_ACCUSATION", "exact_interval", "fail_above"]

FALSE_ACCUSATION = 0.05
"""Probability of failing a rate that is just as promised."""


def exact_interval(count: int, runs: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """Clopper-Pearson interval for a probability.

    Args:
        count: Runs in which the event was met.
        runs: Runs in all.
        confidence: Coverage, at least.

    Example:
        >>> low, high = exact_interval(0, 100)
        >>> low, round(high, 4)
        (0.0, 0.0362)
    """
    tail = (1 - confidence) / 2
    low = float(stats.beta.ppf(tail, count, runs - count + 1)) if count else 0.0
    high = float(stats.beta.isf(tail, count + 1, runs - count)) if count < runs else 1.0
    return low, high


def fail_above(runs: int, rate: float) -> int:
    """The largest count that a test of this rate may show: more has probability .05 at most.

    Example:
        >>> fail_above(246, 0.05), fail_above(1325, 0.01), fail_above(13055, 0.001)
        (18, 19, 19)
    """
    return int(stats.binom.isf(FALSE_ACCUSATION, runs, rate))
