"""One look: which channels are open, and the limits of those that are not."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from gradverify.verification.statistics.bias_look import Look, look
from gradverify.verification.statistics.confidence import interval
from gradverify.verification.statistics.moments import Moments

from .simulated_cells import a_plan


def seen(rows: np.ndarray, **changes: Any) -> Look:
    plan = a_plan(rows.shape[1], directions=None, truth=np.zeros(rows.shape[1]), **changes)
    return look(plan, Moments.from_rows(rows), stage="screen", start=np.zeros(rows.shape[1], dtype=np.int64))


def test_a_channel_opens_with_enough_rows_and_no_dominant_one() -> None:
    rows = np.random.default_rng(0).normal(size=(2000, 2))
    rows[0, 1] = 20.0  # 400 of 2,400, far above two per cent of the sum of squares
    assert seen(rows).open.tolist() == [True, False]
    assert seen(rows).start.tolist() == [2000, 0]
    assert not seen(rows[:999, :1]).open.any()
    assert not seen(rows[:, :1], p_gate=1e-3).open.any()


def test_limits_are_those_of_the_sequence_and_infinite_while_closed() -> None:
    rows = np.random.default_rng(1).normal(size=(2000, 2))
    rows[0, 1] = 20.0
    at = seen(rows)
    moments = Moments.from_rows(rows)
    lower, upper = interval(moments.mean, moments.std, moments.skewness, 2000, 2000, at.alpha)
    assert (at.alarm[0][0], at.alarm[1][0]) == (lower[0], upper[0])
    assert (at.alarm[0][1], at.alarm[1][1]) == (-math.inf, math.inf)
    assert at.accept[1][0] < at.alarm[1][0]  # the equivalence test has the larger rate


def test_constant_rows_are_settled_when_no_branch_can_hide() -> None:
    few, many = np.full((9999, 1), 2.5), np.full((10_000, 1), 2.5)
    assert (bool(seen(few).constant[0]), bool(seen(few).settled[0])) == (True, False)
    settled = seen(many)
    assert bool(settled.settled[0])
    assert (settled.alarm[0][0], settled.alarm[1][0]) == (2.5, 2.5)


def alarm_rate(*, forgetting: bool, runs: int = 300, last: int = 1_000_000) -> float:
    """Return the share of runs of normal rows without bias in which any of 40 looks raises an alarm.

    The moments of the rows are drawn as such, their mean from its own law: only the mean enters by chance.

    Args:
        forgetting: If True, every look takes itself for the first one, so that nothing is paid for the earlier ones.
        runs: The number of runs.
        last: The rows of the last look.
    """
    plan = a_plan(1, directions=None, truth=np.zeros(1), alpha=0.01)
    sizes = np.unique(np.geomspace(1000, last, 40).astype(int))
    shape = Moments.from_rows(np.random.default_rng(0).normal(size=(1000, 1)))
    steps = np.sqrt(np.diff(sizes, prepend=0)) * np.random.default_rng(1).normal(size=(runs, len(sizes)))
    alarms = 0
    for path in np.cumsum(steps, axis=1):
        start = np.zeros(1, dtype=np.int64)
        for size, total in zip(sizes, path, strict=True):
            m2, m4 = np.array([float(size)]), np.array([3.0 * size])
            moments = replace(shape, count=int(size), mean=np.array([total / size]), m2=m2, m3=np.zeros(1), m4=m4)
            at = look(plan, moments, stage="screen", start=np.zeros_like(start) if forgetting else start)
            start = at.start
            if at.alarm[0][0] > 0 or at.alarm[1][0] < 0:
                alarms += 1
                break
    return alarms / runs


def test_looking_often_is_paid_for() -> None:
    """A stage's level is .1. Normal rows use .06 of it in so many looks (20,000 simulated paths), and .17 if looks forget."""
    assert alarm_rate(forgetting=False) <= 0.1
    assert alarm_rate(forgetting=True) > 0.1
