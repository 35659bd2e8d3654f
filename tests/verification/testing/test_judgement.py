"""Judgements: what an assertion finds, as a sentence and as a cell of a record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from gradverify.estimators import LeaveOneOut, Program
from gradverify.verification import verify
from gradverify.verification.report import exit_status, validate
from gradverify.verification.testing.judgement import Judgement, judge_not_worse, judge_unbiased, judge_variance, judgements_of

from ..targets import wrong
from ..targets.programs import FAIR, several

EMPTY = verify("leave_one_out", FAIR, expect="any")


def variance(limit: float) -> list[Judgement]:
    return judge_variance(LeaveOneOut(), FAIR, limit, false_fail_rate=1e-6, profile="quick", seed=0, replay="again")


def not_worse(margin: float) -> list[Judgement]:
    return judge_not_worse(
        wrong.Scaled(1.5), LeaveOneOut(), FAIR, margin=margin, cost=None, false_fail_rate=1e-6, profile="quick", seed=0
    )


@pytest.mark.parametrize(
    ("judge", "amount", "check", "outcome", "claim"),
    [
        (variance, 50.0, "variance limit", "within", "supported"),
        (variance, 40.0, "variance limit", "above", "refuted"),
        (not_worse, 1.3, "variance ratio", "within", "supported"),
        (not_worse, 1.2, "variance ratio", "above", "refuted"),
    ],
)
def test_a_judgement_is_a_valid_cell(
    judge: Callable[[float], list[Judgement]], amount: float, check: str, outcome: str, claim: str
) -> None:
    """The exact variance is 49, and 2.25 times that with a factor of 1.5; false-fail rate 1e-6 each."""
    (found,) = judge(amount)
    (answer,) = found.cell.checks
    assert (answer.check, answer.outcome, answer.claim) == (check, outcome, claim)
    assert found.passed == (claim == "supported")
    record = replace(EMPTY, cells=(found.cell,), families=())
    validate(record)
    assert exit_status(record) == (0 if found.passed else 1)


def test_what_is_within_says_what_would_have_shown() -> None:
    (found,) = variance(50.0)
    assert "not above 50; 32768 rows; an excess beyond 1.0" in found.sentence
    assert found.sentence.endswith("false-fail rate 1e-06, seed 0")
    assert found.cell.replay == "again"


def heavy(program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
    """Rows times a lognormal weight: no sample of this size has seen what their variance is made of."""
    weight = torch.exp(2.5 * torch.randn(num_samples, generator=generator, dtype=params.dtype))
    return LeaveOneOut()(program, params, num_samples, generator) * weight


def test_a_heavy_tail_is_named() -> None:
    (found,) = judge_variance(heavy, FAIR, 1e30, false_fail_rate=1e-6, profile="quick", seed=0)
    assert not found.passed
    assert "inconclusive (tail) against 1e+30" in found.sentence
    assert found.sentence.endswith("give more rows (profile), or use exact moments")


def test_a_stale_seed_confirms_no_excess() -> None:
    """Its second stage would repeat the first, and confirm whatever that had found."""
    (found,) = judge_variance(wrong.StaleSeed(), FAIR, 1e-3, false_fail_rate=1e-6, profile="quick", seed=0, replay="again")
    (answer,) = found.cell.checks
    assert (answer.outcome, answer.claim, answer.details["reason"]) == ("failed", "refuted", "repeated rows")
    assert (found.passed, found.cell.status) == (False, "failed")
    assert "no variance of StaleSeed() was measured: " in found.sentence
    validate(replace(EMPTY, cells=(found.cell,), families=()))
    assert exit_status(replace(EMPTY, cells=(found.cell,), families=())) == 1


def test_a_baselines_stale_seed_is_not_held_against_the_estimator() -> None:
    options = {"margin": 0.1, "cost": None, "false_fail_rate": 1e-6, "profile": "quick", "seed": 0}
    (found,) = judge_not_worse(LeaveOneOut(), wrong.StaleSeed(), FAIR, **options)  # type: ignore[arg-type]
    assert (found.passed, found.cell.checks[0].outcome, found.cell.checks[0].claim) == (False, "not measured", "inconclusive")


def test_a_name_of_several_problems_is_judged_on_each_and_shares_its_rate() -> None:
    found = judge_variance(LeaveOneOut(), "bernoulli:0.3", 1e4, false_fail_rate=3e-6, profile="quick", seed=0)
    assert [each.cell.problem for each in found] == [f"bernoulli:0.3/{name}/p" for name in ("square", "cubic", "exponential")]


def test_a_bias_inside_the_tolerance_is_tolerated() -> None:
    """Found, and found to be negligible: factor 1.08 against ten per cent."""
    (found,) = judge_unbiased(wrong.Scaled(1.08), FAIR, tolerance=0.1, false_fail_rate=1e-6, profile="thorough", seed=0)
    bias = found.cell.find("bias")
    assert bias is not None
    assert (bias.outcome, bias.details["material"], found.passed) == ("biased", "negligible", True)


def test_a_record_holds_cell_by_cell_unless_a_claim_is_refuted() -> None:
    record = verify(["straight_through", wrong.Scaled(2.0), LeaveOneOut()], several()[0])
    assert [each.passed for each in judgements_of(record)] == [True, False, True]
