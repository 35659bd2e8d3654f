"""Counts of an event in independent runs: the exact interval of its probability, and the largest count that is no surprise."""

from __future__ import annotations

from scipy import stats

__all__ = ["exact_interval", "largest_count"]


def exact_interval(count: int, runs: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """Return the Clopper-Pearson interval of a probability.

    Args:
        count: The number of runs in which the event occurred.
        runs: The number of runs.
        confidence: The least coverage.

    Example:
        >>> low, high = exact_interval(0, 100)
        >>> low, round(high, 4)
        (0.0, 0.0362)
    """
    tail = (1 - confidence) / 2
    low = float(stats.beta.ppf(tail, count, runs - count + 1)) if count else 0.0
    high = float(stats.beta.isf(tail, count + 1, runs - count)) if count < runs else 1.0
    return low, high


def largest_count(runs: int, rate: float, alpha: float) -> int:
    """Return the largest count that an event of this rate may reach: more has a probability of at most `alpha`.

    Example:
        >>> largest_count(246, 0.05, 0.05), largest_count(1325, 0.01, 0.05), largest_count(13055, 0.001, 0.05)
        (18, 19, 19)
    """
    return int(stats.binom.isf(alpha, runs, rate))
