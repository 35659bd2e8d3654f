"""Intervals for a variance, and tests between two variances, that do not assume a normal law."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from .moments import GROUPS, Moments

__all__ = [
    "VarianceRatio",
    "left_out_log_variances",
    "measurable",
    "single_row_dominates",
    "variance_interval",
    "variance_ratio",
]

SKEWNESS_ROWS = 100.0
MAX_KURTOSIS_SHARE = 0.01


def measurable(moments: Moments, channel: int) -> bool:
    r"""True if the sample has seen enough of the tail for its variance to be trusted.

    .. math:: m \ge 100 \gamma^2, \qquad \kappa / m < 0.01

    Otherwise the sample variance is too small by an amount that grows with the problem, and exponential growth looks
    polynomial: use the exact second moment, or read the sample variance as a lower bound.
    """
    skewed = SKEWNESS_ROWS * float(moments.skewness[channel]) ** 2
    return moments.count >= skewed and float(moments.kurtosis[channel]) < MAX_KURTOSIS_SHARE * moments.count


def single_row_dominates(moments: Moments, channel: int, *, share: float) -> bool:
    """True if the farthest row holds more than a share of the fourth moment, from which the standard error is made.

    Args:
        moments: Moments of the rows.
        channel: Channel of the rows.
        share: The largest share that one row may hold.
    """
    above, below = moments.maximum[channel] - moments.mean[channel], moments.mean[channel] - moments.minimum[channel]
    return bool(max(above, below) ** 4 > share * moments.m4[channel])


def left_out_log_variances(moments: Moments, channel: int) -> list[float] | None:
    """Return the logarithm of the variance without each of the 30 jackknife groups in turn, to nine decimals.

    The differences of two such lists make a paired jackknife, for anyone who has both. The list is None if a group holds
    fewer than two rows, or if the rows of the others are all equal.
    """
    if moments.group_count.min() < 2:
        return None
    logs = moments.leave_one_out_log_variance()[:, channel]
    return [round(float(each), 9) for each in logs] if np.isfinite(logs).all() else None


def variance_interval(moments: Moments, channel: int = 0, *, confidence: float = 0.95) -> tuple[float, float]:
    """Return an interval for the variance of one row, symmetric on the log scale.

    Coverage at 3,000 rows is within two per cent of nominal for laws of moderate tail, and .87 for a lognormal.

    Args:
        moments: Moments of the rows.
        channel: Channel of the rows.
        confidence: Coverage of the interval.

    Returns:
        Lower and upper limits; a constant channel has (0, 0).

    Example:
        >>> import numpy as np
        >>> rows = np.random.default_rng(0).normal(size=(10_000, 1))
        >>> lower, upper = variance_interval(Moments.from_rows(rows))
        >>> round(lower, 2), round(upper, 2)
        (0.97, 1.02)
    """
    if moments.count > 1 and not moments.m2[channel] > 0:
        return 0.0, 0.0
    reach = float(stats.norm.isf((1 - confidence) / 2)) * float(moments.log_variance_error()[channel])
    if not math.isfinite(reach):
        return 0.0, math.inf
    variance = float(moments.variance[channel])
    return variance * math.exp(-reach), variance * math.exp(min(reach, 700.0))


@dataclass(frozen=True, kw_only=True)
class VarianceRatio:
    """The ratio of two variances.

    Attributes:
        log_ratio: ln V_a - ln V_b.
        error: Standard error of ``log_ratio``.
        statistic: ``(log_ratio - margin) / error``.
        p_value: One-sided p-value of the claim ln V_a <= ln V_b + margin.
    """

    log_ratio: float
    error: float
    statistic: float
    p_value: float


def variance_ratio(a: Moments, b: Moments, *, channel: int = 0, margin: float = 0.0, paired: bool = False) -> VarianceRatio:
    r"""Test the claim :math:`V_a \le e^\mathrm{margin} V_b`.

    .. math:: z = \frac{\ln s_a^2 - \ln s_b^2 - \mathrm{margin}}{\sqrt{\mathrm{SE}_a^2 + \mathrm{SE}_b^2}}

    An F-test of the same claim is wrong on skewed data more often than it is right.

    Args:
        a: Moments of the rows whose variance is claimed to be no larger.
        b: Moments of the rows to compare with.
        channel: Channel of both.
        margin: Difference of the logarithms that is allowed.
        paired: True if row i of both used the same random numbers, so that the groups of both are left out together.

    Returns:
        The ratio and the test.

    Raises:
        ValueError: If paired samples differ in size or are too small, or if a variance is zero.
    """
    if not (a.m2[channel] > 0 and b.m2[channel] > 0):
        raise ValueError("the rows of a channel are constant; compare their values directly")
    log_ratio = math.log(float(a.variance[channel])) - math.log(float(b.variance[channel]))
    error = _paired_error(a, b, channel) if paired else _independent_error(a, b, channel)
    statistic = (log_ratio - margin) / error if error > 0 else math.copysign(math.inf, log_ratio - margin)
    tail = stats.t(GROUPS - 1) if paired else stats.norm
    return VarianceRatio(log_ratio=log_ratio, error=error, statistic=statistic, p_value=float(tail.sf(statistic)))


def _independent_error(a: Moments, b: Moments, channel: int) -> float:
    return math.hypot(float(a.log_variance_error()[channel]), float(b.log_variance_error()[channel]))


def _paired_error(a: Moments, b: Moments, channel: int) -> float:
    if a.count != b.count or a.group_count.min() < 2:
        raise ValueError(f"{a.count} and {b.count} paired rows; expected equal numbers of at least {2 * GROUPS}")
    difference = (a.leave_one_out_log_variance() - b.leave_one_out_log_variance())[:, channel]
    return math.sqrt((GROUPS - 1) / GROUPS * float(((difference - difference.mean()) ** 2).sum()))
