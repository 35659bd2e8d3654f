"""Claims about the tutorial's Categorical: silent without its results, and open between the limits."""

from __future__ import annotations

from dataclasses import replace

from gradverify.verification.experiments.walk.categorical_claims import (
    calibrates_when_floating,
    converges_by_start,
    has_lower_wasserstein,
    is_differentiable,
)
from gradverify.verification.experiments.walk.design import FLOAT, GUMBEL, SHIPPED, jobs
from gradverify.verification.experiments.walk.findings import Findings

from .designs import TINY, made_up

DESIGN = replace(TINY, estimators=(SHIPPED, FLOAT, GUMBEL[0]))


def test_nothing_is_claimed_without_results() -> None:
    empty = Findings(DESIGN, ())
    for claim in (is_differentiable, calibrates_when_floating, has_lower_wasserstein, converges_by_start):
        assert claim(empty) is None


def test_a_rule_that_does_not_move_is_said_to_depend_on_its_start() -> None:
    results = tuple(made_up(job, status="no gradient") for job in jobs(DESIGN))
    found = converges_by_start(Findings(DESIGN, results))
    assert found is not None
    assert (found.outcome, found.measured) == ("holds", "10 ends at 10, 30 ends at 30")


def test_overlapping_intervals_leave_a_comparison_open() -> None:
    found = has_lower_wasserstein(Findings(DESIGN, tuple(made_up(job) for job in jobs(DESIGN))))
    assert found is not None
    assert found.outcome == "open"
    assert found.measured.startswith("lower in 0, higher in 0 of 2 configurations")
