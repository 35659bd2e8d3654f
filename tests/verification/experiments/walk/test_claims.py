"""Every statement holds on results that bear it out, and fails on results that do not."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from gradverify.verification.experiments.walk.accuracy import Accuracy
from gradverify.verification.experiments.walk.claims import statements
from gradverify.verification.experiments.walk.design import FLOAT, GUMBEL, SHIPPED, jobs
from gradverify.verification.experiments.walk.findings import Findings

from .designs import TINY, made_up

DESIGN = replace(TINY, estimators=(SHIPPED, FLOAT, *GUMBEL, "leave_one_out"))

GOOD: dict[str, object] = {}
BAD: dict[str, object] = {"end": 30.0, "wasserstein": 9.0, "ratio": 2.0, "long_error": 9.0, "bias": 0.5}
STUCK: dict[str, object] = {"status": "no gradient"}


def outcomes(tutorial: dict[str, object], gumbel: dict[str, object], other: dict[str, object]) -> dict[str, str]:
    made = {SHIPPED: tutorial, FLOAT: tutorial, **dict.fromkeys(GUMBEL, gumbel), "leave_one_out": other}
    results = tuple(made_up(job, **made[job.estimator]) for job in jobs(DESIGN))  # type: ignore[arg-type]
    return {each.claim: each.outcome for each in statements(Findings(DESIGN, results))}


def only(found: dict[str, str], words: str) -> str:
    (outcome,) = (outcome for claim, outcome in found.items() if words in claim)
    return outcome


IF_TUTORIAL_WERE_RIGHT = outcomes(GOOD, BAD, GOOD)
IF_NOT = outcomes({**BAD, **STUCK}, GOOD, {**BAD})


@pytest.mark.parametrize(
    "words",
    [
        "is differentiable and allows",
        "Made floating",
        "lower Wasserstein",
        "lower mean squared error",
        "variance ratio at approximately one",
        "Categorical stays aligned",
        "accumulates a large position error",
        "deviates substantially",
        "declare themselves unbiased",
        "Every other estimator",
    ],
)
def test_statements_can_hold_and_fail(words: str) -> None:
    right = outcomes(GOOD, GOOD, GOOD) if words.startswith("Every") else IF_TUTORIAL_WERE_RIGHT
    assert only(right, words) == "holds"
    assert only(IF_NOT, words) == "fails"


def test_bias_of_gumbel_softmax_is_said_only_where_it_is_seen() -> None:
    assert only(IF_TUTORIAL_WERE_RIGHT, "gradient is biased") == "holds"
    assert only(IF_NOT, "gradient is biased") == "open"


def test_convergence_that_depends_on_the_start() -> None:
    assert only(IF_NOT, "convergence depends on the start") == "holds"
    assert only(IF_TUTORIAL_WERE_RIGHT, "convergence depends on the start") == "open"


def test_the_tutorials_loss_is_not_least_at_the_truth() -> None:
    design = replace(DESIGN, losses=("trajectory", "mean"))
    (said,) = [each for each in statements(Findings(design, ())) if "single trajectories" in each.claim]
    assert said.outcome == "fails"
    assert "19.9427" in said.measured


def test_between_the_limits_nothing_is_decided() -> None:
    found = outcomes(GOOD, {"long_error": 1.0, "wasserstein": 1.0}, GOOD)
    assert only(found, "accumulates a large position error") == "open"
    assert only(found, "deviates substantially") == "open"


@pytest.mark.parametrize("backwards", [False, True])
def test_a_part_of_the_results_decides_its_part(backwards: bool) -> None:
    """After an interruption any jobs may be missing; a comparison needs both sides of one split and loss."""
    design = replace(DESIGN, splits=("time", "trajectories"))
    wanted = jobs(design)[:: -1 if backwards else 1]
    results = [made_up(job) for job in wanted]
    for count in range(len(results) + 1):
        assert len(statements(Findings(design, tuple(results[:count])))) <= 12
    apart = [made_up(job) for job in wanted if (job.estimator == SHIPPED) == (job.split == "time")]
    assert not [each for each in statements(Findings(design, tuple(apart))) if "lower" in each.claim]


LOST = ("crashed", "not finite")


def with_status(status: str, lost: str, loss: str = "mean") -> dict[str, tuple[str, str]]:
    """Every estimator's results are good, but for one estimator's at one loss."""
    design = replace(DESIGN, losses=("trajectory", "mean"))
    results = tuple(
        made_up(job, **(STUCK if job.estimator == SHIPPED else GOOD))  # type: ignore[arg-type]
        if (job.estimator, job.loss) != (lost, loss)
        else replace(made_up(job, end=math.nan, ratio=math.nan), status=status)  # type: ignore[arg-type]
        for job in jobs(design)
    )
    return {each.claim: (each.outcome, each.measured) for each in statements(Findings(design, results))}


@pytest.mark.parametrize("status", LOST)
def test_what_was_lost_lets_no_claim_hold_and_is_named(status: str) -> None:
    found = with_status(status, "leave_one_out")
    for words in ("declare themselves unbiased", "Every other estimator"):
        ((outcome, measured),) = (said for claim, said in found.items() if words in claim)
        assert outcome == "open"
        assert f"; left out: leave_one_out, time split, mean loss ({status})" in measured
    ((outcome, measured),) = (said for claim, said in with_status(status, SHIPPED).items() if "is differentiable" in claim)
    assert (outcome, measured.partition(" in ")[2][:6]) == ("fails", "1 of 1")


@pytest.mark.parametrize("status", [*LOST, "not applicable"])
def test_without_evidence_there_is_no_statement(status: str) -> None:
    results = tuple(made_up(job, status=status) for job in jobs(DESIGN))
    assert statements(Findings(DESIGN, results)) == ()


def test_an_estimator_that_does_not_apply_is_not_among_the_named() -> None:
    results = tuple(
        made_up(job, status="not applicable" if job.estimator == GUMBEL[0] else "descended") for job in jobs(DESIGN)
    )
    ((claim, outcome),) = (
        (each.claim, each.outcome) for each in statements(Findings(DESIGN, results)) if "Every other" in each.claim
    )
    assert outcome == "holds"
    assert "(gumbel_softmax_straight_through, leave_one_out)" in claim


def test_a_shipped_rule_that_once_descends_is_not_decided() -> None:
    design = replace(DESIGN, losses=("trajectory", "mean"))
    results = tuple(made_up(job, status="no gradient" if job.loss == "mean" else "descended") for job in jobs(design))
    (outcome,) = (each.outcome for each in statements(Findings(design, results)) if "is differentiable" in each.claim)
    assert outcome == "open"


def test_a_batch_that_is_not_finite_shows_no_absence_of_bias() -> None:
    unknown = Accuracy(10.0, 2.0, math.nan, math.nan, math.nan, math.nan, 99)
    results = [made_up(job) for job in jobs(DESIGN)]
    results[-1] = replace(results[-1], accuracy=(unknown, *results[-1].accuracy[1:]))
    (said,) = (each for each in statements(Findings(DESIGN, tuple(results))) if "declare themselves unbiased" in each.claim)
    assert said.outcome == "open"
    assert "0 of 1 points" in said.measured
    assert "a batch was not finite at 1 more" in said.measured
    (gumbel,) = (each for each in statements(Findings(DESIGN, tuple(results))) if "gradient is biased" in each.claim)
    assert "nan" not in gumbel.measured


def test_without_the_estimators_nothing_is_claimed() -> None:
    assert statements(Findings(TINY, ())) == ()
