"""Means over seeds, their intervals, and what those decide."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from gradverify.verification.experiments.spread import Spread, describe_span, make_curve


def test_interval_is_students() -> None:
    values = np.array([1.0, 2.0, 4.0, 4.5])
    spread = Spread.of(values)
    low, high = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (spread.mean, spread.low, spread.high) == pytest.approx((2.875, low, high))


def test_one_seed_has_no_interval() -> None:
    spread = Spread.of([0.9])
    assert (spread.low, spread.high) == (-math.inf, math.inf)
    assert str(spread) == "0.9 (one seed)"
    assert make_curve("a", (0, 1), np.array([[0.9], [0.8]])).low == ()


def test_curve_has_an_interval_at_every_point() -> None:
    series = make_curve("a", (0, 5), np.array([[1.0, 3.0], [2.0, 2.0]]))
    assert series.x == (0.0, 5.0)
    assert series.y == (2.0, 2.0)
    assert series.low[0] < 1.0 < 3.0 < series.high[0]
    assert series.low[1] == series.high[1] == 2.0


def test_a_span_goes_from_the_least_to_the_largest() -> None:
    assert describe_span([Spread.of([5.0, 5.0]), Spread.of([1.0, 1.0])]) == "1 [1, 1] to 5 [5, 5]"
