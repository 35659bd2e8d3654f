"""One look at the moments of a cell: which channels may decide, and their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .bias_plan import BiasPlan, Stage
from .confidence import interval
from .moments import Moments

__all__ = ["Look", "look"]

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

_MOVED = 0.1  # of the tolerance, by which one row of a known rare outcome may move the mean
MAX_SHARE = 0.02  # if one row holds more of the sum of squares than this, the tail has not been seen


@dataclass(frozen=True, kw_only=True, eq=False)
class Look:
    """One look at the moments of a stage; arrays are over channels ``[c]``.

    Attributes:
        stage: ``screen`` or ``confirm``.
        count: The number of rows of the stage so far.
        mean: Estimated biases.
        std: Standard deviations of one row.
        skewness: Sample skewnesses.
        open: The channels whose sample can be trusted at this look.
        bounded: The channels that may be accepted: the open ones, and those whose far rows are known rare outcomes.
        start: The number of rows at a channel's first open look; 0 if it has not been open.
        constant: The channels without variation beyond rounding.
        settled: The constant channels with enough rows to be called deterministic, if they are right or may decide.
        hidden: The channels in which the estimator's rows or the reference's do not vary, so that they may hide an event.
        alpha: Error rates of the alarm intervals.
        alarm: Lower and upper limits at ``alpha``; infinite unless the channel is open or settled.
        accept: Lower and upper limits at the error rate of the equivalence test.
    """

    stage: Stage
    count: int
    mean: Array
    std: Array
    skewness: Array
    open: Flags
    bounded: Flags
    start: NDArray[np.int64]
    constant: Flags
    settled: Flags
    hidden: Flags
    alpha: Array
    alarm: tuple[Array, Array]
    accept: tuple[Array, Array]


def look(
    plan: BiasPlan,
    moments: Moments,
    *,
    stage: Stage,
    start: NDArray[np.int64],
    flagged: int | None = None,
    sides: Sequence[Moments] = (),
    trusted: Flags | bool = True,
) -> Look:
    """Judge the moments of a stage at one of its looks.

    A channel is open when it has 1,000 rows, ten expected sightings of the rarest outcome, and no row with more than
    2 % of the sum of squares (which implies ten rows per squared skewness). Its confidence sequence starts at its first open
    look. Where the reference is sampled, the difference of two rows may look harmless while one of them has not shown its rare
    event; so each side must be open by itself, and a side that does not vary is closed.

    Args:
        plan: The cell's plan.
        moments: The moments of all rows of the stage so far.
        stage: ``screen`` or ``confirm``.
        start: The ``start`` of the stage's previous look ``[c]``; zeros at the first look.
        flagged: The channel that the confirm stage watches.
        sides: The moments of the estimator's rows and of the reference's, if both are sampled.
        trusted: The channels ``[c]``, or all or none, in which equal rows hide nothing, so that they decide even if wrong.

    Returns:
        The look.
    """
    count = moments.count
    # Rounding moves a constant up or down by tau_numeric at most.
    numeric = plan.channels.bound(np.asarray(plan.tau_numeric))
    with np.errstate(invalid="ignore"):
        constant = (moments.maximum - moments.minimum) <= 2 * numeric
    hidden = _constant_side(sides[:1], numeric) & ~np.asarray(trusted) | _constant_side(sides[1:], numeric) & (
        not plan.gate_known
    )
    opened = _open(plan, moments) & ~constant & ~hidden
    for side in sides:
        opened &= _open(plan, side) | _constant_side((side,), numeric)
    start = np.where((start == 0) & opened, count, start)
    bounded = opened | (_known_tail(plan, moments) & ~constant & ~hidden)
    right = np.maximum(np.abs(moments.minimum), np.abs(moments.maximum)) <= plan.slack + numeric
    settled = constant & (count >= plan.rows_if_constant) & (right | trusted)
    alpha = plan.channel_alpha(stage, flagged)
    return Look(
        stage=stage,
        count=count,
        mean=moments.mean,
        std=moments.std,
        skewness=moments.skewness,
        open=opened,
        bounded=bounded,
        start=start,
        constant=constant,
        settled=settled,
        hidden=hidden,
        alpha=alpha,
        alarm=_limits(moments, opened, settled, start, alpha),
        accept=_limits(moments, bounded, settled, np.where(start > 0, start, count), np.full_like(alpha, plan.alpha_unbiased)),
    )


def _constant_side(sides: Sequence[Moments], numeric: Array) -> Flags:
    """Return the channels in which one of the sides does not vary beyond rounding."""
    constant = np.zeros(numeric.shape, dtype=np.bool_)
    for side in sides:
        with np.errstate(invalid="ignore"):
            constant |= (side.maximum - side.minimum) <= 2 * numeric
    return constant


def _known_tail(plan: BiasPlan, moments: Moments) -> Flags:
    """Return the channels whose far rows are those of known rare outcomes, none of which moves the mean by much.

    The share of a single row closes a channel because what is rarer still may be larger. Here what is rarer is known.
    """
    largest = np.asarray(plan.known_reach).max()
    if moments.count < plan.rows_to_open or largest == 0:
        return np.zeros(moments.mean.shape, dtype=np.bool_)
    reach = plan.channels.bound(np.asarray(largest + np.abs(np.asarray(plan.truth))))
    far = np.maximum(moments.maximum - moments.mean, moments.mean - moments.minimum)
    room = _MOVED * moments.count * plan.tolerance(plan.r_accept)
    return np.isfinite(moments.skewness) & (far <= 2 * reach) & (far <= room)


def _open(plan: BiasPlan, moments: Moments) -> Flags:
    if moments.count < plan.rows_to_open:
        return np.zeros(moments.mean.shape, dtype=np.bool_)
    # Skewness needs no gate: skewness^2 <= count * max_share always, so an open channel has 50 rows per squared skewness.
    # Overflow leaves NaN, and a comparison with NaN is false, so the channel stays closed.
    return np.isfinite(moments.skewness) & (moments.max_share <= MAX_SHARE)


def _limits(moments: Moments, opened: Flags, settled: Flags, start: NDArray[np.int64], alpha: Array) -> tuple[Array, Array]:
    lower, upper = np.full_like(moments.mean, -np.inf), np.full_like(moments.mean, np.inf)
    if opened.any():
        low, high = interval(
            moments.mean[opened],
            moments.std[opened],
            moments.skewness[opened],
            moments.count,
            start[opened],
            alpha[opened],
        )
        lower[opened], upper[opened] = low, high
    return np.where(settled, moments.minimum, lower), np.where(settled, moments.maximum, upper)
