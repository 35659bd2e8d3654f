"""Means over seeds, their intervals, and what those decide."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from gradverify.verification.experiments.spread import Spread, describe_span, make_curve
from gradverify.verification.experiments.statement_outcomes import judge_at_least, judge_at_most, judge_both, weaken
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
    assert make_curve("a", (0, 1), np.array([[0.9], [0.8]])).low == ()


def test_curve_has_an_interval_at_every_point() -> None:
    series = make_curve("a", (0, 5), np.array([[1.0, 3.0], [2.0, 2.0]]))
    assert series.x == (0.0, 5.0)
    assert series.y == (2.0, 2.0)
    assert series.low[0] < 1.0 < 3.0 < series.high[0]
    assert series.low[1] == series.high[1] == 2.0


def test_a_span_goes_from_the_least_to_the_largest() -> None:
    assert describe_span([Spread.of([5.0, 5.0]), Spread.of([1.0, 1.0])]) == "1 [1, 1] to 5 [5, 5]"


@pytest.mark.parametrize(
    ("values", "least", "most"),
    [((0.9, 0.91), "holds", "fails"), ((0.7, 0.9), "open", "open"), ((0.1, 0.11), "fails", "holds"), ((0.9,), "open", "open")],
)
def test_a_threshold_is_decided_by_the_interval(values: tuple[float, ...], least: str, most: str) -> None:
    spread = Spread.of(values)
    assert (judge_at_least(spread, 0.8), judge_at_most(spread, 0.8)) == (least, most)


def test_both_halves_have_to_hold() -> None:
    assert judge_both("holds", "holds") == "holds"
    assert judge_both("holds", "open") == judge_both("open", "open") == "open"
    assert judge_both("open", "fails") == judge_both("fails", "holds") == "fails"


@pytest.mark.parametrize(("outcome", "weaker"), [("holds", "open"), ("fails", "fails"), ("open", "open")])
def test_incomplete_evidence_lets_nothing_hold(outcome: str, weaker: str) -> None:
    made = Statement(claim="It is.", outcome=outcome, measured="3")  # type: ignore[arg-type]
    assert weaken(made, "") == made
    found = weaken(made, "left out: two")
    assert (found.outcome, found.measured) == (weaker, "3; left out: two")
