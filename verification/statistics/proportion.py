"""The exact confidence interval of a probability."""

from __future__ import annotations

from scipy import stats

__all__ = ["clopper_pearson"]


def clopper_pearson(count: int, trials: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """Return the Clopper-Pearson interval for a probability.

    Args:
        count: Trials in which the event occurred.
        trials: Trials in all.
        confidence: Least coverage of the interval.

    Returns:
        Lower and upper limits.

    Example:
        >>> low, high = clopper_pearson(0, 100)
        >>> low, round(high, 4)
        (0.0, 0.0362)

    References:
        Clopper, Pearson (1934), The use of confidence or fiducial limits illustrated in the case of the binomial.
    """
    tail = (1 - confidence) / 2
    low = float(stats.beta.ppf(tail, count, trials - count + 1)) if count else 0.0
    high = float(stats.beta.isf(tail, count + 1, trials - count)) if count < trials else 1.0
    return low, high
