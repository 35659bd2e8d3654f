"""From intervals to outcomes: thresholds, two halves, and incomplete evidence."""

from __future__ import annotations

import pytest

from gradverify.verification.experiments.spread import Spread
from gradverify.verification.experiments.statement_outcomes import judge_at_least, judge_at_most, judge_both, weaken
from gradverify.verification.record.study import Statement


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
