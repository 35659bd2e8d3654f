"""Every change of a verdict, and its direction."""

from __future__ import annotations

import pytest

from gradverify.verification.comparison.compare import compare
from gradverify.verification.record.record import Cell, Check, Record

from .simulated_records import changed, ended, found, one, record


@pytest.mark.parametrize(
    ("base", "head", "direction"),
    [
        ({"outcome": "unbiased"}, {"outcome": "biased", "material": "material"}, "worse"),
        ({"outcome": "unbiased"}, {"outcome": "biased", "material": "undetermined"}, "lost"),
        ({"outcome": "unbiased"}, {"outcome": "biased", "material": "negligible"}, "changed"),
        ({"outcome": "unbiased"}, {"outcome": "no-gradient"}, "worse"),
        ({"outcome": "unbiased"}, {"outcome": "not-applicable"}, "worse"),
        ({"outcome": "unbiased"}, {"outcome": "inconclusive"}, "lost"),
        ({"outcome": "inconclusive"}, {"outcome": "unbiased"}, "better"),
        ({"outcome": "inconclusive"}, {"outcome": "biased", "material": "material"}, "changed"),
        ({"outcome": "inconclusive"}, {"outcome": "biased", "material": "material", "claim": "refuted"}, "worse"),
        ({"outcome": "biased", "material": "material"}, {"outcome": "unbiased", "material": ""}, "better"),
        ({"outcome": "unbiased", "claim": "supported"}, {"outcome": "unbiased", "claim": "refuted"}, "worse"),
        ({"outcome": "unbiased", "claim": "refuted"}, {"outcome": "unbiased", "claim": "supported"}, "better"),
    ],
)
def test_every_change_of_a_verdict(base: dict[str, str], head: dict[str, str], direction: str) -> None:
    comparison = compare(
        changed(one(), "bias", **{"claim": "none", **base}), changed(one(), "bias", **{"claim": "none", **head})
    )
    assert found(comparison) == {("verdict", direction)}
    assert comparison.exit_status == {"worse": 1, "lost": 3}.get(direction, 0)


def test_a_lost_verdict_says_what_either_run_would_have_seen() -> None:
    """The change of the detectable bias, which is what was lost."""
    base, head = changed(one(), "bias", detectable=0.25), changed(one(), "bias", outcome="inconclusive", detectable=1.5)
    (lost,) = [each for each in compare(base, head).changes if each.quantity == "verdict"]
    assert "the smallest bias that would have been seen is 1.5, 0.25 before" in lost.note


@pytest.mark.parametrize("status", ["failed", "crashed", "timeout"])
def test_a_cell_that_no_longer_runs_is_worse(status: str) -> None:
    broken = ended(changed(one(), "bias", outcome="failed", claim="none"), status=status)
    assert compare(one(), broken).exit_status == 1
    assert found(compare(broken, one())) == {("verdict", "better")}


def test_another_check_that_is_refuted_is_worse() -> None:
    comparison = compare(one(), changed(one(), "variance", outcome="differs from exact", claim="refuted"))
    (change,) = comparison.changes
    assert (change.direction, change.base, change.head) == ("worse", "variance: measured", "variance: differs from exact")


def test_references_that_come_to_disagree_are_worse() -> None:
    def with_references(outcome: str, claim: str) -> Record:
        check = Check(check="references", outcome=outcome, claim=claim)
        return record([Cell(estimator="references", problem="one", status="ok", checks=(check,))])

    good, bad = with_references("agree", "supported"), with_references("disagree", "refuted")
    assert (compare(good, bad).exit_status, compare(bad, good).exit_status) == (1, 0)
