"""Expectations of sound estimators: who is held to them, and what a bias does to them."""

from __future__ import annotations

from dataclasses import replace

from gradverify.verification.experiments.walk.design import EXACT, SHIPPED, jobs
from gradverify.verification.experiments.walk.findings import Findings
from gradverify.verification.experiments.walk.sound_claims import (
    all_others_calibrate,
    are_unbiased_as_declared,
    declared_unbiased,
    is_least_at_the_truth,
    others,
)

from .designs import TINY, made_up

DESIGN = replace(TINY, estimators=(EXACT, SHIPPED, "leave_one_out", "straight_through"))


def findings(bias: float) -> Findings:
    return Findings(DESIGN, tuple(made_up(job, bias=bias) for job in jobs(DESIGN)))


def test_only_the_estimators_own_declarations_bind_them() -> None:
    assert declared_unbiased(findings(0.0)) == ["leave_one_out"]
    assert others(findings(0.0)) == {"leave_one_out", "straight_through"}


def test_a_bias_refutes_a_declaration() -> None:
    outcomes = [are_unbiased_as_declared(findings(bias)) for bias in (0.0, 0.5)]
    assert [each and each.outcome for each in outcomes] == ["holds", "fails"]


def test_nothing_is_claimed_without_results() -> None:
    empty = Findings(DESIGN, ())
    assert all_others_calibrate(empty) is are_unbiased_as_declared(empty) is is_least_at_the_truth(empty) is None
