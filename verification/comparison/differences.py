r"""Tests of one number against the same number of another record: bias, variance, exponent, time.

Every test is of a change *within* a margin, two-sided, and works from what the records hold alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from ..bias_plan import MIN_ROWS
from ..moments import GROUPS
from ..record import Check, Family

__all__ = [
    "Difference",
    "bias_difference",
    "exponent_difference",
    "log_variance_error",
    "time_difference",
    "variance_difference",
]

ROUNDING = 1e-8
"""A change of a logarithm, or of a bias over its scale, that is rounding; single precision gets a thousand times as much."""

_CONFIDENCE_TAIL = 0.025
_WORTH_PAIRING = 0.5  # Student's tail with 29 degrees of freedom costs more than a smaller gain brings


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How far two values lie apart, and the test of that.

    Attributes:
        base: Value in the base record.
        head: Value in the head record.
        effect: The change, see `change.Change`.
        interval: Its 95 % interval.
        p_value: Two-sided, of a change within the margin.
        worse: Whether the head's value is the worse of the two.
        method: How it was tested.
        error: Standard error of the difference that was tested, in its own unit; zero where nothing is random.
    """

    base: float
    head: float
    effect: float
    interval: tuple[float, float]
    p_value: float
    worse: bool
    method: str
    error: float


def log_variance_error(check: Check) -> float:
    r"""Standard error of a variance check's :math:`\ln s^2`, from the kurtosis that it records.

    .. math:: \mathrm{SE}(\ln s^2) = \sqrt{(\kappa - (m - 3) / (m - 1)) / m}

    Zero for an exact variance, infinite where nothing is known.
    """
    if check.outcome == "exact":
        return 0.0
    kurtosis, m = check.details.get("kurtosis"), check.num_samples
    if not isinstance(kurtosis, int | float) or m < 2:
        return math.inf
    return math.sqrt(max(kurtosis - (m - 3) / (m - 1), 0.0) / m)


def variance_difference(base: Check, head: Check, *, margin: float, paired: bool) -> Difference | None:
    r"""Whether one replicate's variance has changed by more than a factor :math:`1 + \mathrm{margin}`.

    .. math:: z = \frac{|\ln s_h^2 - \ln s_b^2| - \ln(1 + \mathrm{margin})}{\sqrt{\mathrm{SE}_h^2 + \mathrm{SE}_b^2}}

    Where both records used the same random numbers and kept their jackknife groups, the error is that of the paired
    jackknife, if it is less than half of the above, and the law is Student's with 29 degrees of freedom. It is valid too
    where the rows turn out to share nothing.

    Args:
        base: A variance check.
        head: Another one.
        margin: Relative change that is allowed.
        paired: Both records were drawn from the same seeds.

    Returns:
        The difference; None where a variance is missing.
    """
    before, after = base.estimate, head.estimate
    if before is None or after is None or not (math.isfinite(before) and math.isfinite(after)):
        return None
    if min(before, after) <= 0:
        return _from_zero(before, after)
    change = math.log(after) - math.log(before)
    error, method = math.hypot(log_variance_error(base), log_variance_error(head)), "unpaired"
    law: Any = stats.norm
    together = _paired_error(base, head) if paired else math.inf
    if together < _WORTH_PAIRING * error:
        error, method, law = together, "paired", stats.t(GROUPS - 1)
    reach = float(law.isf(_CONFIDENCE_TAIL)) * error
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


def bias_difference(base: Check, head: Check, *, margin: float, single: bool = False) -> Difference | None:
    r"""Whether the bias of any coordinate has changed by more than ``margin`` times the gradient's scale.

    Both means were stopped when their verdicts were clear, so a z-test between them does not hold its level. What does is
    the product of both means' mixture martingales, at the common mean that favours it most:

    .. math:: 2 \ln E = \frac{d^2}{\sigma_b^2 (n_b + m) / n_b^2 + \sigma_h^2 (n_h + m) / n_h^2}
              - \ln\frac{n_b + m}{m} - \ln\frac{n_h + m}{m}, \qquad p = 1 / E

    with m = 1000 and d the difference beyond the margin. Coordinates share the level equally.

    Args:
        base: A bias check.
        head: Another one, of the same problem.
        margin: Change that is allowed, over the gradient's scale.
        single: The rows are in single precision.

    Returns:
        The difference in the coordinate that differs most clearly; None where no coordinate's mean can be believed.
    """
    if base.details.get("reason") == head.details.get("reason") == "exact":
        return _exact_bias(base, head, margin)
    mine, other = _coordinates(base), _coordinates(head)
    shared = [name for name in mine if name in other]
    if not shared:
        return None
    n = (base.details["looks"][-1]["n"], head.details["looks"][-1]["n"])
    rounding = ROUNDING * (1e3 if single else 1.0)
    found = [_mean_difference(mine[name], other[name], n, max(margin, rounding)) for name in shared]
    first = min(found, key=lambda each: (each.p_value, -abs(each.effect)))
    return Difference(**{**vars(first), "p_value": min(1.0, first.p_value * len(shared))})


def exponent_difference(base: Family, head: Family, *, margin: float) -> Difference | None:
    r"""Whether an exponent has changed so much that the variance at one end of the sizes changes by more than the margin.

    .. math:: z = \frac{|\beta_h - \beta_b| - \ln(1 + \mathrm{margin}) / \ln(n_\max / n_\min)}
              {\sqrt{\mathrm{SE}_h^2 + \mathrm{SE}_b^2}}

    Returns:
        The difference; None where an exponent was not fitted in both, or has no finite interval.
    """
    errors = [_exponent_error(each) for each in (base, head)]
    sizes = [float(point["size"]) for each in (base, head) for point in each.points if point.get("used")]
    if base.exponent is None or head.exponent is None or not all(map(math.isfinite, errors)) or len(set(sizes)) < 2:
        return None
    change, error = head.exponent - base.exponent, math.hypot(*errors)
    allowed = math.log1p(margin) / math.log(max(sizes) / min(sizes))
    reach = float(stats.norm.isf(_CONFIDENCE_TAIL)) * error
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
    """Whether the median of seconds a row, problem by problem, has changed by more than a factor ``1 + margin``.

    A sign test, so no law is assumed of the times; that the problems' times do not all suffer from one disturbance of the
    machine is assumed. It needs 15 problems to reach 1e-4.

    Args:
        base: Seconds a row ``[k]``, one problem each.
        head: Seconds a row on the same problems ``[k]``.
        margin: Relative change that is allowed.

    Returns:
        The difference, its ``effect`` the median's; None without problems.
    """
    ratios = np.sort(np.log(np.asarray(head) / np.asarray(base)))
    if not ratios.size:
        return None
    median, allowed = float(np.median(ratios)), math.log1p(margin)
    beyond = int((ratios > allowed).sum()) if median > 0 else int((ratios < -allowed).sum())
    low = int(stats.binom.ppf(_CONFIDENCE_TAIL, ratios.size, 0.5))
    inside = float(stats.binom.cdf(low - 1, ratios.size, 0.5)) <= _CONFIDENCE_TAIL and low > 0
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


def _from_zero(before: float, after: float) -> Difference:
    """A variance that is zero on one side: rows that were constant are so no longer, or the reverse."""
    same = before == after
    effect = 0.0 if same else (-1.0 if after == 0 else math.inf)
    return Difference(
        base=before, head=after, effect=effect, interval=(effect, effect), p_value=1.0 if same else 0.0,
        worse=after > before, method="exact", error=0.0,
    )  # fmt: skip


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


def _coordinates(check: Check) -> dict[str, dict[str, Any]]:
    """The last look of every coordinate whose mean can be believed."""
    if not check.details.get("looks"):
        return {}
    several = check.details.get("channels") or ()
    believed = [each for each in several if each.get("kind") == "coordinate" and (each.get("open") or each.get("sigma") == 0)]
    return {each["name"]: each for each in believed if math.isfinite(each["estimate"]) and math.isfinite(each["sigma"])}


def _mean_difference(base: dict[str, Any], head: dict[str, Any], n: tuple[int, int], margin: float) -> Difference:
    scale = max(base["scale"], head["scale"]) or 1.0
    change = (head["estimate"] - base["estimate"]) / scale
    spread = [(each["sigma"] / scale) ** 2 * (rows + MIN_ROWS) / rows**2 for each, rows in zip((base, head), n, strict=True)]
    error = math.sqrt(sum(spread))
    price = sum(math.log1p(rows / MIN_ROWS) for rows in n)
    excess = abs(change) - margin
    reach = math.sqrt(2 * math.log(1 / (2 * _CONFIDENCE_TAIL)) + price) * error
    if excess <= 0 or error == 0:
        p_value = 0.0 if excess > 0 else 1.0
    else:
        p_value = min(1.0, math.exp((price - (excess / error) ** 2) / 2))
    return Difference(
        base=base["estimate"],
        head=head["estimate"],
        effect=change,
        interval=(change - reach, change + reach),
        p_value=p_value,
        worse=abs(head["estimate"]) > abs(base["estimate"]),
        method="anytime" if error > 0 else "exact",
        error=error,
    )


def _exact_bias(base: Check, head: Check, margin: float) -> Difference | None:
    if base.relative is None or head.relative is None or base.estimate is None or head.estimate is None:
        return None
    change = head.relative - base.relative
    return Difference(
        base=base.estimate,
        head=head.estimate,
        effect=change,
        interval=(change, change),
        p_value=0.0 if abs(change) > max(margin, 1e3 * ROUNDING) else 1.0,
        worse=abs(head.relative) > abs(base.relative),
        method="exact",
        error=0.0,
    )


def _exponent_error(family: Family) -> float:
    if family.interval is None:
        return math.inf
    low, high = family.interval
    return (high - low) / 2 / float(stats.norm.isf(_CONFIDENCE_TAIL))
