"""Means over seeds, their intervals, and what those decide."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from gradverify.verification.experiments.spread import Spread, curve, span
from gradverify.verification.experiments.statement_outcomes import at_least, at_most, both, without
from gradverify.verification.record.study import Statement


def test_interval_is_students() -> None:
    values = np.array([1.0, 2.0, 4.0, 4.5])
    spread = Spread.of(values)
    low, high = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (spread.mean, spread.low, spread.high) == pytest.approx((2.875, low, high))


def test_one_seed_has_no_interval() -> None:
    spread = Spread.of([0.9])
    assert (spread.low, spread.high) == (-math.inf, math.inf)
    assert str(spread) == "0.9 (one seed)"
    assert curve("a", (0, 1), np.array([[0.9], [0.8]])).low == ()


def test_curve_has_an_interval_at_every_point() -> None:
    series = curve("a", (0, 5), np.array([[1.0, 3.0], [2.0, 2.0]]))
    assert series.x == (0.0, 5.0)
    assert series.y == (2.0, 2.0)
    assert series.low[0] < 1.0 < 3.0 < series.high[0]
    assert series.low[1] == series.high[1] == 2.0


def test_a_span_goes_from_the_least_to_the_largest() -> None:
    assert span([Spread.of([5.0, 5.0]), Spread.of([1.0, 1.0])]) == "1 [1, 1] to 5 [5, 5]"


@pytest.mark.parametrize(
    ("values", "least", "most"),
    [((0.9, 0.91), "holds", "fails"), ((0.7, 0.9), "open", "open"), ((0.1, 0.11), "fails", "holds"), ((0.9,), "open", "open")],
)
def test_a_threshold_is_decided_by_the_interval(values: tuple[float, ...], least: str, most: str) -> None:
    spread = Spread.of(values)
    assert (at_least(spread, 0.8), at_most(spread, 0.8)) == (least, most)


def test_both_halves_have_to_hold() -> None:
    assert both("holds", "holds") == "holds"
    assert both("holds", "open") == both("open", "open") == "open"
    assert both("open", "fails") == both("fails", "holds") == "fails"


@pytest.mark.parametrize(("outcome", "weaker"), [("holds", "open"), ("fails", "fails"), ("open", "open")])
def test_incomplete_evidence_lets_nothing_hold(outcome: str, weaker: str) -> None:
    made = Statement(claim="It is.", outcome=outcome, measured="3")  # type: ignore[arg-type]
    assert without(made, "") == made
    found = without(made, "left out: two")
    assert (found.outcome, found.measured) == (weaker, "3; left out: two")
