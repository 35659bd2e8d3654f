"""One look: which channels are open, and the limits of those that are not."""

from __future__ import annotations

import math
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
