"""Tests of one number against the same number of another record: variance, exponent, time.

Every test is two-sided, asks for a change beyond a margin, and uses only the contents of the records.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from ..record.record import Check, Family
from ..statistics.moments import GROUPS
from .change import Method

__all__ = [
    "CONFIDENCE_TAIL",
    "ROUNDING",
    "Difference",
    "exponent_difference",
    "log_variance_error",
    "time_difference",
    "variance_difference",
]

ROUNDING = 1e-8
"""The change of a logarithm, or of a bias over its scale, that counts as rounding; times a thousand in single precision."""

CONFIDENCE_TAIL = 0.025
_WORTH_PAIRING = 0.5  # Student's tail with 29 degrees of freedom costs more than a smaller gain is worth


@dataclass(frozen=True, kw_only=True)
class Difference:
    """The difference of two values, and its test.

    Attributes:
        base: Value in the base record.
        head: Value in the head record.
        effect: The change, see `change.Change`.
        interval: The 95 % interval of the change.
        p_value: The two-sided p-value of a change within the margin.
        worse: True if the head's value is the worse of the two.
        method: The method of the test.
        error: The standard error of the tested difference, in its own unit; zero if nothing is random.
    """

    base: float
    head: float
    effect: float
    interval: tuple[float, float]
    p_value: float
    worse: bool
    method: Method
    error: float


def log_variance_error(check: Check) -> float:
    r"""Return the standard error of a variance check's :math:`\ln s^2`, from the kurtosis that it records.

    .. math:: \mathrm{SE}(\ln s^2) = \sqrt{(\kappa - (m - 3) / (m - 1)) / m}

    It is zero for an exact variance, and infinite if the kurtosis is unknown.
    """
    if check.outcome == "exact":
        return 0.0
    kurtosis, m = check.details.get("kurtosis"), check.num_samples
    if not isinstance(kurtosis, int | float) or m < 2:
        return math.inf
    return math.sqrt(max(kurtosis - (m - 3) / (m - 1), 0.0) / m)


def variance_difference(base: Check, head: Check, *, margin: float, paired: bool) -> Difference | None:
    r"""Test if one replicate's variance has changed by more than a factor :math:`1 + \mathrm{margin}`.

    .. math:: z = \frac{|\ln s_h^2 - \ln s_b^2| - \ln(1 + \mathrm{margin})}{\sqrt{\mathrm{SE}_h^2 + \mathrm{SE}_b^2}}

    If both records used the same random numbers and kept their jackknife groups, the error is that of the paired jackknife,
    provided that it is less than half of the above, and the law is Student's with 29 degrees of freedom. This is valid even
    if the rows turn out to share nothing.

    Args:
        base: A variance check.
        head: Another one.
        margin: Relative change that is allowed.
        paired: True if both records were drawn from the same seeds.

    Returns:
        The difference; None if a variance is missing.
    """
    before, after = base.estimate, head.estimate
    if before is None or after is None or not (math.isfinite(before) and math.isfinite(after)):
        return None
    if min(before, after) <= 0:
        return _from_zero(base, head)
    change = math.log(after) - math.log(before)
    error = math.hypot(log_variance_error(base), log_variance_error(head))
    method: Method = "unpaired"
    law: Any = stats.norm
    together = _paired_error(base, head) if paired else math.inf
    if together < _WORTH_PAIRING * error:
        error, method, law = together, "paired", stats.t(GROUPS - 1)
    reach = float(law.isf(CONFIDENCE_TAIL)) * error
    return Difference(
        base=before,
        head=after,
        effect=math.expm1(change),
        interval=(math.expm1(change - reach), math.expm1(min(change + reach, 700.0))),
        p_value=_two_sided(abs(change) - math.log1p(margin), error, law),
        worse=change > 0,
        method=method if error > 0 else "exact",
        error=error,
    )


def exponent_difference(base: Family, head: Family, *, margin: float) -> Difference | None:
    r"""Test if an exponent has changed so far that the variance at one end of the sizes changes by more than the margin.

    .. math:: z = \frac{|\beta_h - \beta_b| - \ln(1 + \mathrm{margin}) / \ln(n_\max / n_\min)}
              {\sqrt{\mathrm{SE}_h^2 + \mathrm{SE}_b^2}}

    Returns:
        The difference; None if an exponent was not fitted in both records, or has no finite interval.
    """
    errors = [_exponent_error(each) for each in (base, head)]
    sizes = [float(point["size"]) for each in (base, head) for point in each.points if point.get("used")]
    if base.exponent is None or head.exponent is None or not all(map(math.isfinite, errors)) or len(set(sizes)) < 2:
        return None
    change, error = head.exponent - base.exponent, math.hypot(*errors)
    allowed = math.log1p(margin) / math.log(max(sizes) / min(sizes))
    reach = float(stats.norm.isf(CONFIDENCE_TAIL)) * error
    return Difference(
        base=base.exponent,
        head=head.exponent,
        effect=change,
        interval=(change - reach, change + reach),
        p_value=_two_sided(abs(change) - allowed, error, stats.norm),
        worse=change > 0,
        method="unpaired",
        error=error,
    )


def time_difference(base: Sequence[float], head: Sequence[float], *, margin: float) -> Difference | None:
    """Test if the median of seconds a row, problem by problem, has changed by more than a factor ``1 + margin``.

    A sign test assumes no law of the times. It does assume that no single disturbance of the machine changed the times of all
    problems. It needs 15 problems to reach 1e-4.

    Args:
        base: Seconds a row ``[k]``, one problem each.
        head: Seconds a row on the same problems ``[k]``.
        margin: Relative change that is allowed.

    Returns:
        The difference, whose ``effect`` is that of the median; None without problems.
    """
    ratios = np.sort(np.log(np.asarray(head) / np.asarray(base)))
    if not ratios.size:
        return None
    median, allowed = float(np.median(ratios)), math.log1p(margin)
    beyond = int((ratios > allowed).sum()) if median > 0 else int((ratios < -allowed).sum())
    low = int(stats.binom.ppf(CONFIDENCE_TAIL, ratios.size, 0.5))
    inside = float(stats.binom.cdf(low - 1, ratios.size, 0.5)) <= CONFIDENCE_TAIL and low > 0
    limits = (math.expm1(ratios[low - 1]), math.expm1(ratios[-low])) if inside else (-1.0, math.inf)
    return Difference(
        base=float(np.median(base)),
        head=float(np.median(head)),
        effect=math.expm1(median),
        interval=limits,
        p_value=min(1.0, 2 * float(stats.binom.sf(beyond - 1, ratios.size, 0.5))),
        worse=median > 0,
        method="sign test",
        error=0.0,
    )


def _from_zero(base: Check, head: Check) -> Difference | None:
    r"""Test a variance that is zero on one side: constant rows vary now, or the reverse.

    If a share q of the rows differs from the others, their kurtosis is at least :math:`1 / q - 3`, so at least
    :math:`m / (\kappa + 3)` of the m rows that vary differ. Without a change, any rows might have been those, and the
    probability that all k of them fall to one side is

    .. math:: p \le 2 \left(1 + \frac{m_\mathrm{constant}}{m}\right)^{-k}

    Returns:
        The difference; None if a sample of constant rows meets a variance that is known without rows.
    """
    before, after = base.estimate or 0.0, head.estimate or 0.0
    p_value = 1.0 if before == after else _all_on_one_side(*((head, base) if before == 0 else (base, head)))
    if p_value is None:
        return None
    effect = 0.0 if before == after else (-1.0 if after == 0 else math.inf)
    return Difference(
        base=before, head=after, effect=effect, interval=(effect, effect), p_value=p_value, worse=after > before,
        method="exact", error=0.0,
    )  # fmt: skip


def _all_on_one_side(varying: Check, constant: Check) -> float | None:
    if constant.outcome == "exact":
        return 0.0
    kurtosis, rows = varying.details.get("kurtosis"), varying.num_samples
    if varying.outcome == "exact" or not isinstance(kurtosis, int | float) or rows < 1:
        return None
    differing = max(rows / (kurtosis + 3), 1.0)
    return min(1.0, 2 * math.exp(-differing * math.log1p(constant.num_samples / rows)))


def _paired_error(base: Check, head: Check) -> float:
    groups = [each.details.get("leave_one_out") for each in (base, head)]
    if base.num_samples != head.num_samples or not all(isinstance(each, list | tuple) for each in groups):
        return math.inf
    before, after = (np.asarray(each, dtype=np.float64) for each in groups)
    if before.shape != (GROUPS,) or after.shape != (GROUPS,):
        return math.inf
    change = after - before
    return math.sqrt((GROUPS - 1) / GROUPS * float(((change - change.mean()) ** 2).sum()))


def _two_sided(excess: float, error: float, law: Any) -> float:
    if error <= ROUNDING:
        return 0.0 if excess > ROUNDING else 1.0
    return min(1.0, 2 * float(law.sf(excess / error)))


def _exponent_error(family: Family) -> float:
    if family.interval is None:
        return math.inf
    low, high = family.interval
    return (high - low) / 2 / float(stats.norm.isf(CONFIDENCE_TAIL))
