r"""The test of a replicate's variance against a limit or another estimator's, in two stages, the second on fresh rows.

The law of the logarithm of a sample variance is close to normal, but not out to one in a million. So an excess is reported when
two independent stages find it, each at the square root of the rate: the first looks at every coordinate, the second at the one
that the first flagged.

.. math:: z_j = \frac{\ln s_j^2 - \ln b - \ln(1 + \mathrm{margin})}{\mathrm{SE}_j}

with b the limit, or the baseline's widest sample variance, divided by the ratio of the costs. Against a baseline, the rows of
both use the same random numbers, and the standard error is a jackknife over 30 groups of pairs: few rows tell two estimators
apart that draw alike. The law of z is taken to be Student's with 29 degrees of freedom, the jackknife's own, whose wider tails
also cover the effect of a few dozen rare events on a variance.

The rates of one stage at a nominal 1e-3 are as follows. Against a limit, by simulation: 0.3e-3 for normal rows, less for skewed
ones; where the variance is that of a rare event, seen at least a hundred times as an excess requires, at most 0.7e-3 by the
Poisson law. Against a baseline of equal variance: 0.5e-3, and 2.4e-3 where the baseline's tail is lognormal and the other's is
normal, so that one in a million becomes six.

A tail that a sample has not seen can mislead both ways, and so can an event that it happened to see once. A variance counts as
small enough, or as too large, only if its own tail was seen, and it exceeds a baseline only if the baseline's tail was seen
too; otherwise the answer is ``inconclusive``, never a guess.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from ..verdicts import LimitReason
from .moments import GROUPS, Moments
from .variance import measurable, single_row_dominates

__all__ = ["Excess", "Looks", "variance_above", "variance_above_baseline"]

Array = NDArray[np.float64]

Looks = Callable[[str], Iterable[tuple[Moments, ...]]]
"""A function that takes a stage's name and yields the moments of ever more rows, one for each subject, the baseline second."""

ExcessOutcome = Literal["within", "above", "inconclusive", "failed"]

MAX_SHARE = 0.1
"""The largest share of a baseline's fourth moment that one row may hold when an excess over it is reported."""

_POWER = float(stats.norm.isf(0.05))  # two stages at 0.95 each have a power of 0.9
_SURE = 0.975


@dataclass(frozen=True, kw_only=True)
class Excess:
    """The result of a test of a variance against a limit or a baseline.

    Attributes:
        outcome: ``within``, ``above`` or ``inconclusive``; ``failed`` if rows held NaN or infinity.
        reason: The reason for one of the last two: ``tail``, ``gate`` or ``not finite``.
        coordinate: The coordinate that exceeds, or else the widest one.
        variance: The variance of one replicate in that coordinate.
        interval: The 95 % interval of ``variance``.
        ratio: The variance (times the cost) over the limit or over the baseline's variance.
        ratio_interval: The 95 % interval of ``ratio``.
        detectable: The smallest true ratio that would have been reported with probability 0.9.
        num_samples: The number of rows drawn in both stages.
        confirmed: True if a second stage was drawn.
    """

    outcome: ExcessOutcome
    reason: LimitReason = ""
    coordinate: int
    variance: float
    interval: tuple[float, float]
    ratio: float
    ratio_interval: tuple[float, float]
    detectable: float
    num_samples: int
    confirmed: bool


def variance_above(looks: Looks, limit: float, *, alpha: float, rarest: float = 1.0) -> Excess:
    """Test if the variance of some coordinate is above a limit.

    Args:
        looks: Function that draws the rows of a stage.
        limit: The limit, in squared units of the rows.
        alpha: Probability of ``above`` if no variance is above the limit.
        rarest: Probability of the rarest event that the rows must have seen.

    Returns:
        The result of the test.
    """
    logs = math.log(limit) if limit > 0 else -math.inf
    return _two_stages(looks, lambda seen: _against_limit(seen[0], logs), alpha=alpha, allowed=0.0, rarest=rarest)


def variance_above_baseline(
    looks: Looks, *, margin: float, alpha: float, cost_ratio: float = 1.0, rarest: float = 1.0
) -> Excess:
    """Test if a variance is above a baseline's by more than a margin; the widest coordinates of both are compared.

    Args:
        looks: Function that draws the rows of a stage of both; row i of both uses the same random numbers.
        margin: Relative excess that is allowed: 0.1 is ten per cent.
        alpha: Probability of ``above`` if the excess is at most the margin.
        cost_ratio: The cost of a replicate over the cost of one of the baseline; it multiplies the ratio.
        rarest: Probability of the rarest event that the rows must have seen.

    Returns:
        The result of the test.
    """
    shift = math.log(cost_ratio)
    return _two_stages(
        looks, lambda seen: _against_baseline(seen[0], seen[1], shift), alpha=alpha, allowed=math.log1p(margin), rarest=rarest
    )


@dataclass(frozen=True, eq=False, kw_only=True)
class _Comparison:
    """The log ratios ``[d]`` of one stage and their standard errors."""

    log_ratio: Array
    error: Array

    def excess(self, allowed: float) -> Array:
        """Return the distances above the allowed ratio in standard errors ``[d]``; infinite without an error."""
        gap = self.log_ratio - allowed
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.error > 0, gap / self.error, np.where(gap > 0, np.inf, -np.inf))


def _against_limit(seen: Moments, log_limit: float) -> _Comparison:
    log_ratio = _log(seen.variance) - log_limit if math.isfinite(log_limit) else np.where(seen.m2 > 0, np.inf, -np.inf)
    error = np.where(seen.m2 > 0, seen.log_variance_error(), 0.0)
    return _Comparison(log_ratio=log_ratio, error=error)


def _against_baseline(seen: Moments, baseline: Moments, shift: float) -> _Comparison:
    widest = int(np.argmax(baseline.variance))
    if not baseline.m2[widest] > 0:
        log_ratio, error = np.where(seen.m2 > 0, np.inf, -np.inf), np.zeros_like(seen.m2)
    else:
        log_ratio = _log(seen.variance) - math.log(baseline.variance[widest]) + shift
        with np.errstate(invalid="ignore"):
            left_out = seen.leave_one_out_log_variance() - baseline.leave_one_out_log_variance()[:, [widest]]
            spread = ((left_out - left_out.mean(0)) ** 2).sum(0)
        error = np.where(seen.m2 > 0, np.sqrt((GROUPS - 1) / GROUPS * spread), 0.0)
    return _Comparison(log_ratio=log_ratio, error=error)


def _quantile(tail: float) -> float:
    return float(stats.t(GROUPS - 1).isf(tail))


def _log(values: Array) -> Array:
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(values))


Compare = Callable[[tuple[Moments, ...]], _Comparison]


def _two_stages(looks: Looks, compare: Compare, *, alpha: float, allowed: float, rarest: float) -> Excess:
    rate = math.sqrt(alpha)
    first = _draw_until_seen(looks("variance screen"), rarest)
    report = _Reporter(compare, rate, allowed)
    if _has_nonfinite(first):
        return report(first, "failed", "not finite")
    found = compare(first)
    flag = int(np.argmax(found.excess(allowed)))
    # Every coordinate could raise the alarm of the first stage, so they share its rate.
    if found.excess(allowed)[flag] <= _quantile(rate / len(found.log_ratio)):
        return report(first, *_judge_within(first[0], rarest))
    second = _draw_until_seen(looks("variance confirm"), rarest)
    before = first[0].count
    if _has_nonfinite(second):
        return report(second, "failed", "not finite", before=before)
    again = compare(second)
    if again.excess(allowed)[flag] <= _quantile(rate):
        return report(second, *_judge_within(second[0], rarest), before=before)
    reason = _find_doubt(second, again, flag, rarest)
    return report(second, "inconclusive" if reason else "above", reason, flag=flag, before=before)


def _find_doubt(second: tuple[Moments, ...], again: _Comparison, flag: int, rarest: float) -> LimitReason:
    """Return the reason why the excess of the second stage cannot be trusted, or the empty string."""
    mine, *baselines = second
    for each in baselines:
        if reason := _find_unseen(each, "above", rarest):
            return reason
    # Any variation is above a limit of zero, but not above a baseline that may have missed a rare event.
    certain = not baselines and math.isinf(again.log_ratio[flag])
    return "" if certain or measurable(mine, flag) else "tail"


def _draw_until_seen(looks: Iterable[tuple[Moments, ...]], rarest: float) -> tuple[Moments, ...]:
    """Return the first look that shows enough of every tail, or the last one."""
    seen: tuple[Moments, ...] = ()
    for seen in looks:
        wanted = [_find_unseen(seen[0], "within", rarest), *(_find_unseen(each, "above", rarest) for each in seen[1:])]
        if _has_nonfinite(seen) or not any(wanted):
            break
    return seen


def _has_nonfinite(seen: tuple[Moments, ...]) -> bool:
    return any(each.nonfinite for each in seen)


def _judge_within(seen: Moments, rarest: float) -> tuple[ExcessOutcome, LimitReason]:
    """Return ``within`` if the sample can be trusted, else ``inconclusive``, with the reason."""
    reason = _find_unseen(seen, "within", rarest)
    return ("inconclusive", reason) if reason else ("within", "")


def _find_unseen(seen: Moments, outcome: Literal["within", "above"], rarest: float) -> LimitReason:
    """Return the reason why a sample's variance cannot be trusted, or the empty string."""
    if seen.count * rarest < 10:
        return "gate"
    widest = int(np.argmax(seen.variance))
    if not seen.m2[widest] > 0:
        return ""
    if not measurable(seen, widest):
        return "tail"
    return "tail" if outcome == "above" and single_row_dominates(seen, widest, share=MAX_SHARE) else ""


@dataclass(frozen=True)
class _Reporter:
    """A function from the moments of a stage to an `Excess`."""

    compare: Compare
    rate: float
    allowed: float

    def __call__(
        self,
        seen: tuple[Moments, ...],
        outcome: ExcessOutcome,
        reason: LimitReason,
        *,
        flag: int | None = None,
        before: int = 0,
    ) -> Excess:
        found, mine = self.compare(seen), seen[0]
        j = int(np.argmax(mine.variance)) if flag is None else flag
        middle, error = float(found.log_ratio[j]), float(found.error[j])
        reach = _quantile(1 - _SURE)
        own = reach * float(mine.log_variance_error()[j]) if mine.m2[j] > 0 else 0.0
        variance = float(mine.variance[j])
        return Excess(
            outcome=outcome,
            reason=reason,
            coordinate=j,
            variance=variance,
            interval=(variance * math.exp(-own), variance * _exp(own)),
            ratio=_exp(middle),
            ratio_interval=(_exp(middle - reach * error), _exp(middle + reach * error)),
            detectable=_exp(self.allowed + (_quantile(self.rate) + _POWER) * error),
            num_samples=mine.count + before,
            confirmed=before > 0,
        )


def _exp(value: float) -> float:
    return math.exp(value) if value < 700 else math.inf
